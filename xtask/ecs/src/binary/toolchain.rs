//! Which target to compile for, and the compiler flags that make the result static and the same everywhere.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::configuration::{Configuration, cargo_home, words};
use super::{Request, linker};
use crate::cause;
use crate::config::repository;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::process::ask;

/// The Rust compiler that cargo uses in the workspace.
pub(super) struct Toolchain {
    root: PathBuf,
    /// The triple of the building machine.
    pub host: String,
    sysroot: PathBuf,
}

/// OCI's architecture and the first word of Rust's triples for a platform.
pub(super) fn architecture(platform: &str) -> Result<(&'static str, &'static str)> {
    match platform {
        "linux/amd64" => Ok(("amd64", "x86_64")),
        "linux/arm64" | "linux/arm64/v8" => Ok(("arm64", "aarch64")),
        _ => Err(Failure::usage(format_args!(
            "`{platform}` is not a platform that ECS runs programs of a Rust package on"
        ))
        .help("use `linux/amd64` or `linux/arm64`")),
    }
}

impl Toolchain {
    /// Asks the compiler that runs in this folder, where a rust-toolchain file may choose another one.
    pub(super) fn probe(root: &Path) -> Result<Self> {
        let answer = ask(root, &rustc(), &["--print", "sysroot", "--print", "host-tuple"])
            .context("failed to ask `rustc --print host-tuple`; is Rust 1.84 or newer installed and in PATH?")?;
        let mut lines = answer.lines().map(str::to_owned);
        let (sysroot, host) = lines.next().zip(lines.next()).context("`rustc --print host-tuple` answered nothing")?;
        Ok(Self { root: root.to_owned(), host, sysroot: sysroot.into() })
    }

    /// The target to compile for: `wanted` where it is installed and fits, else the one that cargo is configured to
    /// build for, if it does, else musl, else glibc.
    pub(super) fn target(&self, platform: &str, wanted: Option<&str>, configuration: &Configuration) -> Result<String> {
        let machine = architecture(platform)?.1;
        let fits = |target: &str| target.starts_with(&format!("{machine}-")) && target.contains("-linux-");
        if let Some(wanted) = wanted {
            if !fits(wanted) {
                return Err(Failure::usage(format_args!("the target `{wanted}` is not for {platform}")).help(format!(
                    "use `{machine}-unknown-linux-musl` or `{machine}-unknown-linux-gnu`, or set `platform`"
                )));
            }
            return if self.installed(wanted) {
                Ok(wanted.to_owned())
            } else {
                Err(Failure::usage(format_args!("the target `{wanted}` is not installed"))
                    .help(format!("run `rustup target add {wanted}`")))
            };
        }
        let musl = format!("{machine}-unknown-linux-musl");
        let defaults = [musl.clone(), format!("{machine}-unknown-linux-gnu")];
        let configured = configured_targets(std::env::var("CARGO_BUILD_TARGET").ok(), configuration);
        let mut candidates = configured.into_iter().filter(|target| fits(target)).chain(defaults);
        candidates.find(|target| self.installed(target)).ok_or_else(|| {
            Failure::usage(format_args!("no target for {platform} is installed"))
                .help(format!("run `rustup target add {musl}`"))
        })
    }

    /// Whether the standard library for this target is there.
    fn installed(&self, target: &str) -> bool {
        let folder = self.sysroot.join("lib/rustlib").join(target).join("lib");
        let Ok(files) = std::fs::read_dir(folder) else { return false };
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
    }

    /// The compiler's own commit, by which a standard library without sources calls its files.
    fn commit(&self) -> Option<String> {
        let version = ask(&self.root, &rustc(), &["-vV"])?;
        version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).map(str::to_owned)
    }

    /// The flags of this build, beside the user's own.
    pub(super) fn flags(&self, request: &Request, configuration: &Configuration, target: &str) -> Flags {
        let inherited = inherited();
        let configured = if inherited.is_some() { Configured::default() } else { Configured::read(configuration) };
        let user = inherited.iter().flatten().chain(&configured.build).chain(&configured.target);
        let wants_static = !user.into_iter().any(|flag| names_no_static(flag));
        let mut ours = Vec::new();
        if wants_static {
            ours.push("-Ctarget-feature=+crt-static".to_owned());
        }
        ours.extend(self.remaps(request));
        Flags { target: target.to_owned(), inherited, displaced: configured.displaced(), ours, wants_static }
    }

    /// Paths of this machine, and what stands for them in the binary. The compiler takes the last that fits.
    fn remaps(&self, request: &Request) -> Vec<String> {
        let mut remaps = Vec::new();
        let mut remap = |from: &Path, to: &str| {
            remaps.push(format!("--remap-path-prefix={}={to}", from.display()));
        };
        if let Some(home) = cargo_home() {
            remap(&home, "/cargo");
        }
        // Only where the component rust-src is installed does the standard library name its own files there.
        let library = self.sysroot.join("lib/rustlib/src/rust");
        if library.exists()
            && let Some(commit) = self.commit()
        {
            remap(&library, &format!("/rustc/{commit}"));
        }
        // Packages beside the workspace, where the repository holds more than one.
        remap(repository(&request.root), "/repository");
        remap(&request.root, "/build");
        remap(&request.target_dir, "/build/target");
        remaps
    }
}

/// `CARGO_BUILD_TARGET`, or else `build.target`, which may be a list.
fn configured_targets(variable: Option<String>, configuration: &Configuration) -> Vec<String> {
    match variable.filter(|target| !target.is_empty()) {
        Some(target) => vec![target],
        None => configuration.values("build.target").next().map(words).unwrap_or_default(),
    }
}

/// Compiler flags and the way they reach cargo without displacing the user's.
///
/// Cargo takes the first of: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, all `target.*.rustflags`, `build.rustflags`.
/// Source: The Cargo Book, configuration, `build.rustflags`.
pub(super) struct Flags {
    target: String,
    inherited: Option<Vec<String>>,
    /// `build.rustflags`, which ours would displace.
    displaced: Vec<String>,
    ours: Vec<String>,
    wants_static: bool,
}

impl Flags {
    /// False where the user's own flags turn static linking off.
    pub(super) fn wants_static(&self) -> bool {
        self.wants_static
    }

    /// For a user whose flags are in files: cargo appends these to the target's own.
    pub(super) fn arguments(&self) -> Vec<String> {
        if self.inherited.is_some() {
            return Vec::new();
        }
        let flags: Vec<_> = self.displaced.iter().chain(&self.ours).gather();
        // A JSON list of strings is a TOML array too.
        let flags = serde_json::to_string(&flags).expect("strings are JSON");
        vec!["--config".to_owned(), format!("target.{}.rustflags={flags}", self.target)]
    }

    /// For a user whose flags are in the environment.
    pub(super) fn environment(&self) -> Option<(String, String)> {
        let inherited = self.inherited.as_ref()?;
        let flags: Vec<_> = inherited.iter().chain(&self.ours).map(String::as_str).gather();
        Some(("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\x1f")))
    }
}

/// The user's flags from the environment; `None` where there is no such variable.
fn inherited() -> Option<Vec<String>> {
    let split = |text: &str, on: char| text.split(on).filter(|flag| !flag.is_empty()).map(str::to_owned).gather();
    if let Ok(encoded) = std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        return Some(split(&encoded, '\x1f'));
    }
    std::env::var("RUSTFLAGS").ok().map(|flags| split(&flags, ' '))
}

/// The user's flags from cargo's configuration files.
#[derive(Debug, Default, PartialEq, Eq)]
struct Configured {
    build: Vec<String>,
    /// Of every target: which of them cargo takes is its business.
    target: Vec<String>,
}

impl Configured {
    /// What is nearer comes later and so wins.
    fn read(configuration: &Configuration) -> Self {
        let build = configuration.values("build.rustflags").rev().flat_map(words).gather();
        let target = configuration.children("target").filter_map(|target| target.get("rustflags")).flat_map(words);
        Self { build, target: target.gather() }
    }

    /// Any flags of a target displace those of `build`, ours as well: these have to be repeated, unless the user's
    /// own displace them anyway.
    fn displaced(self) -> Vec<String> {
        if self.target.is_empty() { self.build } else { Vec::new() }
    }
}

/// `-Ctarget-feature=…,-crt-static`, whether the option stands before it or with it.
fn names_no_static(flag: &str) -> bool {
    let option = flag.strip_prefix("--codegen=").or_else(|| flag.strip_prefix("-C")).unwrap_or(flag).trim_start();
    let features = option.strip_prefix("target-feature=").into_iter().flat_map(|features| features.split(','));
    features.into_iter().any(|feature| feature == "-crt-static")
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// Cargo's failure, with the fix for the ones that static linking and cross-compiling bring.
pub(super) fn build_failure(request: &Request, target: &str, tail: &[String]) -> Failure {
    let missing = ["failed to find tool …", "Failed to find tool", "linker … not found"];
    let musl = |line: &String| {
        line.split(|c: char| c.is_whitespace() || "\"`'".contains(c)).any(|word| word.ends_with("musl-gcc"))
    };
    let fix = if tail.iter().any(|line| musl(line) && cause::printed(std::slice::from_ref(line), &missing)) {
        let glibc = target.replace("-musl", "-gnu");
        format!("a dependency compiles C for musl: install musl-tools, or set `target = \"{glibc}\"`")
    } else if cause::printed(tail, &["cannot find -lc", "… cannot find -lc", "unable to find library -lc"]) {
        "the static half of the C library is missing: install it (glibc-static on Fedora, libc6-dev on Debian), or add \
         the musl target with `rustup target add`"
            .to_owned()
    } else if cause::printed(tail, &["linker … not found", "file in wrong format", "… is incompatible with …"]) {
        let variable = linker::setting(target);
        format!(
            "a linker for `{target}` is needed: install one, and name it in {variable} or as `linker` under \
             [target.{target}] in .cargo/config.toml"
        )
    } else {
        "the first error above says what to correct".to_owned()
    };
    Failure::world(format_args!("cargo could not build package `{}`", request.program.package)).said(tail).help(fix)
}

#[cfg(test)]
mod tests {
    use super::super::configuration::configuration;
    use super::*;

    fn configured(files: &[&str]) -> Configured {
        Configured::read(&configuration(files))
    }

    #[test]
    fn flags_of_the_build_are_repeated_the_nearest_last() {
        let near = "[build]\nrustflags = \"-Cnear -Cnearer\"";
        let far = "[build]\nrustflags = [\"-Cfar\"]";
        assert_eq!(configured(&[near, "no TOML", far]).displaced(), ["-Cfar", "-Cnear", "-Cnearer"]);
    }

    #[test]
    fn flags_of_a_target_are_left_to_cargo_and_displace_those_of_the_build() {
        let both =
            "[build]\nrustflags = [\"-Ca\"]\n[target.'cfg(unix)']\nrustflags = [\"-Ctarget-feature=-crt-static\"]";
        let configured = configured(&[both]);
        assert_eq!(configured.target, ["-Ctarget-feature=-crt-static"]);
        assert!(configured.displaced().is_empty());
    }

    #[test]
    fn the_target_that_cargo_is_configured_for_is_the_builders_where_it_fits() {
        let configuration = configuration(&["[build]\ntarget = [\"a\", \"b\"]", "[build]\ntarget = \"far\""]);
        assert_eq!(configured_targets(None, &configuration), ["a", "b"]);
        assert_eq!(configured_targets(Some("c".to_owned()), &configuration), ["c"]);
        let toolchain = Toolchain::probe(Path::new("/")).expect("there is a compiler");
        let own = std::env::consts::ARCH;
        let platform = if own == "aarch64" { "linux/arm64" } else { "linux/amd64" };
        let glibc = format!("[build]\ntarget = \"{own}-unknown-linux-gnu\"");
        for (file, fits) in [(glibc.as_str(), true), ("[build]\ntarget = \"wasm32-unknown-unknown\"", false)] {
            let target = toolchain.target(platform, None, &super::super::configuration::configuration(&[file]));
            let target = target.expect("one is installed");
            assert!(target.starts_with(own), "{target}");
            assert!(!fits || target.ends_with("-gnu"), "{target}");
        }
    }

    #[test]
    fn a_failure_names_the_linker_that_is_missing() {
        let request = crate::binary::fixture::request(Path::new("/workspace"));
        let tail = ["error: linker `aarch64-linux-gnu-gcc` not found".to_owned()];
        let message = build_failure(&request, "aarch64-unknown-linux-gnu", &tail).to_string();
        assert!(message.contains("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"), "{message}");
    }

    #[test]
    fn a_failure_is_told_by_what_was_said_and_not_by_a_name_in_it() {
        let request = crate::binary::fixture::request(Path::new("/workspace"));
        for (line, says) in [
            ("error: linker `x86_64-linux-musl-gcc` not found", "install musl-tools"),
            (
                "error occurred in cc-rs: failed to find tool \"musl-gcc\": No such file or directory",
                "install musl-tools",
            ),
            ("  = note: /usr/bin/ld: cannot find -lc: No such file or directory", "the static half of the C library"),
            ("rust-lld: error: unable to find library -lc", "the static half of the C library"),
            ("  = note: /usr/bin/ld: x.o: file in wrong format", "a linker for"),
            ("ld.lld: error: x.o is incompatible with elf64-x86-64", "a linker for"),
            ("  = note: /usr/bin/ld: cannot find -lcrypto: No such file or directory", "the first error above"),
            ("error[E0425]: cannot find value `linker` in this scope", "the first error above"),
            ("error: couldn't read `src/musl-gcc/file in wrong format.rs`", "the first error above"),
        ] {
            let message = build_failure(&request, "x86_64-unknown-linux-musl", &[line.to_owned()]).to_string();
            assert!(message.contains(says), "{line}: {message}");
        }
    }

    #[test]
    fn only_the_feature_itself_says_no_to_a_static_program() {
        for flag in
            ["-Ctarget-feature=-crt-static", "target-feature=+sse2,-crt-static", "-C target-feature=-crt-static"]
        {
            assert!(names_no_static(flag), "{flag}");
        }
        for flag in ["-Ctarget-feature=+crt-static", "-L/opt/foo-crt-static/lib", "--cfg=no-crt-static"] {
            assert!(!names_no_static(flag), "{flag}");
        }
    }
}
