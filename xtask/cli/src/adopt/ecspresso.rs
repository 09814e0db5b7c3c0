//! ecspresso. Source: its README, "Configuration file", "Template syntax" and "Plugins".

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;
use xtask_ecs::process::{is_in_path, question};

use super::adopted::Adopted;
use super::built::image_table;
use super::running::{Image, differences, without_tags};
use super::template::convert;
use super::yaml::Document;
use super::{beside, key, parsed, read};
use crate::init::Survey;

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    let text = read(file, &name)?;
    let converted = convert(&text);
    let mut adopted = Adopted::default();
    adopted.todo.extend(converted.left.iter().map(|(line, template)| no_lookup(&name, *line, template)));
    let document = parsed(&converted.text, &name)?;
    let need = |key: &str| {
        document.text(key).map(str::to_owned).ok_or_else(|| Failure::usage(format_args!("{name} names no `{key}`")))
    };
    let (service, definition) = (need("service")?, need("task_definition")?);
    document.text("cluster").unwrap_or("default").clone_into(&mut adopted.cluster);
    let mut lines = vec![];
    if adopted.cluster != "default" {
        lines.push(format!("cluster = \"{}\"", adopted.cluster));
    }
    if service != key(&service) {
        lines.push(format!("service = \"{service}\""));
    }
    lines.push(format!("task-definition = \"ecs/{}.json\"", key(&service)));
    let (old, new, images) = task_definition(found, file, &definition, &mut adopted)?;
    adopted.region =
        document.text("region").map(str::to_owned).or_else(|| found.hints.region.clone()).unwrap_or_default();
    let containers: Vec<String> = images.iter().map(|image| format!("{0} = \"{0}\"", image.container)).collect();
    lines.push(format!("containers = {{ {} }}", containers.join(", ")));
    for image in &images {
        let Some(home) = &image.home else { continue };
        adopted.account.clone_from(&home.account);
        if adopted.region.is_empty() {
            adopted.region.clone_from(&home.region);
        }
        adopted
            .tables
            .push((format!("images.{}", image.container), image_table(found, &image.container, &image.repository)?));
    }
    adopted.documents.push((format!("ecs/{}.json", key(&service)), new.clone()));
    adopted.differences = differences(&old, &new);
    if let Some(service_definition) = document.text("service_definition") {
        lines.extend(of_service(found, file, service_definition, &mut adopted)?);
    }
    rest(&document, &name, &mut lines, &mut adopted);
    adopted.tables.push((format!("services.{}", key(&service)), lines.join("\n") + "\n"));
    Ok(adopted)
}

fn no_lookup(file: &str, line: usize, template: &str) -> String {
    format!("{file}:{line}: `{template}` is no lookup: write what it stands for")
}

/// The old document with lookups in the place of its templates, the new one, and the images in it.
fn task_definition(
    found: &Survey,
    file: &Path,
    definition: &str,
    adopted: &mut Adopted,
) -> Result<(Value, String, Vec<Image>), Failure> {
    let path = beside(file, definition);
    let name = found.name_of(&path);
    let text = if Path::new(definition).extension().is_some_and(|it| it == "jsonnet") {
        rendered(file, &name)?
    } else {
        read(&path, &name)?
    };
    let converted = convert(&text);
    adopted.todo.extend(converted.left.iter().map(|(line, template)| no_lookup(&name, *line, template)));
    let old: Value = serde_json::from_str(&converted.text).map_err(|error| {
        Failure::usage(format_args!("{name}:{}: with lookups for its templates it is no JSON: {error}", error.line()))
            .help("a template around members has no counterpart: write them out, or move them into an overlay")
    })?;
    let mut new = old.clone();
    let containers = new["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let images: Vec<Image> = containers.iter().filter_map(Image::of).filter(|image| image.home.is_some()).collect();
    if images.is_empty() {
        return Err(Failure::usage(format_args!("no container of {name} runs an image of ECR")));
    }
    without_tags(&mut new, |image| image.home.is_some());
    let text = serde_json::to_string_pretty(&new).map_err(|error| Failure::caused_by(error.into()))?;
    Ok((old, text + "\n", images))
}

/// Jsonnet is ecspresso's own to render.
fn rendered(file: &Path, name: &str) -> Result<String, Failure> {
    let help = "`ecspresso render task-definition` writes it as JSON: name that in its configuration";
    if !is_in_path("ecspresso") {
        return Err(
            Failure::usage(format_args!("{name} is Jsonnet, and there is no ecspresso here to render it")).help(help)
        );
    }
    let config = file.display().to_string();
    let folder = file.parent().unwrap_or(Path::new("."));
    question(folder, "ecspresso", &["--config", &config, "render", "task-definition"])
        .map_err(|said| Failure::world(format_args!("ecspresso could not render {name}")).said(said).help(help))
}

/// What a service is made of stays in ECS; a number of tasks that is written is sent.
fn of_service(found: &Survey, file: &Path, definition: &str, adopted: &mut Adopted) -> Result<Vec<String>, Failure> {
    let path = beside(file, definition);
    let name = found.name_of(&path);
    let converted = convert(&read(&path, &name)?);
    adopted.todo.extend(converted.left.iter().map(|(line, template)| no_lookup(&name, *line, template)));
    let document = Document::read(&converted.text)
        .map_err(|why| Failure::usage(format_args!("{name} is neither JSON nor YAML: {why}")))?;
    let mut lines = Vec::new();
    for (member, value) in document.value.as_object().into_iter().flatten() {
        let at = format!("{name}:{}", document.line(member));
        match (member.as_str(), value) {
            ("desiredCount", Value::Number(count)) => lines.push(format!("desired-count = {count}")),
            ("desiredCount", Value::String(lookup)) => lines.push(format!("desired-count = \"{lookup}\"")),
            _ => adopted.kept.push(format!("{at}: `{member}` stays as the service has it in ECS")),
        }
    }
    Ok(lines)
}

/// The other keys of its configuration.
fn rest(document: &Document, name: &str, lines: &mut Vec<String>, adopted: &mut Adopted) {
    for (key, value) in document.value.as_object().into_iter().flatten() {
        let at = format!("{name}:{}", document.line(key));
        match (key.as_str(), value) {
            ("region" | "cluster" | "service" | "service_definition" | "task_definition", _) => {}
            ("required_version", _) => adopted.kept.push(format!("{at}: `{key}` is ecspresso's own")),
            ("timeout", Value::String(timeout)) => match duration(timeout) {
                Some(deadline) => lines.push(format!("rollout = {{ deadline = \"{deadline}\" }}")),
                None => adopted.todo.push(format!("{at}: `timeout` {timeout} is no duration")),
            },
            ("plugins", Value::Array(plugins)) => {
                for (number, plugin) in plugins.iter().enumerate() {
                    let at = format!("{name}:{}", document.line(&format!("plugins[{number}].name")));
                    of_plugin(plugin, &at, adopted);
                }
            }
            ("codedeploy" | "appspec", _) => adopted.todo.push(format!(
                "{at}: `{key}`: a service that CodeDeploy deploys is refused; ECS's own blue/green takes its place"
            )),
            _ => adopted.todo.push(format!("{at}: `{key}` has no counterpart")),
        }
    }
}

fn of_plugin(plugin: &Value, at: &str, adopted: &mut Adopted) {
    let (name, config) = (plugin["name"].as_str().unwrap_or_default(), &plugin["config"]);
    if let Some(prefix) = plugin["func_prefix"].as_str() {
        adopted.todo.push(format!("{at}: the prefix `{prefix}` of plugin {name}: lookups have none"));
    }
    match (name, config["url"].as_str().or(config["path"].as_str())) {
        ("tfstate", Some(state)) if adopted.tables.iter().all(|(table, _)| table != "lookups") => {
            adopted.tables.push(("lookups".to_owned(), format!("tfstate = \"{state}\"\n")));
        }
        ("tfstate", _) => {
            adopted.todo.push(format!("{at}: lookups look into one Terraform state, and this is another one"));
        }
        ("ssm" | "cfn", _) => {}
        _ => adopted.todo.push(format!("{at}: plugin {name} has no counterpart")),
    }
}

/// Go writes `10m0s`; parts of nothing are left out.
fn duration(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).filter(|at| *at > 0)?;
        let (number, unit) = (&rest[..digits], &rest[digits..=digits]);
        if !["h", "m", "s"].contains(&unit) || rest[digits + 1..].starts_with('s') {
            return None;
        }
        if !number.trim_start_matches('0').is_empty() {
            out.push_str(&[number, unit].concat());
        }
        rest = &rest[digits + 1..];
    }
    Some(out).filter(|out| !out.is_empty())
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_of_go_are_durations_here() {
        for (go, ours) in [
            ("10m0s", Some("10m")),
            ("1h30m0s", Some("1h30m")),
            ("90s", Some("90s")),
            ("5ms", None),
            ("0s", None),
            ("x", None),
        ] {
            assert_eq!(duration(go).as_deref(), ours, "{go}");
        }
    }
}
