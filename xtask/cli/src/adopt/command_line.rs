//! Command lines in workflows: `docker build`, `aws ecs update-service`, fabfuel's `ecs deploy`, silinternational's `ecs-deploy`.
//!
//! Sources: `docker buildx build --help`; the AWS CLI's reference, `ecs update-service`; fabfuel/ecs-deploy, README,
//! "Usage"; silinternational/ecs-deploy, `ecs-deploy --help`.

use super::built::{Built, joined, repository};
use super::key;

/// What a command line does.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    Build(Built),
    Deploy(Deployed),
    /// The newest revision of a family is written into a file.
    Live {
        family: String,
        file: String,
    },
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
                commands.push(words.to_vec());
            }
        }
    }
    commands
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
    match words[..] {
        ["docker", "build", ref rest @ ..] | ["docker", "buildx", "build", ref rest @ ..] => {
            Some(Line::Build(build(rest)))
        }
        ["docker", "push" | "tag" | "login", ..] | ["trivy", ..] => Some(Line::Done("release does it")),
        ["aws", "ecr", "get-login-password" | "get-login", ..] => Some(Line::Done("release logs in by itself")),
        ["aws", "ecs", "update-service", ref rest @ ..] => Some(Line::Deploy(update_service(rest))),
        ["aws", "ecs", "describe-task-definition", ref rest @ ..] => live(rest),
        ["aws", "ecs", "register-task-definition" | "wait" | "describe-services", ..] => {
            Some(Line::Done("deploy does it"))
        }
        ["ecs", "deploy", ref rest @ ..] => Some(Line::Deploy(fabfuel(rest))),
        ["ecs-deploy" | "./ecs-deploy", ref rest @ ..] => Some(Line::Deploy(silinternational(rest))),
        _ => None,
    }
}

/// Options with their values, in the order written, and what is no option. `flags` take no value.
fn options<'a>(words: &[&'a str], flags: &[&str]) -> (Vec<(&'a str, &'a str)>, Vec<&'a str>) {
    let (mut options, mut rest, mut words) = (Vec::new(), Vec::new(), words.iter());
    while let Some(&word) = words.next() {
        match word.split_once('=') {
            Some((name, value)) if word.starts_with("--") => options.push((name, value)),
            _ if word.starts_with('-') && word.len() > 1 => {
                let value = if flags.contains(&word) { "" } else { words.next().copied().unwrap_or_default() };
                options.push((word, value));
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
            "-f" | "--file" => dockerfile = Some(value),
            "-t" | "--tag" => built.repository = repository(value).unwrap_or(built.repository),
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
    let file = rest.iter().skip_while(|word| **word != ">").nth(1)?;
    Some(Line::Live { family, file: joined("", file) })
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
            "--task-definition" | "--region" | "--no-cli-pager" | "--output" | "--query" => {}
            _ => deployed.left.push(name.to_owned()),
        }
    }
    deployed
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
    let flags = ["-v", "--verbose", "--force-new-deployment", "--enable-rollback", "--use-latest-task-def"];
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
mod tests {
    use super::*;

    fn one(script: &str) -> Line {
        let commands = commands(script);
        assert_eq!(commands.len(), 1, "{commands:?}");
        read(&commands[0]).expect("a known command")
    }

    #[test]
    fn a_docker_build_is_an_image() {
        let line = one(
            "docker buildx build -t \0/shop/api:\0 -t \0/shop/api:latest --build-arg \"A=b c\" \\\n  --platform linux/amd64,linux/arm64 --cache-to type=gha,mode=max --push -f docker/api.Dockerfile ./services",
        );
        let built = Built {
            repository: "shop/api".into(),
            dockerfile: "docker/api.Dockerfile".into(),
            context: "services".into(),
            args: vec![("A".into(), "b c".into())],
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            cache: Some("gha"),
            ..Built::default()
        };
        assert_eq!(line, Line::Build(built));
        let Line::Build(plain) = one("docker build --tag=\0/api:1 services/api") else { panic!("a build") };
        assert_eq!((plain.dockerfile.as_str(), plain.context.as_str()), ("services/api/Dockerfile", "services/api"));
    }

    #[test]
    fn each_tool_names_cluster_and_service_in_its_own_way() {
        let plain = |line| match line {
            Line::Deploy(Deployed { cluster, service, containers, desired_count, seconds, force, left }) => {
                let containers: Vec<String> = containers.iter().map(|(name, of)| format!("{name}={of}")).collect();
                format!("{cluster} {service} [{}] {desired_count:?} {seconds:?} {force} {left:?}", containers.join(" "))
            }
            other => panic!("{other:?}"),
        };
        for (script, read) in [
            (
                "aws ecs update-service --cluster shop --service=api --force-new-deployment --health-check-grace-period-seconds 9",
                "shop api [] None None true [\"--health-check-grace-period-seconds\"]",
            ),
            (
                "ecs deploy shop api -i web \0/shop/web:\0 --timeout 900 -e web LOG debug --no-deregister",
                "shop api [web=shop/web] None Some(900) false [\"-e\"]",
            ),
            ("ecs deploy --timeout=600 --region=\0 --tag \0 shop api", "shop api [] None Some(600) false []"),
            ("ecs deploy --tag \0 shop api", "shop api [] None None false []"),
            (
                "ecs-deploy -c shop -n api -i 1.dkr.ecr.r.amazonaws.com/shop/web:\0 -D 3 -t 600 -m 50",
                "shop api [web=shop/web] Some(\"3\") Some(600) false [\"-m\"]",
            ),
        ] {
            assert_eq!(plain(one(script)), read, "{script}");
        }
    }

    #[test]
    fn a_family_that_is_written_into_a_file_is_known_by_the_file() {
        let line = one(
            "aws ecs describe-task-definition --task-definition shop-api \\\n  --query taskDefinition > ./task.json",
        );
        assert_eq!(line, Line::Live { family: "shop-api".into(), file: "task.json".into() });
    }

    #[test]
    fn a_script_is_its_commands() {
        let script = "# none\nset -e; docker login x\ncargo test && docker push \"a b\" | tee log\n";
        let commands: Vec<String> = commands(script).iter().map(|words| words.join(" ")).collect();
        assert_eq!(commands, ["set -e", "docker login x", "cargo test", "docker push a b", "tee log"]);
    }
}
