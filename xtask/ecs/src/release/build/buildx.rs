//! Images with `dockerfile`, by docker buildx.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::super::turns::Turn;
use super::super::{Making, inputs, login};
use super::cache::{self, Place, Watch};
use super::{Build, Order, compilation, interrupted, remove, told};
use crate::binary;
use crate::cause;
use crate::commit::Commit;
use crate::config::{Cache, Dockerfile};
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::process::{Ended, Tool, ToolError, cmd, shell};
use crate::sorted::SortedSet;

/// Long enough for a cold build of a large workspace; a build that hangs ends at last.
const TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);

pub(super) struct Buildx<'a, 'b> {
    pub dockerfile: &'a Dockerfile,
    pub making: &'a Making<'b>,
    /// The compiler's where it is needed, else the engine's.
    pub turn: &'a Cell<Option<Turn<'b>>>,
}

impl Build for Buildx<'_, '_> {
    fn build(&self, order: &Order<'_>) -> Result<()> {
        let Self { dockerfile, making, turn } = self;
        let Making { tools, line, place, .. } = **making;
        let Order { config, image, events, interrupt, .. } = order;
        let engine =
            tools.engine.as_ref().ok_or_else(|| Failure::world("no docker engine was probed for this build"))?;
        let file = inputs::prepare(config, image, dockerfile, events)?;
        let mut contexts = dockerfile.contexts.clone();
        if !dockerfile.binaries.is_empty() {
            let folder = compile(order, dockerfile)?;
            contexts.insert("binaries".to_owned(), folder.display().to_string());
        }
        if dockerfile.builder.is_none() {
            engine.prepare(events, interrupt)?;
        }
        if !dockerfile.binaries.is_empty() {
            turn.set(None);
            turn.set(Some(line.builds.take(place, interrupt).ok_or_else(|| interrupted(&image.name))?));
        }

        let place = dockerfile.cache.and_then(|cache| {
            let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            let place = Place::of(cache, image, &config.target, &is_set);
            if place.is_none() {
                events.warn(format!(
                    "image `{}` has `cache = \"gha\"`, and {} is not set, which a runner shows to actions alone: it is built without",
                    image.name, cache::TOKEN
                ));
            }
            place
        });
        let mut bake = bake(dockerfile, &file, &contexts, order.commit, order.into);
        for (list, entry) in [
            ("cache-from", place.as_ref().and_then(|it| it.from.as_ref())),
            ("cache-to", place.as_ref().map(|it| &it.to)),
        ] {
            if let (Some(list), Some(entry)) = (bake["target"]["image"][list].as_array_mut(), entry) {
                list.push(json!(entry));
            }
        }
        let (mut ended, watch) = self.run(order, &bake)?;
        if let Some(why) = watch.not_read {
            events.warn(format!("image `{}` is built without what its cache has: {why}", image.name));
        }
        if let Some(why) = watch.not_written.filter(|_| !ended.status.success()) {
            events.warn(format!("image `{}` is built, and its cache was not written: {why}", image.name));
            bake["target"]["image"]["cache-to"] = json!([]);
            // What is there of the layout is not whole, and would be added to.
            remove(order.into)?;
            ended = self.run(order, &bake)?.0;
        }
        if ended.status.success() {
            return Ok(());
        }
        let fix = if cause::printed(&ended.tail, &["no space left on device", "no space left on device (os error …"])
        {
            "the disk is full: free some space (`docker buildx prune`, `cargo clean`), nothing else is to be cleaned up"
        } else if cause::printed(&ended.tail, &["exec format error", "… exec format error", "… exec format error …"])
        {
            "a program of another platform was to run: emulate that platform (`docker run --privileged --rm \
             tonistiigi/binfmt --install all`), or name a buildx builder that has a node of it, with `builder`"
        } else {
            "the failing step's last lines are above; the layout was not written"
        };
        Err(Failure::world(format_args!(
            "docker buildx could not build image `{}` from {} ({})",
            image.name,
            inputs::relative(config, &dockerfile.file),
            ended.status
        ))
        .said(&ended.tail)
        .help(fix))
    }
}

impl Buildx<'_, '_> {
    /// One run of bake, and what became of caches.
    fn run(&self, order: &Order<'_>, bake: &Value) -> Result<(Ended, Watch)> {
        let Self { dockerfile, making, .. } = self;
        let Order { config, image, events, interrupt, .. } = order;
        let own = making.tools.engine.as_ref().and_then(|engine| engine.builder.as_ref());
        let sh = shell()?;
        let builder = dockerfile.builder.as_ref().or(own).into_iter().flat_map(|builder| ["--builder", builder]);
        // The file on stdin is ours, and so is all that it names.
        let line = cmd!(sh, "docker buildx bake --file - --progress plain --allow fs=* {builder...} image");
        let mut tool = Tool::of(line, TIMEOUT)
            .dir(&config.root)
            .env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
            .hide(&["SLACK_", "ACTIONS_ID_TOKEN_"])
            .stdin(bake.to_string().into_bytes());
        for variable in dockerfile.secrets.values() {
            if let Ok(value) = std::env::var(variable) {
                tool = tool.env(variable, value);
            }
        }
        if dockerfile.cache == Some(Cache::Registry) {
            let (registry, handed) = (&image.reference.registry, std::env::var(login::HANDED).ok());
            let all = login::hand(handed.as_deref(), registry, &making.ecr.authorization()?)?;
            tool = tool.env(login::HANDED, all);
        }
        let mut watch = Watch::default();
        let line = |line: &str| {
            watch.see(line);
            events.emit(Event::BuildOutput { image: image.name.clone(), line: line.to_owned() });
        };
        let ended = tool.run(interrupt, line).map_err(|error| match error {
            ToolError::Interrupted { .. } => interrupted(&image.name),
            error => Failure::from(error).during(format_args!("could not build image `{}`", image.name)),
        })?;
        Ok((ended, watch))
    }
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
        dockerfile.secrets.iter().map(|(id, variable)| format!("type=env,id={id},env={variable}")).gather();
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
fn compile(order: &Order<'_>, dockerfile: &Dockerfile) -> Result<PathBuf> {
    let mut request = compilation(order);
    remove(&request.out_dir)?;
    let mut names = SortedSet::new();
    for program in &dockerfile.binaries {
        request.program.clone_from(program);
        let built =
            binary::build(&request, order.events, order.interrupt).map_err(|failure| told(failure, order.image))?;
        if !names.insert(built.name.clone()) {
            return Err(Failure::usage(format_args!(
                "image `{}` has two programs named `{}` in `binaries`, and one would take the other's place",
                order.image.name, built.name
            ))
            .help("give one of them another name in its Cargo.toml"));
        }
    }
    Ok(request.out_dir)
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
            builder: None,
            args: BTreeMap::from([
                ("PROFILE".to_owned(), "release".to_owned()),
                ("WHERE".to_owned(), "${HOME} %{x} $PATH".to_owned()),
            ]),
            target: Some("runtime".to_owned()),
            contexts: BTreeMap::new(),
            secrets: BTreeMap::from([("npm".to_owned(), "NPM_TOKEN".to_owned())]),
            ssh: vec!["default".to_owned()],
            cache: None,
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
