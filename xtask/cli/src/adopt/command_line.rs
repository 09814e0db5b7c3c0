//! Command lines in workflows: `docker build`, `aws ecs update-service`, fabfuel's `ecs deploy`, silinternational's `ecs-deploy`.
//!
//! Sources: `docker buildx build --help`; the AWS CLI's reference, `ecs update-service`; fabfuel/ecs-deploy, README,
//! "Usage"; silinternational/ecs-deploy, `ecs-deploy --help`.

use std::path::Path;

use super::built::{Built, joined, repository};
use super::key;

/// What a command line does.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Build(Built),
    Deploy(Deployed),
    /// The newest revision of a family is asked for, and perhaps written into a file.
    Live {
        family: String,
        file: Option<String>,
    },
    /// A file is made of another one, or of what went before.
    Filled {
        file: String,
        from: Option<String>,
    },
    /// An image that is there is called by another name as well.
    Tagged {
        from: String,
        to: String,
    },
    /// What comes behind runs there.
    Folder(String),
    /// It has no counterpart of its own.
    Todo(&'static str),
    /// It is what a release or a deploy does by itself.
    Done(&'static str),
}

/// A service that is deployed, and what the command line says of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deployed {
    pub cluster: String,
    pub service: String,
    /// Containers, and the repositories of their images where those are literals.
    pub containers: Vec<(String, String)>,
    pub desired_count: Option<String>,
    pub seconds: Option<u64>,
    pub force: bool,
    /// Of the task definition; a NUL where there is one that is known at run time alone.
    pub family: Option<String>,
    /// Options that have no counterpart.
    pub left: Vec<String>,
}

/// The commands of a script: of several lines, and several in a line.
pub fn commands(script: &str) -> Vec<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let mut commands = Vec::new();
    for line in joined.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for words in words(line).split(|word| ["&&", "||", ";", "|", "&"].contains(&word.as_str())) {
            if !words.is_empty() {
                commands.push(inner(words));
            }
        }
    }
    commands
}

/// The command of `NAME=$(…)` and of `(…)`; in what is filled in, `$` is a NUL there.
fn inner(words: &[String]) -> Vec<String> {
    let Some((first, rest)) = words.split_first() else { return Vec::new() };
    let inside = ["$(", "\0("].iter().find_map(|open| first.split_once(open)).map(|(_, inside)| inside);
    let Some(inside) = inside.or_else(|| first.strip_prefix('(')) else { return words.to_vec() };
    let mut words: Vec<String> = inside.split_whitespace().map(str::to_owned).chain(rest.iter().cloned()).collect();
    if let Some(last) = words.last_mut()
        && last.ends_with(')')
    {
        last.pop();
    }
    words
}

/// Quotes hold words together and are taken away.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut has_word) = (Vec::new(), String::new(), None, false);
    for letter in line.chars() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '"' || letter == '\'' => (quote, has_word) = (Some(letter), true),
            None if letter.is_whitespace() || letter == ';' => {
                if has_word || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                has_word = false;
                if letter == ';' {
                    words.push(";".to_owned());
                }
            }
            _ => word.push(letter),
        }
    }
    if has_word || !word.is_empty() {
        words.push(word);
    }
    words
}

/// None where it is none of these commands.
pub fn read(command: &[String]) -> Option<Line> {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    match plain(&words)[..] {
        ["cd", folder] => Some(Line::Folder(folder.to_owned())),
        ["docker", "build", ref rest @ ..] | ["docker", "buildx" | "image", "build", ref rest @ ..] => {
            Some(Line::Build(build(rest)))
        }
        ["docker", "tag", from, to] | ["docker", "image", "tag", from, to] => {
            Some(Line::Tagged { from: from.to_owned(), to: to.to_owned() })
        }
        ["docker", "push" | "tag" | "login", ..] | ["docker", "image", "push" | "tag", ..] | ["trivy", ..] => {
            Some(Line::Done("release does it"))
        }
        ["docker", "compose", "build" | "push", ..] | ["docker-compose", "build" | "push", ..] => {
            Some(Line::Todo("what Compose builds: `cargo xtask-ecs adopt compose.yaml`"))
        }
        ["aws", "ecr", "get-login-password" | "get-login", ..] => Some(Line::Done("release logs in by itself")),
        ["aws", "ecs", "update-service", ref rest @ ..] => Some(Line::Deploy(update_service(rest))),
        ["aws", "ecs", "describe-task-definition", ref rest @ ..] => live(rest),
        ["aws", "ecs", "register-task-definition" | "wait" | "describe-services", ..] => {
            Some(Line::Done("deploy does it"))
        }
        ["aws", "ecs", "run-task", ..] => {
            Some(Line::Todo("`aws ecs run-task`: a table under `tasks`, and `before-deploy`, run one"))
        }
        ["aws", "deploy", "create-deployment", ..] => Some(Line::Todo(
            "`aws deploy`: a service that CodeDeploy deploys is refused; ECS's own blue/green takes its place",
        )),
        ["jq" | "sed" | "envsubst" | "cat", ref rest @ ..] => filled(rest),
        ["ecs", "deploy", ref rest @ ..] => Some(Line::Deploy(fabfuel(rest))),
        ["ecs-deploy", ref rest @ ..] => Some(Line::Deploy(silinternational(rest))),
        _ => None,
    }
}

/// A command without what only says where it comes from: `aws --region x ecs`, `bash ./ecs-deploy`, `docker run … silintl/ecs-deploy`.
fn plain<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let is_image = |word: &str, name: &str| {
        word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '@']))
    };
    let after = |name: &str| words.iter().position(|word| is_image(word, name)).map(|at| &words[at + 1..]);
    match words {
        ["aws", rest @ ..] => {
            let mut rest = rest;
            while let [option, behind @ ..] = rest
                && option.starts_with("--")
            {
                let has_value = !option.contains('=') && !option.starts_with("--no-") && *option != "--debug";
                rest = &behind[usize::from(has_value).min(behind.len())..];
            }
            [&["aws"], rest].concat()
        }
        ["bash" | "sh", script, rest @ ..] | [script, rest @ ..] if script.rsplit('/').next() == Some("ecs-deploy") => {
            [&["ecs-deploy"], rest].concat()
        }
        ["docker", "run", ..] => match (after("silintl/ecs-deploy"), after("fabfuel/ecs-deploy")) {
            (Some(rest), _) => [&["ecs-deploy"], rest].concat(),
            (_, Some(rest)) => rest.to_vec(),
            _ => Vec::new(),
        },
        other => other.to_vec(),
    }
}

pub fn is_json(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|it| it == "json")
}

/// `jq … FILE > NEW`, `… | jq … > NEW`.
fn filled(words: &[&str]) -> Option<Line> {
    let at = words.iter().position(|word| *word == ">")?;
    let file = (*words.get(at + 1)?).to_owned();
    let is_source = |word: &&&str| is_json(word) && !word.contains('\0') && !word.starts_with('-');
    let from = words[..at].iter().chain(words.iter().skip(at + 2)).rfind(is_source).map(|word| (*word).to_owned());
    Some(Line::Filled { file, from })
}

/// `-1` is a number.
fn is_option(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|letter: char| letter == '-' || letter.is_ascii_alphabetic()))
}

/// Options with their values, in the order written, and what is no option. `flags` take no value, and what looks like an option
/// is none.
fn options<'a>(words: &[&'a str], flags: &[&str]) -> (Vec<(&'a str, &'a str)>, Vec<&'a str>) {
    let (mut options, mut rest, mut words) = (Vec::new(), Vec::new(), words.iter().peekable());
    while let Some(&word) = words.next() {
        match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => options.push((name, value)),
            _ if word.starts_with('-') && word.len() > 1 => {
                let value = words.peek().copied().copied().filter(|next| !flags.contains(&word) && !is_option(next));
                options.push((word, value.unwrap_or_default()));
                if value.is_some() {
                    words.next();
                }
            }
            _ => rest.push(word),
        }
    }
    (options, rest)
}

fn build(words: &[&str]) -> Built {
    let flags = ["--push", "--load", "--no-cache", "--pull", "-q", "--quiet"];
    let (options, rest) = options(words, &flags);
    let (mut built, mut dockerfile) = (Built::default(), None);
    for (name, value) in options {
        match name {
            _ if value.is_empty() => {}
            "-f" | "--file" => dockerfile = Some(value),
            "-t" | "--tag" => built.called(value),
            "--target" => value.clone_into(&mut built.target),
            "--build-arg" => {
                let (name, value) = value.split_once('=').unwrap_or((value, ""));
                built.args.push((name.to_owned(), value.to_owned()));
            }
            "--platform" => built.platforms = value.split(',').map(str::to_owned).collect(),
            "--cache-to" => built.cache = cache(value),
            _ => {}
        }
    }
    let context = rest.last().copied().filter(|context| !context.contains('\0')).unwrap_or(".");
    built.at(context, dockerfile)
}

/// What keeps a build's layers, as `cache` has it.
pub fn cache(text: &str) -> Option<&'static str> {
    let kind = |kind: &str| text.contains(&format!("type={kind}"));
    ["gha", "registry", "local"].into_iter().find(|name| kind(name))
}

fn live(words: &[&str]) -> Option<Line> {
    let (options, rest) = options(words, &["--no-cli-pager"]);
    let family = options.iter().find(|(name, _)| *name == "--task-definition")?.1.to_owned();
    let file = rest.iter().skip_while(|word| **word != ">").nth(1).map(|file| joined("", file));
    Some(Line::Live { family, file })
}

fn update_service(words: &[&str]) -> Deployed {
    let (options, _) = options(words, &["--force-new-deployment", "--no-cli-pager", "--no-paginate"]);
    let mut deployed = Deployed::default();
    for (name, value) in options {
        match name {
            "--cluster" => value.clone_into(&mut deployed.cluster),
            "--service" => value.clone_into(&mut deployed.service),
            "--desired-count" => deployed.desired_count = Some(value.to_owned()),
            "--force-new-deployment" => deployed.force = true,
            "--task-definition" => deployed.family = family(value),
            "--region" | "--no-cli-pager" | "--output" | "--query" => {}
            _ => deployed.left.push(name.to_owned()),
        }
    }
    deployed
}

/// Of `FAMILY`, `FAMILY:REVISION` or an ARN of one, where that is a literal.
fn family(text: &str) -> Option<String> {
    if text.contains('\0') {
        return Some("\0".to_owned());
    }
    let name = text.rsplit('/').next()?.split(':').next()?;
    (!name.is_empty()).then(|| name.to_owned())
}

fn halves(word: &str) -> Vec<&str> {
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") => vec![name, value],
        _ => vec![word],
    }
}

/// `ecs deploy [OPTIONS] CLUSTER SERVICE`.
fn fabfuel(words: &[&str]) -> Deployed {
    // `--timeout=600` is two words here.
    let split: Vec<&str> = words.iter().flat_map(|word| halves(word)).collect();
    let (mut deployed, mut rest, mut words) = (Deployed::default(), Vec::new(), split.into_iter());
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        match word {
            "-i" | "--image" => {
                let (container, image) = (value().to_owned(), value());
                deployed.containers.push((container, repository(image).unwrap_or_default()));
            }
            "--timeout" => deployed.seconds = value().parse().ok().filter(|seconds| *seconds > 0),
            "-t"
            | "--tag"
            | "--region"
            | "--sleep-time"
            | "--access-key-id"
            | "--secret-access-key"
            | "--profile"
            | "--account"
            | "--assume-role" => drop(value()),
            "--no-deregister" | "--deregister" | "--rollback" | "--no-rollback" | "--diff" | "--no-diff"
            | "--ignore-warnings" => {}
            _ if word.starts_with('-') => {
                deployed.left.push(word.to_owned());
                let values = match word {
                    "-c" | "--command" | "--cpu" | "--memory" => 2,
                    "-e" | "--env" | "-s" | "--secret" | "-d" | "--docker-label" | "-u" | "--ulimit" => 3,
                    _ => usize::from(!word.starts_with("--exclusive")),
                };
                for _ in 0..values {
                    value();
                }
            }
            _ => rest.push(word),
        }
    }
    let mut rest = rest.into_iter();
    (deployed.cluster, deployed.service) =
        (rest.next().unwrap_or_default().to_owned(), rest.next().unwrap_or_default().to_owned());
    deployed
}

/// `ecs-deploy -c CLUSTER -n SERVICE -i IMAGE`.
fn silinternational(words: &[&str]) -> Deployed {
    let flags = [
        "-v",
        "--verbose",
        "--force-new-deployment",
        "--enable-rollback",
        "--use-latest-task-def",
        "--skip-deployments-check",
        "--run-task",
        "--wait-for-success",
        "--copy-task-definition-tags",
    ];
    let (options, _) = options(words, &flags);
    let mut deployed = Deployed::default();
    for (name, value) in options {
        match name {
            "-c" | "--cluster" => value.clone_into(&mut deployed.cluster),
            "-n" | "--service-name" => value.clone_into(&mut deployed.service),
            "-i" | "--image" => {
                let name = repository(value).unwrap_or_default();
                let container = key(name.rsplit('/').next().unwrap_or_default());
                deployed.containers.push((container, name));
            }
            "-D" | "--desired-count" => deployed.desired_count = Some(value.to_owned()),
            "-t" | "--timeout" => deployed.seconds = value.parse().ok(),
            "--force-new-deployment" => deployed.force = true,
            "-k"
            | "--aws-access-key"
            | "-s"
            | "--aws-secret-key"
            | "-r"
            | "--region"
            | "-p"
            | "--profile"
            | "-v"
            | "--verbose"
            | "-e"
            | "--tag-env-var"
            | "--enable-rollback"
            | "--use-latest-task-def"
            | "--max-definitions" => {}
            _ => deployed.left.push(name.to_owned()),
        }
    }
    deployed
}

#[cfg(test)]
mod tests;
