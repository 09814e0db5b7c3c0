//! What a Dockerfile takes from elsewhere and that can be another thing tomorrow under the same name.

mod address;
mod grammar;
mod variables;

use std::collections::BTreeMap;
use std::fmt;

use address::{download, familiar, is_all, is_pinned};
use grammar::{Document, Instruction};
use variables::Variables;

use crate::gather::Gather as _;
use crate::sorted::{Arrange, SortedSet};

/// Something that can change while the Dockerfile stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moving {
    /// Where the instruction begins, from 1.
    pub line: usize,
    /// As it is written: `FROM ${BASE}`, `# syntax=docker/dockerfile:1`.
    pub what: String,
    /// What that means in this build, where variables are in it.
    pub is: Option<String>,
    pub missing: Missing,
}

impl fmt::Display for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.what)?;
        if let Some(is) = &self.is {
            write!(f, "is `{is}` here, which ")?;
        }
        write!(f, "{}", self.missing)
    }
}

/// What would make it stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// `@sha256:…` of an image.
    Digest,
    /// The full hash of a commit.
    Commit,
    /// `--checksum=sha256:…` of a download.
    Checksum,
}

/// The rest of a sentence.
impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Digest => "is not pinned by digest",
            Self::Commit => "names no commit",
            Self::Checksum => "has no `--checksum=sha256:…`",
        })?;
        f.write_str(": the same Dockerfile can give another image tomorrow")
    }
}

/// The argument that takes the place of `# syntax=`.
const SYNTAX: &str = "BUILDKIT_SYNTAX";

/// What a build is given beside the file.
pub(super) struct Given<'a> {
    pub args: &'a BTreeMap<String, String>,
    /// Names of build contexts, each of which stands in for an image or stage of that name.
    pub contexts: SortedSet<&'a str>,
    /// The stage to build; the last by default.
    pub target: Option<&'a str>,
    /// `OS/ARCHITECTURE[/VARIANT]`.
    pub platform: &'a str,
}

/// Everything that can move in what is built, by line. Stages that the wanted one does not need are not built.
/// Source: Dockerfile reference; BuildKit, frontend/dockerfile/dockerfile2llb/convert.go.
pub(super) fn moving(text: &str, given: &Given<'_>) -> Vec<Moving> {
    let document = Document::read(text);
    let escape = document.escape;
    let syntax = document.syntax.filter(|(image, _)| !given.args.contains_key(SYNTAX) && !is_pinned(image));
    let mut found: Vec<Moving> = syntax
        .into_iter()
        .map(|(image, line)| Moving { line, what: format!("# syntax={image}"), is: None, missing: Missing::Digest })
        .gather();
    let stages = Stages::read(document.instructions, escape, given);
    for stage in stages.needed(given.target) {
        found.extend(stage.taken.iter().filter(|taken| stages.stage(taken).is_none()).filter_map(Taken::moving));
    }
    found.arrange_by_key(|moving| moving.line);
    found
}

/// The first line that takes all of the build context, and not some files by name.
pub(super) fn takes_all(text: &str, given: &Given<'_>) -> Option<usize> {
    let document = Document::read(text);
    let stages = Stages::read(document.instructions, document.escape, given);
    let taken = stages.needed(given.target).flat_map(|stage| &stage.taken);
    taken.filter(|taken| matches!(taken.from, Source::WholeContext)).map(|taken| taken.line).min()
}

/// What can move in what a build is given: contexts that buildx fetches by itself, and the argument that names the
/// image that reads the Dockerfile. As a key of the configuration, and what it lacks.
pub(super) fn moving_settings(
    args: &BTreeMap<String, String>,
    contexts: &BTreeMap<String, String>,
) -> Vec<(String, Missing)> {
    let syntax = args.get(SYNTAX).filter(|image| !is_pinned(image));
    let fetched = |value: &str| match value.strip_prefix("docker-image://") {
        Some(image) => (!is_pinned(image)).then_some(Missing::Digest),
        None => download(value, false),
    };
    let contexts = contexts.iter().filter_map(|(name, value)| Some((format!("contexts.{name}"), fetched(value)?)));
    syntax.map(|_| (format!("args.{SYNTAX}"), Missing::Digest)).into_iter().chain(contexts).gather()
}

/// One thing that an instruction takes from elsewhere.
struct Taken {
    line: usize,
    /// As it is written.
    what: String,
    from: Source,
}

enum Source {
    /// A stage or an image, as the instruction names it, and by how many of the stages it may be meant.
    Image {
        name: String,
        before: usize,
        by_number: bool,
    },
    Download(Missing),
    WholeContext,
}

impl Taken {
    fn moving(&self) -> Option<Moving> {
        let missing = match &self.from {
            Source::Image { name, .. } if name == "scratch" || is_pinned(name) => return None,
            Source::WholeContext => return None,
            Source::Image { .. } => Missing::Digest,
            Source::Download(missing) => *missing,
        };
        let is = match &self.from {
            Source::Image { name, .. } if !self.what.ends_with(name.as_str()) => Some(name.clone()),
            _ => None,
        };
        Some(Moving { line: self.line, what: self.what.clone(), is, missing })
    }
}

struct Stage {
    /// In small letters, as it is looked up.
    name: String,
    taken: Vec<Taken>,
    variables: Variables,
}

struct Stages(Vec<Stage>);

impl Stages {
    fn read(instructions: Vec<Instruction>, escape: char, given: &Given<'_>) -> Self {
        let contexts: SortedSet<String> = given.contexts.iter().map(|name| familiar(name)).gather();
        let mut global = Variables { args: predefined(given), env: BTreeMap::new() };
        let mut stages = Self(Vec::new());
        // A stage whose name is that of a context is not built: the context takes its place.
        let mut replaced = false;
        for instruction in instructions {
            match instruction.keyword.as_str() {
                "FROM" => {
                    let stage = stages.begin(&instruction, escape, &global);
                    replaced = contexts.contains(&stage.name);
                    stages.0.push(if replaced { Stage { taken: Vec::new(), ..stage } } else { stage });
                }
                _ if replaced => {}
                keyword => match (keyword, stages.0.last_mut()) {
                    ("ARG", None) => declare(&mut global, None, &instruction, escape, given.args),
                    ("ARG", Some(stage)) => {
                        declare(&mut stage.variables, Some(&global), &instruction, escape, given.args);
                    }
                    ("ENV", Some(stage)) => set(&mut stage.variables, &instruction, escape),
                    (_, Some(stage)) => {
                        let held_back = instruction.held_back(escape);
                        let taken = taken(held_back.as_ref().unwrap_or(&instruction), escape, &stage.variables);
                        stage.taken.extend(taken);
                    }
                    (_, None) => {}
                },
            }
        }
        for stage in &mut stages.0 {
            stage.taken.retain(|taken| match &taken.from {
                Source::Image { name, .. } => !contexts.contains(&familiar(name)),
                _ => true,
            });
        }
        stages
    }

    fn begin(&self, instruction: &Instruction, escape: char, global: &Variables) -> Stage {
        let words: Vec<&str> = instruction.rest.split_whitespace().gather();
        let written = words.first().copied().unwrap_or_default();
        let own_name = match words[..] {
            [_, r#as, name] if r#as.eq_ignore_ascii_case("as") => name.to_lowercase(),
            _ => String::new(),
        };
        // What cannot be read, or is empty, is told as it is written.
        let base = global.expand(written, escape).filter(|base| !base.is_empty());
        let name = base.unwrap_or_else(|| written.to_owned());
        let from = Source::Image { name, before: self.0.len(), by_number: false };
        let taken = Taken { line: instruction.line, what: format!("FROM {written}"), from };
        let variables = self.stage(&taken).map(|stage| self.0[stage].variables.clone()).unwrap_or_default();
        Stage { name: own_name, taken: vec![taken], variables }
    }

    /// Which stage is meant, if any.
    fn stage(&self, taken: &Taken) -> Option<usize> {
        let Source::Image { name, before, by_number } = &taken.from else { return None };
        if *by_number && let Ok(number) = name.parse::<usize>() {
            return Some(number);
        }
        let name = name.to_lowercase();
        let earlier = &self.0[..self.0.len().min(*before)];
        earlier.iter().rposition(|stage| !stage.name.is_empty() && stage.name == name)
    }

    /// The stages that the wanted one is made of.
    fn needed(&self, target: Option<&str>) -> impl Iterator<Item = &Stage> {
        let named = |target: &str| {
            let name = target.to_lowercase();
            self.0.iter().rposition(|stage| stage.name == name).or_else(|| target.parse().ok())
        };
        // What is not found ends the build with the builder's own words.
        let target = target.and_then(named).unwrap_or(self.0.len().saturating_sub(1));
        let mut needed = SortedSet::new();
        let mut next = vec![target];
        while let Some(index) = next.pop() {
            if let Some(stage) = self.0.get(index)
                && needed.insert(index)
            {
                next.extend(stage.taken.iter().filter_map(|taken| self.stage(taken)));
            }
        }
        needed.into_iter().map(|index| &self.0[index])
    }
}

/// What an instruction inside of a stage takes from elsewhere.
fn taken(instruction: &Instruction, escape: char, variables: &Variables) -> Vec<Taken> {
    let line = instruction.line;
    let image = |name: &str, what: String, by_number| {
        let from = Source::Image { name: name.to_owned(), before: usize::MAX, by_number };
        Taken { line, what, from }
    };
    let arguments = instruction.arguments(escape);
    // The last of them is where it goes to.
    let sources = arguments.split_last().map_or(&[][..], |(_, sources)| sources);
    let read = |word: &String| variables.expand(word, escape).unwrap_or_else(|| word.clone());
    let all = |paths: &[String]| {
        let whole = paths.iter().any(|path| is_all(&read(path)));
        whole.then(|| Taken { line, what: instruction.keyword.clone(), from: Source::WholeContext })
    };
    match instruction.keyword.as_str() {
        "COPY" => match instruction.flag("from").next() {
            Some(from) => vec![image(from, format!("COPY --from={from}"), true)],
            None => all(sources).into_iter().gather(),
        },
        "RUN" => {
            let mount = |mount| match Mount::read(mount)? {
                Mount::Image(from) => Some(image(&from, format!("RUN --mount=…,from={from}"), false)),
                Mount::Context(source) => all(&[source]),
            };
            instruction.flag("mount").filter_map(mount).gather()
        }
        "ADD" => {
            let checked = instruction.flag("checksum").any(|sum| !sum.is_empty());
            let moving = |word: &String| {
                let from = Source::Download(download(&read(word), checked)?);
                Some(Taken { line, what: format!("ADD {word}"), from })
            };
            sources.iter().filter_map(moving).chain(all(sources)).gather()
        }
        _ => Vec::new(),
    }
}

/// What a mount shows to a command.
enum Mount {
    /// An image or a stage.
    Image(String),
    /// A path of the build context.
    Context(String),
}

impl Mount {
    /// `type=bind,from=alpine:3,source=/x,target=/y`; `None` where it shows neither.
    fn read(text: &str) -> Option<Self> {
        let value = |wanted: &[&str]| {
            text.split(',').find_map(|field| {
                let (key, value) = field.trim_matches('"').split_once('=')?;
                wanted.contains(&key.to_lowercase().as_str()).then(|| value.to_owned())
            })
        };
        let kind = value(&["type"]).map_or_else(|| "bind".to_owned(), |kind| kind.to_lowercase());
        let from = value(&["from"]).filter(|from| !from.is_empty());
        match (kind.as_str(), from) {
            ("bind" | "cache", Some(from)) => Some(Self::Image(from)),
            ("bind", None) => Some(Self::Context(value(&["source", "src"]).unwrap_or_default())),
            _ => None,
        }
    }
}

/// `ARG NAME[=DEFAULT]…`: what the build is given wins over the default; inside of a stage a name alone is the global one.
fn declare(
    variables: &mut Variables,
    global: Option<&Variables>,
    instruction: &Instruction,
    escape: char,
    given: &BTreeMap<String, String>,
) {
    for word in instruction.arguments(escape) {
        let (name, default) = word.split_once('=').map_or((word.as_str(), None), |(name, value)| (name, Some(value)));
        let default = default.and_then(|default| variables.expand(default, escape));
        let of_global = || global?.args.get(name).cloned();
        if let Some(value) = given.get(name).cloned().or(default).or_else(of_global) {
            variables.args.insert(name.to_owned(), value);
        }
    }
}

/// `ENV NAME=VALUE…`, or the older `ENV NAME VALUE`.
fn set(variables: &mut Variables, instruction: &Instruction, escape: char) {
    let words = instruction.arguments(escape);
    let pairs: Vec<(String, String)> = match words.first() {
        Some(first) if !first.contains('=') => instruction
            .rest
            .split_once(char::is_whitespace)
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into_iter()
            .gather(),
        _ => words
            .iter()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .gather(),
    };
    // All of one line see the values from before it.
    let before = variables.clone();
    for (name, value) in pairs {
        variables.env.insert(name, before.expand(&value, escape).unwrap_or(value));
    }
}

/// The arguments that exist without being declared, as far as this machine builds for itself.
fn predefined(given: &Given<'_>) -> BTreeMap<String, String> {
    let mut parts = given.platform.splitn(3, '/');
    let mut part = || parts.next().unwrap_or_default();
    let (os, architecture, variant) = (part(), part(), part());
    let own = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut args = BTreeMap::from(
        [
            ("TARGETPLATFORM", given.platform.to_owned()),
            ("TARGETOS", os.to_owned()),
            ("TARGETARCH", architecture.to_owned()),
            ("TARGETVARIANT", variant.to_owned()),
            ("BUILDPLATFORM", format!("linux/{own}")),
            ("BUILDOS", "linux".to_owned()),
            ("BUILDARCH", own.to_owned()),
            ("BUILDVARIANT", String::new()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    let known: Vec<String> = args.keys().cloned().gather();
    args.extend(known.into_iter().filter_map(|name| Some((name.clone(), given.args.get(&name)?.clone()))));
    args
}

#[cfg(test)]
mod tests;
