//! An image's layout, by docker buildx or by the native builder.

mod known;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use known::Known;

use super::engine::Engine;
use super::inputs;
use crate::binary;
use crate::cause;
use crate::commit::Commit;
use crate::config::{Builder, Config, Dockerfile, Image, Package, Program, repository};
use crate::event::{Event, Events, Layer};
use crate::failure::{Ending, Failure, Result};
use crate::image;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Layout, Manifest};
use crate::oci::registry::Registry;
use crate::process::{Tool, ToolError, quote};

/// Long enough for a cold build of a large workspace; a build that hangs ends at last.
const TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);

/// A complete layout. Its folder is `FOLDER/layout`.
#[derive(Debug)]
pub struct Built {
    pub folder: PathBuf,
    pub layout: Layout,
    pub manifest: Manifest,
}

/// Where the registry of a base comes from, by host.
pub type Registries<'a> = &'a dyn Fn(&str) -> Registry;

/// Keeps another release of this workspace off an image's folder, until it is dropped. What a process leaves behind by
/// dying holds nobody up: the lock goes with it.
pub fn lock(config: &Config, image: &Image) -> Result<File> {
    let path = folder(config, image).with_extension("lock");
    let parent = path.parent().unwrap_or(&config.target);
    let file =
        std::fs::create_dir_all(parent).and_then(|()| File::create(&path)).map_err(|error| disk(&path, &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(Failure::world(format_args!(
            "another release in this workspace is at work on image `{}`\n\
             wait for its end; a release after that finds what it has put into ECR",
            image.name
        ))),
        // Some network file systems have no locks: the checks by digest stand without them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn folder(config: &Config, image: &Image) -> PathBuf {
    config.target.join("xtask/images").join(&image.name)
}

/// Builds one image into `target/xtask/images/NAME/layout`. A layout that is not complete is never under that name.
pub fn build(
    config: &Config,
    image: &Image,
    engine: Option<&Engine>,
    registries: Registries<'_>,
    commit: &Commit,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Built> {
    let folder = folder(config, image);
    let (partial, complete) = (folder.join("partial"), folder.join("layout"));
    // All of it: the scanner runs here, and takes a .trivyignore for its orders.
    remove(&folder)?;
    std::fs::create_dir_all(&folder).map_err(|error| disk(&folder, &error))?;

    let known = Known::new(config.target.join("xtask/known").join(&image.name));
    let platform = match &image.builder {
        Builder::Dockerfile(dockerfile) => {
            let engine = engine.ok_or_else(|| Failure::world("no docker engine was probed for this build"))?;
            known.lend(&partial);
            buildx(config, image, dockerfile, engine, commit, &partial, events, interrupt)?;
            &dockerfile.platform
        }
        Builder::Package(package) => {
            native(config, image, package, registries, commit, &partial, events, interrupt)?;
            &package.platform
        }
    };
    let layout = Layout::open(&partial)?;
    let written = layout.manifest(platform)?;
    layout.name(&written, platform, &image.reference)?;
    std::fs::rename(&partial, &complete).map_err(|error| disk(&complete, &error))?;
    let layout = Layout::open(&complete)?;
    if matches!(image.builder, Builder::Dockerfile(_)) {
        known.keep(&layout, &written);
    }
    events.emit(Event::ImageBuilt {
        image: image.name.clone(),
        digest: written.digest.clone(),
        layers: written
            .layers
            .iter()
            .map(|layer| Layer { digest: layer.digest.clone(), size: layer.size, media_type: layer.media_type.clone() })
            .collect(),
    });
    Ok(Built { folder, layout, manifest: written })
}

#[expect(clippy::too_many_arguments, reason = "each is one thing a build needs")]
fn buildx(
    config: &Config,
    image: &Image,
    dockerfile: &Dockerfile,
    engine: &Engine,
    commit: &Commit,
    dest: &Path,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<()> {
    let file = inputs::prepare(config, image, dockerfile, events)?;
    let mut contexts = dockerfile.contexts.clone();
    if !dockerfile.binaries.is_empty() {
        let folder = compile(config, image, dockerfile, commit, events, interrupt)?;
        contexts.insert("binaries".to_owned(), folder.display().to_string());
    }
    engine.prepare(events, interrupt)?;

    let bake = bake(dockerfile, &file, &contexts, commit, dest);
    let mut tool = Tool::new("docker", TIMEOUT)
        .args(["buildx", "bake", "--file", "-", "--progress", "plain"])
        // The file on stdin is ours, and so is all that it names.
        .args(["--allow", "fs=*"])
        .dir(&config.root)
        .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
        .hide(&["SLACK_", "ACTIONS_ID_TOKEN_"])
        .stdin(bake.to_string().into_bytes());
    for variable in dockerfile.secrets.values() {
        if let Ok(value) = std::env::var(variable) {
            tool = tool.env(variable, value);
        }
    }
    if let Some(builder) = &engine.builder {
        tool = tool.args(["--builder", builder]);
    }
    let line = |line: &str| {
        events.emit(Event::BuildOutput { image: image.name.clone(), line: line.to_owned() });
    };
    let ended = tool.arg("image").run(interrupt, line).map_err(|error| match error {
        ToolError::Interrupted { .. } => interrupted(&image.name),
        error => Failure::World(anyhow::Error::new(error).context(format!("could not build image `{}`", image.name))),
    })?;
    if ended.status.success() {
        return Ok(());
    }
    let tail = quote(&ended.tail);
    let fix = if cause::printed(&ended.tail, &["no space left on device", "no space left on device (os error …"]) {
        "the disk is full: free some space (`docker buildx prune`, `cargo clean`), nothing else is to be cleaned up"
    } else {
        "the failing step's last lines are above; the layout was not written"
    };
    Err(Failure::world(format_args!(
        "docker buildx could not build image `{}` from {} ({}){tail}\n{fix}",
        image.name,
        inputs::relative(config, &dockerfile.file),
        ended.status
    )))
}

/// The bake file. Every option that affects the digest is explicit, since defaults have moved between versions.
/// Source: docs.docker.com, Bake file reference; BuildKit, exporter/containerimage/exptypes/keys.go.
fn bake(
    dockerfile: &Dockerfile,
    file: &Path,
    contexts: &BTreeMap<String, String>,
    commit: &Commit,
    dest: &Path,
) -> Value {
    let mut args = dockerfile.args.clone();
    args.insert("SOURCE_DATE_EPOCH".to_owned(), commit.time.to_string());
    let secrets: Vec<String> =
        dockerfile.secrets.iter().map(|(id, variable)| format!("type=env,id={id},env={variable}")).collect();
    let output = format!(
        "type=oci,tar=false,oci-mediatypes=true,compression=gzip,force-compression=false,rewrite-timestamp=true,\
         \"dest={}\"",
        dest.display()
    );
    let mut target = json!({
        "context": dockerfile.context,
        "dockerfile": file,
        "platforms": [dockerfile.platform],
        "args": args,
        "contexts": contexts,
        "secret": secrets,
        "ssh": dockerfile.ssh,
        "cache-from": dockerfile.cache_from,
        "cache-to": dockerfile.cache_to,
        "output": [output],
        "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
    });
    if let Some(stage) = &dockerfile.target {
        target["target"] = json!(stage);
    }
    literally(&mut target);
    json!({ "target": { "image": target } })
}

/// Bake takes every string of a bake file for a template, in JSON too; these mean what they say.
/// Source: HCL's JSON syntax specification, expressions; HCL's template language, literals.
fn literally(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${", "$${").replace("%{", "%%{"),
        Value::Array(elements) => elements.iter_mut().for_each(literally),
        Value::Object(members) => members.values_mut().for_each(literally),
        _ => {}
    }
}

/// Compiles the packages whose binaries the Dockerfile copies, into a folder that holds nothing else.
fn compile(
    config: &Config,
    image: &Image,
    dockerfile: &Dockerfile,
    commit: &Commit,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    let mut request = compilation(config, image, commit);
    remove(&request.out_dir)?;
    let mut names = BTreeSet::new();
    for program in &dockerfile.binaries {
        request.program.clone_from(program);
        let built = binary::build(&request, events, interrupt).map_err(|failure| told(failure, image))?;
        if !names.insert(built.name.clone()) {
            return Err(Failure::Usage(format!(
                "image `{}` has two programs named `{}` in `binaries`, and one would take the other's place; \
                 give one of them another name in its Cargo.toml",
                image.name, built.name
            )));
        }
    }
    Ok(request.out_dir)
}

#[expect(clippy::too_many_arguments, reason = "each is one thing a build needs")]
fn native(
    config: &Config,
    image: &Image,
    package: &Package,
    registries: Registries<'_>,
    commit: &Commit,
    dest: &Path,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<()> {
    let request = binary::Request {
        program: package.program.clone(),
        target: package.target.clone(),
        profile: package.profile.clone(),
        ..compilation(config, image, commit)
    };
    let binary = binary::build(&request, events, interrupt).map_err(|failure| told(failure, image))?;
    let request = image::Request {
        image: &image.name,
        package,
        binary: &binary,
        commit,
        root: repository(&config.root),
        cache: config.target.join("xtask/cache"),
        registry: registries,
    };
    image::build(&request, dest, events, interrupt)?;
    Ok(())
}

fn compilation(config: &Config, image: &Image, commit: &Commit) -> binary::Request {
    binary::Request {
        image: image.name.clone(),
        root: config.root.clone(),
        program: Program::new(""),
        platform: image.platform().to_owned(),
        target: None,
        profile: "release".to_owned(),
        target_dir: config.target.join("xtask/build"),
        out_dir: config.target.join("xtask/binaries").join(&image.name),
        source_date_epoch: commit.time,
    }
}

/// An interrupt, in the words that every builder has for it.
fn told(failure: Failure, image: &Image) -> Failure {
    if failure.ending == Ending::Interrupted { interrupted(&image.name) } else { failure }
}

fn interrupted(image: &str) -> Failure {
    Failure::Interrupted(format!("interrupted while image `{image}` was built; nothing was pushed"))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(folder, &error)),
        _ => Ok(()),
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    let fix = match error.kind() {
        std::io::ErrorKind::StorageFull => "\nthe disk is full: free some space and run it again",
        std::io::ErrorKind::PermissionDenied => "\ncheck who owns the folder",
        _ => "",
    };
    Failure::world(format_args!("could not write {}: {error}{fix}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_that_affects_the_digest_is_written_out() {
        let dockerfile = Dockerfile {
            file: "/w/app/Dockerfile".into(),
            context: "/w".into(),
            platform: "linux/amd64".to_owned(),
            args: BTreeMap::from([
                ("PROFILE".to_owned(), "release".to_owned()),
                ("WHERE".to_owned(), "${HOME} %{x} $PATH".to_owned()),
            ]),
            target: Some("runtime".to_owned()),
            contexts: BTreeMap::new(),
            secrets: BTreeMap::from([("npm".to_owned(), "NPM_TOKEN".to_owned())]),
            ssh: vec!["default".to_owned()],
            cache_from: vec!["type=registry,ref=cache.example/app".to_owned()],
            cache_to: vec!["type=gha,ignore-error=true".to_owned()],
            binaries: Vec::new(),
        };
        let contexts = BTreeMap::from([("base".to_owned(), "oci-layout:///w/base".to_owned())]);
        let commit = Commit { time: 7, ..Commit::default() };
        let bake =
            bake(&dockerfile, Path::new("/w/target/Dockerfile"), &contexts, &commit, Path::new("/w/target/layout"));
        assert_eq!(
            bake["target"]["image"],
            json!({
                "context": "/w",
                "dockerfile": "/w/target/Dockerfile",
                "platforms": ["linux/amd64"],
                "args": { "PROFILE": "release", "WHERE": "$${HOME} %%{x} $PATH", "SOURCE_DATE_EPOCH": "7" },
                "contexts": { "base": "oci-layout:///w/base" },
                "secret": ["type=env,id=npm,env=NPM_TOKEN"],
                "ssh": ["default"],
                "cache-from": ["type=registry,ref=cache.example/app"],
                "cache-to": ["type=gha,ignore-error=true"],
                "output": ["type=oci,tar=false,oci-mediatypes=true,compression=gzip,force-compression=false,\
                            rewrite-timestamp=true,\"dest=/w/target/layout\""],
                "attest": ["type=provenance,disabled=true", "type=sbom,disabled=true"],
                "target": "runtime",
            })
        );
    }
}
