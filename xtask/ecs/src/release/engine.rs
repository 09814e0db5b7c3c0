//! Which docker, which buildx, which builder: asked before the first effect.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::beside::both;
use crate::config::{Builder, Image};
use crate::event::Events;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::net::route::{self, Proxy};
use crate::process::{Cmd, Ended, Shell, Tool, ToolError, cmd, shell};

/// The name of the docker-container builder this tool makes where the engine's own lacks the OCI exporter.
const OWN_BUILDER: &str = "xtask";
/// `--allow fs.write=…` came with this buildx, the first whose bake takes an output outside its folder.
const OLDEST_BUILDX: (u32, u32) = (0, 17);
const ANSWER: Duration = Duration::from_secs(30);
const BOOT: Duration = Duration::from_secs(300);

/// A builder that can write an OCI layout.
#[derive(Debug)]
pub(crate) struct Engine {
    /// What `--builder` says; `None` leaves the choice to buildx.
    pub builder: Option<String>,
    /// Whether the builder has still to be created.
    create: Mutex<bool>,
    /// For people, such as `buildx 0.29.1, driver docker`.
    pub description: String,
}

impl Engine {
    /// Asks docker and buildx what they can do; changes nothing. `images` are those to be built from a Dockerfile.
    pub(crate) fn probe(images: &[&Image], interrupt: &Interrupt) -> Result<Self> {
        // Each of these starts for a tenth of a second, mostly on one core.
        let (store, version) = ("{{json .DriverStatus}}", "{{.Server.Version}}");
        let ask = |command: fn(&Shell) -> Cmd<'_>| move || docker(command, ANSWER, interrupt);
        let of_buildx =
            || both(ask(|sh| cmd!(sh, "docker buildx version")), ask(|sh| cmd!(sh, "docker buildx inspect")));
        let of_docker = || {
            both(
                || docker(|sh| cmd!(sh, "docker info --format {store}"), ANSWER, interrupt),
                || docker(|sh| cmd!(sh, "docker version --format {version}"), ANSWER, interrupt),
            )
        };
        let ((buildx, inspected), (info, server)) = both(of_buildx, of_docker);
        let server = server?;
        if !server.status.success() {
            return Err(no_engine(&server));
        }
        let buildx = buildx?;
        if let Some(buildah) = buildah(&String::from_utf8_lossy(&buildx.stdout)) {
            return Err(Failure::world(format_args!(
                "the docker in PATH is podman's, which builds with {buildah}: it has no `buildx bake`, and writes no layout"
            ))
            .help("put docker with buildx before it in PATH, or build without docker: `package = \"…\"` in the image's table"));
        }
        let version = buildx_version(&String::from_utf8_lossy(&buildx.stdout)).filter(|_| buildx.status.success());
        let Some(version) = version else {
            return Err(Failure::world(format_args!(
                "docker is here, but its buildx plugin is not"
            ))
            .said(&buildx.tail)
            .help(
                "install it: https://docs.docker.com/go/buildx/ (Debian and Ubuntu: docker-buildx or docker-buildx-plugin)",
            ));
        };
        if version < OLDEST_BUILDX {
            return Err(Failure::world(format_args!(
                "docker buildx {}.{} is too old: {}.{} or newer is needed to write an image layout",
                version.0, version.1, OLDEST_BUILDX.0, OLDEST_BUILDX.1
            ))
            .help("install a newer one: https://docs.docker.com/go/buildx/"));
        }

        let inspected = inspected?;
        let containerd = has_containerd_store(&info?);
        let mut problems = Vec::new();
        let mut takes_any = false;
        for image in images {
            let Builder::Dockerfile(dockerfile) = &image.builder else { continue };
            let Some(name) = &dockerfile.builder else {
                takes_any = true;
                continue;
            };
            let named = docker(|sh| cmd!(sh, "docker buildx inspect {name}"), ANSWER, interrupt)?;
            problems.extend(unfit((&image.name, name), &named, containerd));
        }
        if !problems.is_empty() {
            return Err(Failure::together(problems));
        }
        let driver = driver_of(&String::from_utf8_lossy(&inspected.stdout)).unwrap_or("docker".to_owned());
        let describe = |driver: &str| format!("buildx {}.{}, driver {driver}", version.0, version.1);
        if driver != "docker" || containerd || !takes_any {
            return Ok(Self { builder: None, create: Mutex::new(false), description: describe(&driver) });
        }
        let own = docker(|sh| cmd!(sh, "docker buildx inspect {OWN_BUILDER}"), ANSWER, interrupt)?;
        Ok(Self {
            builder: Some(OWN_BUILDER.to_owned()),
            create: Mutex::new(!own.status.success()),
            description: describe("docker-container"),
        })
    }

    /// Creates the docker-container builder where it is needed and not there yet; who comes second waits for the first.
    pub(crate) fn prepare(&self, events: &Events, interrupt: &Interrupt) -> Result<()> {
        let mut create = self.create.lock().unwrap_or_else(PoisonError::into_inner);
        if !*create {
            return Ok(());
        }
        events.note(
            "Creating",
            format!("builder `{OWN_BUILDER}` (driver docker-container): the engine's own cannot write an image layout"),
        );
        let proxy = route::proxy().ok().flatten();
        for sentence in left_out(proxy.as_ref(), &|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        {
            events.warn(sentence);
        }
        let options = driver_options(proxy);
        let made = docker(
            |sh| {
                let driver = "docker-container";
                cmd!(sh, "docker buildx create --name {OWN_BUILDER} --driver {driver} --bootstrap {options...}")
            },
            BOOT,
            interrupt,
        )?;
        if made.status.success() {
            *create = false;
            return Ok(());
        }
        Err(Failure::world("could not create a docker-container builder").said(&made.tail).help(
            "it needs the image moby/buildkit; or switch the engine to the containerd image store, which needs no \
             builder: https://docs.docker.com/engine/storage/containerd/",
        ))
    }
}

/// Why an image cannot be built by the builder that its configuration names.
fn unfit((image, name): (&str, &str), inspected: &Ended, containerd: bool) -> Option<Failure> {
    if !inspected.status.success() {
        let message = format!("image `{image}` is built by the buildx builder `{name}`, which is not there");
        return Some(Failure::usage(message).said(&inspected.tail).help(format!(
            "create it, such as with `docker buildx create --name {name} --driver kubernetes` or `--driver remote \
             tcp://HOST:PORT`, or correct `builder`"
        )));
    }
    let driver = driver_of(&String::from_utf8_lossy(&inspected.stdout)).unwrap_or("docker".to_owned());
    (driver == "docker" && !containerd).then(|| {
        let message = format!(
            "image `{image}` is built by `{name}`, the engine's own builder, and this engine cannot write an image layout"
        );
        Failure::usage(message).help("leave `builder` out, and one that can is created; or name another one")
    })
}

/// What the builder would need that is not handed to it: a login is for no argument, and the registries that an authority
/// is for are not known here. Source: BuildKit, buildkitd.toml, `[registry]`.
fn left_out(proxy: Option<&Proxy>, is_set: &dyn Fn(&str) -> bool) -> Vec<String> {
    let create = format!("docker buildx create --name {OWN_BUILDER} --driver docker-container");
    let login = proxy.filter(|proxy| proxy.address.contains('@')).map(|_| {
        format!(
            "the proxy has a login, which is kept out of arguments, so builder `{OWN_BUILDER}` does not go through it: \
             create the builder before, with `{create} --driver-opt env.HTTPS_PROXY=…`, or take a proxy without a login"
        )
    });
    let authorities: Vec<&str> = ["SSL_CERT_FILE", "AWS_CA_BUNDLE"].into_iter().filter(|name| is_set(name)).gather();
    let trust = (!authorities.is_empty()).then(|| {
        format!(
            "builder `{OWN_BUILDER}` does not know the authorities of {}: where a registry that it pulls from needs one, \
             create the builder before, with `{create} --buildkitd-config FILE`",
            authorities.join(" and ")
        )
    });
    login.into_iter().chain(trust).gather()
}

/// The builder pulls by itself, and so gets the way out that this process has. A login is for no argument: a proxy that
/// asks for one is left to who runs the engine. Source: docker buildx create, `--driver-opt`, a field of CSV each.
fn driver_options(proxy: Option<Proxy>) -> Vec<String> {
    let Some(Proxy { address, not_for }) = proxy.filter(|proxy| !proxy.address.contains('@')) else {
        return Vec::new();
    };
    let option = |(name, value): (&str, &str)| ["--driver-opt".to_owned(), format!("\"env.{name}={value}\"")];
    let variables = [("HTTPS_PROXY", address.as_str()), ("NO_PROXY", not_for.as_str())];
    variables.into_iter().filter(|(_, value)| !value.is_empty() && !value.contains('"')).flat_map(option).gather()
}

fn docker(line: impl FnOnce(&Shell) -> Cmd<'_>, timeout: Duration, interrupt: &Interrupt) -> Result<Ended> {
    let sh = shell()?;
    let line = line(&sh);
    let shown = line.to_string();
    Tool::of(line, timeout).run(interrupt, |_| {}).map_err(|error| match error {
        ToolError::Missing { .. } => {
            Failure::world("docker was not found in PATH, and an image with `dockerfile` is built with docker buildx")
                .help("install docker with buildx, or build without docker: `package = \"…\"` in the image's table")
        }
        ToolError::Interrupted { .. } => Failure::interrupted("interrupted while planning; nothing was done"),
        error => Failure::from(error).during(format_args!("could not run `{shown}`")),
    })
}

fn no_engine(answer: &Ended) -> Failure {
    Failure::world("the docker engine does not answer")
        .said(&answer.tail)
        .help("start it, or set DOCKER_HOST to one that runs")
}

fn has_containerd_store(info: &Ended) -> bool {
    // `[["driver-type","io.containerd.snapshotter.v1"]]`
    let status: Vec<Vec<String>> = serde_json::from_slice(&info.stdout).unwrap_or_default();
    status.iter().any(|pair| matches!(pair.as_slice(), [name, kind] if name == "driver-type" && kind.starts_with("io.containerd.snapshotter.")))
}

/// `github.com/docker/buildx v0.29.1 …` → (0, 29). Debian's says `0.29.1+ds1` without the `v`.
fn buildx_version(text: &str) -> Option<(u32, u32)> {
    let version = text.split_whitespace().nth(1)?.trim_start_matches('v');
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What podman's `docker buildx version` says in the place of buildx.
fn buildah(version: &str) -> Option<String> {
    let line = version.lines().map(str::trim).find(|line| line.to_ascii_lowercase().starts_with("buildah"))?;
    Some(line.to_owned())
}

fn driver_of(inspected: &str) -> Option<String> {
    inspected.lines().find_map(|line| line.strip_prefix("Driver:")).map(|driver| driver.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builder_of_our_own_gets_the_proxy_and_no_login_reaches_an_argument() {
        let proxy =
            |address: &str, not_for: &str| Some(Proxy { address: address.to_owned(), not_for: not_for.to_owned() });
        assert_eq!(
            driver_options(proxy("http://p:1", "a,b")),
            ["--driver-opt", "\"env.HTTPS_PROXY=http://p:1\"", "--driver-opt", "\"env.NO_PROXY=a,b\""]
        );
        assert_eq!(driver_options(proxy("http://p:1", "")).len(), 2);
        assert!(driver_options(proxy("http://u:hunter2@p:1", "")).is_empty());
        assert!(driver_options(None).is_empty());
    }

    #[test]
    fn what_the_builder_of_our_own_is_not_given_is_told_with_how_to_create_it() {
        let told = |address: &str, set: &[&str]| {
            let proxy = Proxy { address: address.to_owned(), not_for: String::new() };
            left_out(Some(&proxy), &|name| set.contains(&name))
        };
        assert_eq!(told("http://p:1", &["HTTPS_PROXY"]), [""; 0]);
        assert_eq!(left_out(None, &|_| false), [""; 0]);
        let login = told("http://u:hunter2@p:1", &[]);
        assert!(login[0].contains("the proxy has a login") && !login[0].contains("hunter2"), "{login:?}");
        assert!(
            login[0].contains("`docker buildx create --name xtask --driver docker-container --driver-opt"),
            "{login:?}"
        );
        let both = told("http://u:hunter2@p:1", &["SSL_CERT_FILE", "AWS_CA_BUNDLE"]);
        assert!(both[1].contains("the authorities of SSL_CERT_FILE and AWS_CA_BUNDLE"), "{both:?}");
        assert!(both[1].contains("--buildkitd-config FILE"), "{both:?}");
    }

    #[test]
    fn reads_versions_as_docker_and_debian_print_them() {
        assert_eq!(buildx_version("github.com/docker/buildx v0.36.1 28c90ea"), Some((0, 36)));
        assert_eq!(buildx_version("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-1"), Some((0, 13)));
        assert_eq!(buildx_version("what?"), None);
        assert!(buildx_version("github.com/docker/buildx v0.9.1 x").is_some_and(|version| version < OLDEST_BUILDX));
    }

    #[test]
    fn the_containerd_store_is_known_by_the_type_of_its_driver() {
        use std::os::unix::process::ExitStatusExt;
        let answer = |stdout: &str| Ended {
            status: std::process::ExitStatus::from_raw(0),
            stdout: stdout.as_bytes().to_vec(),
            tail: Vec::new(),
        };
        assert!(has_containerd_store(&answer(r#"[["driver-type","io.containerd.snapshotter.v1"]]"#)));
        let overlay = r#"[["Backing Filesystem","extfs"],["Root","/mnt/io.containerd.snapshotter.v1"]]"#;
        assert!(!has_containerd_store(&answer(overlay)));
        assert!(!has_containerd_store(&answer("null")));
    }

    #[test]
    fn podmans_builder_is_told_from_buildx() {
        assert_eq!(buildah("buildah 1.39.3\n").as_deref(), Some("buildah 1.39.3"));
        assert_eq!(buildah("github.com/docker/buildx v0.36.1 28c90ea"), None);
        assert_eq!(buildah("github.com/example/buildah-buildx v0.36.1"), None);
    }

    #[test]
    fn reads_the_driver_of_the_builder_in_use() {
        assert_eq!(driver_of("Name:   default\nDriver: docker\n\nNodes:\n").as_deref(), Some("docker"));
    }
}
