//! What ECS would take and nobody can have meant.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::Image;
use crate::deploy::normal::label;
use crate::gather::Gather;
use crate::platform::Platform;
use crate::reference::{Home, Named};
use crate::sorted::{SortedMap, SortedSet};

/// Names that stand twice where one of them would win, or where ECS refuses both.
pub(crate) fn twice(document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    let mut containers = SortedSet::new();
    for container in document["containerDefinitions"].as_array().into_iter().flatten() {
        let Some(name) = container["name"].as_str() else { continue };
        if !containers.insert(name) {
            problems.push(format!("two containers are named `{name}`"));
        }
        let mut seen: SortedMap<&str, &str> = SortedMap::new();
        for list in ["environment", "secrets"] {
            for variable in container[list].as_array().into_iter().flatten().filter_map(|entry| entry["name"].as_str())
            {
                match seen.insert(variable, list) {
                    None => {}
                    Some(before) if before == list => {
                        problems.push(format!("`containerDefinitions[{name}].{list}` has `{variable}` twice"));
                    }
                    Some(_) => problems.push(format!(
                        "`{variable}` is in `environment` and in `secrets` of container `{name}`, and ECS takes one of them"
                    )),
                }
            }
        }
    }
    problems
}

/// The containers that run an image of a repository that is released here, and are not among those that are pinned.
pub(crate) fn unpinned(
    document: &Value,
    pinned: &BTreeMap<String, String>,
    images: &BTreeMap<String, Image>,
) -> Vec<String> {
    let containers = document["containerDefinitions"].as_array().into_iter().flatten();
    let told = containers.filter_map(|container| {
        let (name, reference) = (container["name"].as_str()?, container["image"].as_str()?);
        if pinned.contains_key(name) {
            return None;
        }
        let image = images.values().find(|image| is_of(reference, image))?;
        Some(format!(
            "container `{name}` runs {reference}, of the repository of image `{}`, and is not among `containers`: it is \
             left as it is; write `{name} = \"{}\"` where it is to run what is released",
            image.name, image.name
        ))
    });
    told.gather()
}

fn is_of(reference: &str, image: &Image) -> bool {
    let Named { host: Some(host), path, .. } = Named::of(reference) else { return false };
    let registry = &image.reference.registry;
    let same = host == registry || Home::of(host).is_some_and(|home| Some(home) == Home::of(registry));
    same && path == image.repository().as_str()
}

/// Why none of an image's platforms can run on what the document asks for. Source: Amazon ECS API Reference,
/// RuntimePlatform; without one Fargate takes Linux on X86_64.
pub(crate) fn wrong_platform(document: &Value, platforms: &[Platform]) -> Option<String> {
    let mut first = None;
    for platform in platforms {
        let why = unfit(document, platform)?;
        first = first.or(Some(why));
    }
    let built_for: Vec<String> = platforms.iter().map(ToString::to_string).gather();
    Some(format!("is built for {}, and the task definition asks {}", built_for.join(" and "), first?))
}

/// Why none of an image's platforms can run on what a service's tasks are placed on, by its architectures.
pub(crate) fn wrong_capacity(platforms: &[Platform], architectures: &[&str]) -> Option<String> {
    let runs = |platform: &Platform| architectures.contains(&platform.architecture.as_str());
    if platforms.is_empty() || platforms.iter().any(runs) {
        return None;
    }
    let built_for: Vec<String> = platforms.iter().map(ToString::to_string).gather();
    let words = |architecture: &&str| if *architecture == "amd64" { "X86_64" } else { "ARM64" };
    let has: Vec<&str> = architectures.iter().map(words).gather();
    Some(format!("is built for {}, and the capacity of the service is {}", built_for.join(" and "), has.join(" and ")))
}

fn unfit(document: &Value, platform: &Platform) -> Option<String> {
    let asked = &document["runtimePlatform"];
    let fargate =
        document["requiresCompatibilities"].as_array().is_some_and(|all| all.iter().any(|it| it == "FARGATE"));
    let wants = asked["cpuArchitecture"].as_str().or(fargate.then_some("X86_64"));
    let system = asked["operatingSystemFamily"].as_str().or(fargate.then_some("LINUX"));
    if system.is_some_and(|system| !system.to_ascii_lowercase().starts_with(&platform.os)) {
        return Some(format!("for {} (`runtimePlatform.operatingSystemFamily`)", system.unwrap_or_default()));
    }
    let is = match platform.architecture.as_str() {
        "amd64" => "X86_64",
        "arm64" => "ARM64",
        _ => return None,
    };
    let wants = wants.filter(|wants| *wants != is)?;
    let which = if asked["cpuArchitecture"].is_string() { "" } else { "by default, " };
    Some(format!("{which}for {wants} (`runtimePlatform.cpuArchitecture`)"))
}

/// Where a template was not filled in: the path, and the first placeholder there.
pub(crate) fn placeholders(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    look(document, "", "", Kind::Plain, &mut found);
    found
}

/// Who reads a string, which decides what is a placeholder in it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// A shell may read it, for which `${NAME}` and `<file` mean something.
    Shell,
    /// A log driver reads it, for which `${NAME}` and `{{.Name}}` mean something.
    LogOption,
}

fn look(value: &Value, path: &str, name: &str, kind: Kind, found: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) => found.extend(placeholder(text, kind).map(|it| (path.to_owned(), it.to_owned()))),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                let label = label(name, element).unwrap_or_else(|| index.to_string());
                look(element, &format!("{path}[{label}]"), "", kind, found);
            }
        }
        Value::Object(members) => {
            for (member, value) in members {
                let kind = match member.as_str() {
                    "command" | "entryPoint" => Kind::Shell,
                    "options" => Kind::LogOption,
                    _ => kind,
                };
                let path = if path.is_empty() { member.clone() } else { format!("{path}.{member}") };
                look(value, &path, member, kind, found);
            }
        }
        _ => {}
    }
}

fn placeholder(text: &str, kind: Kind) -> Option<&str> {
    let braced = || {
        let start = text.find("${")?;
        Some(&text[start..=start + text[start..].find('}')?])
    };
    let doubled = || {
        let start = text.find("{{")?;
        let end = start + text[start..].find("}}")? + 2;
        let is_drivers = kind == Kind::LogOption && text[start + 2..].trim_start().starts_with('.');
        (!is_drivers).then(|| &text[start..end])
    };
    let pointed = |start: usize| {
        let end = start + text[start..].find('>')?;
        let name = &text[start + 1..end];
        let fits = |letter: char| match kind {
            Kind::Shell => letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_',
            _ => letter.is_ascii_alphanumeric() || "_- .".contains(letter),
        };
        let is_name = name.len() > 1 && name.starts_with(|letter: char| letter.is_ascii_alphabetic());
        (is_name && name.chars().all(fits) && !text.contains("</")).then(|| &text[start..=end])
    };
    let braced = if kind == Kind::Plain { braced() } else { None };
    braced.or_else(doubled).or_else(|| text.match_indices('<').find_map(|(start, _)| pointed(start)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_template_that_was_not_filled_in_is_found_and_what_somebody_else_reads_is_left_alone() {
        let document = json!({
            "executionRoleArn": "arn:aws:iam::<ACCOUNT_ID>:role/x",
            "containerDefinitions": [{
                "name": "app",
                "environment": [
                    { "name": "DATABASE_URL", "value": "postgres://${DATABASE_HOST}/app" },
                    { "name": "TEXT", "value": "<b>bold</b>, 1 < 2 > 0, $HOME, {x}" }
                ],
                "secrets": [{ "name": "KEY", "valueFrom": "{{ key_arn }}" }],
                "command": ["sh", "-c", "echo ${HOME} <in >out; run <STAGE_NAME>"],
                "healthCheck": { "command": ["CMD-SHELL", "curl ${URL}"] },
                "logConfiguration": { "logDriver": "fluentd", "options": { "tag": "{{.Name}}", "x": "${HOST}", "group": "<group>" } },
            }],
        });
        let found = placeholders(&document);
        let found: Vec<(&str, &str)> = found.iter().map(|(path, it)| (path.as_str(), it.as_str())).collect();
        assert_eq!(
            found,
            [
                ("executionRoleArn", "<ACCOUNT_ID>"),
                ("containerDefinitions[app].environment[DATABASE_URL].value", "${DATABASE_HOST}"),
                ("containerDefinitions[app].secrets[KEY].valueFrom", "{{ key_arn }}"),
                ("containerDefinitions[app].command[2]", "<STAGE_NAME>"),
                ("containerDefinitions[app].logConfiguration.options.group", "<group>"),
            ]
        );
    }

    #[test]
    fn an_image_for_another_platform_than_the_tasks_is_known_before_it_runs() {
        let of = |asked: Value, platforms: &str| {
            let platforms: Vec<Platform> = platforms.split(' ').map(|it| it.parse().expect("a platform")).collect();
            wrong_platform(&asked, &platforms)
        };
        let arm = json!({ "runtimePlatform": { "cpuArchitecture": "ARM64" } });
        assert!(of(arm.clone(), "linux/amd64").is_some_and(|it| it.contains("asks for ARM64")));
        assert_eq!(of(arm.clone(), "linux/arm64/v8"), None);
        assert_eq!(of(arm.clone(), "linux/amd64 linux/arm64"), None, "of an index the one that fits is taken");
        let none = of(arm, "linux/amd64 linux/386");
        assert_eq!(none, None, "what ECS runs of the other is not known");
        let fargate = json!({ "requiresCompatibilities": ["FARGATE"] });
        assert!(of(fargate.clone(), "linux/arm64").is_some_and(|it| it.contains("asks by default, for X86_64")));
        assert_eq!(of(fargate, "linux/amd64"), None);
        // On instances of one's own it is theirs that decides.
        assert_eq!(of(json!({}), "linux/arm64"), None);
        let windows = json!({ "runtimePlatform": { "operatingSystemFamily": "WINDOWS_SERVER_2022_CORE" } });
        assert!(of(windows, "linux/amd64").is_some_and(|it| it.contains("WINDOWS_SERVER_2022_CORE")));
    }

    #[test]
    fn a_name_that_stands_twice_is_a_problem_wherever_one_of_the_two_would_be_lost() {
        let variable = |name: &str| json!({ "name": name, "value": "v" });
        let document = json!({ "containerDefinitions": [
            { "name": "app", "environment": [variable("A"), variable("B"), variable("A")], "secrets": [variable("B")] },
            { "name": "sidecar", "environment": [variable("A")] },
            { "name": "app" },
        ] });
        assert_eq!(
            twice(&document),
            [
                "`containerDefinitions[app].environment` has `A` twice",
                "`B` is in `environment` and in `secrets` of container `app`, and ECS takes one of them",
                "two containers are named `app`",
            ]
        );
    }
}
