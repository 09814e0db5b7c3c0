//! What goes into a build with docker: said where it can change by itself or is more than is meant, and put where
//! buildx takes it from.

use std::path::{Path, PathBuf};

use super::context::{Rules, Sent};
use super::dockerfile::{self, Given};
use crate::config::{Config, Dockerfile, Image};
use crate::event::{Event, Events};
use crate::failure::{Failure, Place, Result};
use crate::gather::Gather;

/// Returns the Dockerfile to build from: a copy, beside which are the rules of what is not sent.
pub(super) fn prepare(config: &Config, image: &Image, dockerfile: &Dockerfile, events: &Events) -> Result<PathBuf> {
    let read = |error| unreadable(&dockerfile.file, &error);
    let text = std::fs::read(&dockerfile.file).map_err(read)?;
    let text = String::from_utf8_lossy(&text);
    let given = given(dockerfile);
    let place = |line| Place { file: relative(config, &dockerfile.file), line, column: 1 };
    let warn = |message, place| events.emit(Event::Warning { message, place });

    for moving in dockerfile::moving(&text, &given) {
        warn(moving.to_string(), Some(place(moving.line)));
    }
    for (key, missing) in dockerfile::moving_settings(&dockerfile.args, &dockerfile.contexts) {
        warn(format!("what `images.{}.{key}` names {missing}", image.name), None);
    }
    let rules = Rules::of(&dockerfile.file, &dockerfile.context, &config.target)
        .map_err(|error| Failure::world(format_args!("could not read what the build is to leave out: {error}")))?;
    if let Some(defaults) = &rules.defaults
        && let Some(line) = dockerfile::takes_all(&text, &given)
    {
        let sent = Sent::without(&dockerfile.context, defaults);
        warn(format!("{sent} go into the build: {}", without_rules(config, dockerfile, defaults)), Some(place(line)));
    }
    for name in contexts_with_output(config, dockerfile) {
        let message = format!(
            "the context `{name}` holds {}, where releases are built: the same commit can give another image; add \
             `{}` to a .dockerignore in that folder",
            relative(config, &config.target),
            config.target.file_name().unwrap_or_default().display(),
        );
        warn(message, None);
    }

    let folder = config.target.join("xtask/dockerfiles").join(image.folder());
    rules.write(&dockerfile.file, &folder).map_err(|error| {
        Failure::world(format_args!("could not copy {} into {}: {error}", dockerfile.file.display(), folder.display()))
    })
}

fn given(dockerfile: &Dockerfile) -> Given<'_> {
    let binaries = (!dockerfile.binaries.is_empty()).then_some("binaries");
    Given {
        args: &dockerfile.args,
        contexts: dockerfile.contexts.keys().map(String::as_str).chain(binaries).gather(),
        target: dockerfile.target.as_deref(),
        platform: &dockerfile.platform,
    }
}

fn without_rules(config: &Config, dockerfile: &Dockerfile, defaults: &[PathBuf]) -> String {
    let defaults: Vec<String> = defaults.iter().map(|path| format!("`{}`", path.display())).gather();
    format!(
        "there is no .dockerignore in {}, and only {} are left out; write one that names what the image does not need",
        match relative(config, &dockerfile.context).as_str() {
            "" => "the workspace's root".to_owned(),
            folder => format!("`{folder}`"),
        },
        defaults.join(" and ")
    )
}

/// Folders that are handed over beside the build context have rules of their own, which cannot be added to.
fn contexts_with_output<'a>(config: &Config, dockerfile: &'a Dockerfile) -> impl Iterator<Item = &'a str> {
    let output = config.target.join("xtask");
    let holds_output = move |folder: &Path| output.starts_with(folder) && !folder.join(".dockerignore").exists();
    let folders = dockerfile.contexts.iter().filter(move |(_, value)| holds_output(Path::new(value)));
    folders.map(|(name, _)| name.as_str())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::world(format_args!("could not read {}: {error}", path.display()))
}

/// A path as people know it: from the workspace's root where it lies in it.
pub(super) fn relative(config: &Config, path: &Path) -> String {
    path.strip_prefix(&config.root).unwrap_or(path).display().to_string()
}
