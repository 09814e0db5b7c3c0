//! ecspresso. Source: its README, "Configuration file", "Template syntax" and "Plugins".

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;
use xtask_ecs::process::{is_in_path, question};

use super::adopted::{ACCOUNT, Adopted, DOMAIN, REGION};
use super::built::{buildable, builder, inline, joined};
use super::running::{Image, differences, leave_out_empty};
use super::template::convert;
use super::yaml::Document;
use super::{beside, key, parsed, quoted, read};
use crate::init::{Survey, image_lines, tag};

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    let text = if is_jsonnet(file) { rendered(file, &name, "config")? } else { read(file, &name)? };
    let converted = convert(&text, &[]);
    let mut adopted = Adopted::default();
    adopted.todo.extend(converted.left.iter().map(|(line, template)| no_lookup(&name, *line, template)));
    let document = parsed(&converted.text, &name)?;
    let need = |key: &str| {
        document.text(key).map(str::to_owned).ok_or_else(|| Failure::usage(format_args!("{name} names no `{key}`")))
    };
    let (service, definition) = (need("service")?, need("task_definition")?);
    document.text("cluster").unwrap_or("default").clone_into(&mut adopted.cluster);
    adopted.region =
        document.text("region").map(str::to_owned).or_else(|| found.hints.region.clone()).unwrap_or_default();
    let read = Files { found, config: file, prefixes: plugins(found, file, &document, &mut adopted) };
    let old = read.task_definition(&definition, &mut adopted)?;
    let mut new = old.clone();
    let images = images(found, &mut new, &read.name_of(&definition), &mut adopted)?;
    let table = named(&service, &images[0].1);
    let mut lines = vec![];
    if service != table {
        lines.push(format!("service = {}", quoted(&service)));
    }
    lines.push(format!("task-definition = \"ecs/{table}.json\""));
    lines.extend(inline("containers", &images));
    adopted.differences = differences(&old, &new);
    adopted.documents.push((format!("ecs/{table}.json"), format!("{new:#}\n")));
    if let Some(service_definition) = document.text("service_definition") {
        lines.extend(read.service_definition(service_definition, &mut adopted)?);
    }
    rest(&document, &name, &mut lines, &mut adopted);
    adopted.tables.push((format!("services.{table}"), lines.join("\n") + "\n"));
    Ok(adopted)
}

fn no_lookup(file: &str, line: usize, template: &str) -> String {
    format!("{file}:{line}: `{template}` is no lookup: write what it stands for")
}

/// A name that is known when it is deployed is none for a table.
fn named(name: &str, otherwise: &str) -> String {
    key(if name.contains("${") { otherwise } else { name })
}

fn is_jsonnet(file: &Path) -> bool {
    file.extension().is_some_and(|it| it == "jsonnet")
}

/// Jsonnet is ecspresso's own to render.
fn rendered(config: &Path, name: &str, what: &str) -> Result<String, Failure> {
    let help = format!("`ecspresso render {what}` writes it as JSON: have a file of that in its place");
    if !is_in_path("ecspresso") {
        return Err(
            Failure::usage(format_args!("{name} is Jsonnet, and there is no ecspresso here to render it")).help(help)
        );
    }
    let folder = config.parent().unwrap_or(Path::new("."));
    question(folder, "ecspresso", &["--config", &config.display().to_string(), "render", what])
        .map_err(|said| Failure::world(format_args!("ecspresso could not render {name}")).said(said).help(help))
}

/// The files that a configuration names, beside it.
struct Files<'a> {
    found: &'a Survey,
    config: &'a Path,
    /// Of functions in templates.
    prefixes: Vec<String>,
}

impl Files<'_> {
    fn name_of(&self, file: &str) -> String {
        self.found.name_of(&beside(self.config, file))
    }

    /// With lookups in the place of its templates.
    fn read(&self, file: &str, what: &str, adopted: &mut Adopted) -> Result<String, Failure> {
        let (path, name) = (beside(self.config, file), self.name_of(file));
        let text = if is_jsonnet(&path) { rendered(self.config, &name, what)? } else { read(&path, &name)? };
        let converted = convert(&text, &self.prefixes);
        adopted.todo.extend(converted.left.iter().map(|(line, template)| no_lookup(&name, *line, template)));
        Ok(converted.text)
    }

    /// Without what ecspresso does not send: `ecspresso init` writes `"pidMode": ""` and the like.
    fn task_definition(&self, file: &str, adopted: &mut Adopted) -> Result<Value, Failure> {
        let (text, name) = (self.read(file, "task-definition", adopted)?, self.name_of(file));
        let document: Result<Value, Failure> = if [".yml", ".yaml"].iter().any(|end| file.ends_with(end)) {
            parsed(&text, &name).map(|document| document.value)
        } else {
            serde_json::from_str(&text).map_err(|error| {
                Failure::usage(format_args!(
                    "{name}:{}: with lookups for its templates it is no JSON: {error}",
                    error.line()
                ))
                .help("a template around members has no counterpart: write them out, or move them into an overlay")
            })
        };
        let mut document = document?;
        // What `aws ecs describe-task-definition` prints is taken as it is.
        if document["taskDefinition"].is_object() {
            document = document["taskDefinition"].take();
        }
        leave_out_empty(&mut document);
        Ok(document)
    }

    /// What a service is made of stays in ECS; a number of tasks that is written is sent.
    fn service_definition(&self, file: &str, adopted: &mut Adopted) -> Result<Vec<String>, Failure> {
        let (text, name) = (self.read(file, "service-definition", adopted)?, self.name_of(file));
        let document = Document::read(&text)
            .map_err(|why| Failure::usage(format_args!("{name} is neither JSON nor YAML: {why}")))?;
        let mut lines = Vec::new();
        for (member, value) in document.value.as_object().into_iter().flatten() {
            let at = format!("{name}:{}", document.line(member));
            match (member.as_str(), value) {
                ("desiredCount", Value::Number(count)) => lines.push(format!("desired-count = {count}")),
                ("desiredCount", Value::String(lookup)) => lines.push(format!("desired-count = {}", quoted(lookup))),
                _ => adopted.kept.push(format!("{at}: `{member}` stays as the service has it in ECS")),
            }
        }
        Ok(lines)
    }
}

/// The other keys of its configuration.
fn rest(document: &Document, name: &str, lines: &mut Vec<String>, adopted: &mut Adopted) {
    for (key, value) in document.value.as_object().into_iter().flatten() {
        let at = format!("{name}:{}", document.line(key));
        match (key.as_str(), value) {
            ("region" | "cluster" | "service" | "service_definition" | "task_definition" | "plugins", _) => {}
            ("required_version", _) => adopted.kept.push(format!("{at}: `{key}` is ecspresso's own")),
            ("timeout", Value::String(timeout)) => match duration(timeout) {
                Some(deadline) => lines.push(format!("rollout = {{ deadline = \"{deadline}\" }}")),
                None => adopted.todo.push(format!("{at}: `timeout` {timeout} is no duration")),
            },
            ("codedeploy" | "appspec", _) => adopted.todo.push(format!(
                "{at}: `{key}`: a service that CodeDeploy deploys is refused; ECS's own blue/green takes its place"
            )),
            _ => adopted.todo.push(format!("{at}: `{key}` has no counterpart")),
        }
    }
}

/// The Terraform state, and the prefixes of functions that lookups take the place of.
fn plugins(found: &Survey, file: &Path, document: &Document, adopted: &mut Adopted) -> Vec<String> {
    let (name, mut prefixes, mut has_state) = (found.name_of(file), Vec::new(), false);
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (number, plugin) in document.value["plugins"].as_array().into_iter().flatten().enumerate() {
        let at = format!("{name}:{}", document.line(&format!("plugins[{number}].name")));
        let kind = plugin["name"].as_str().unwrap_or_default().to_lowercase();
        let config = &plugin["config"];
        let path = config["path"]
            .as_str()
            .map(|path| if path.starts_with('/') { path.to_owned() } else { joined(folder, path) });
        match (kind.as_str(), config["url"].as_str().map(str::to_owned).or(path)) {
            ("tfstate", Some(state)) if !has_state => {
                has_state = true;
                adopted.tables.push(("lookups".to_owned(), format!("tfstate = {}\n", quoted(&state))));
            }
            ("tfstate", _) => {
                adopted.todo.push(format!("{at}: lookups look into one Terraform state, and this is another one"));
                continue;
            }
            ("ssm" | "cloudformation", _) => {}
            _ => {
                adopted.todo.push(format!("{at}: plugin {kind} has no counterpart"));
                continue;
            }
        }
        prefixes.extend(plugin["func_prefix"].as_str().map(str::to_owned));
    }
    prefixes
}

/// Containers, each with the key of the image that is built here for it, whose tables are written; in the document those images
/// are in ECR and lose their tags.
fn images(
    found: &Survey,
    document: &mut Value,
    name: &str,
    adopted: &mut Adopted,
) -> Result<Vec<(String, String)>, Failure> {
    let containers = document["containerDefinitions"].as_array_mut().into_iter().flatten();
    let mut running: Vec<(Image, &mut Value)> =
        containers.filter_map(|of| Some((Image::of(of)?, &mut of["image"]))).collect();
    // What is in ECR, or is told when it is deployed, is somebody's own.
    let is_own = |image: &Image| image.home.is_some() || image.is_looked_up;
    let is_only = running.iter().filter(|(image, _)| is_own(image)).count() == 1;
    let mut taken: Vec<(String, String)> = Vec::new();
    let mut known: Vec<(String, String, String)> = Vec::new();
    for (image, written) in &mut running {
        let Some(shipped) = builder(found, &image.container, &image.repository, is_only && is_own(image)) else {
            adopted.kept.push(format!(
                "{name}: container {} runs {}, which nothing here builds: its image stays as it is",
                image.container,
                image.reference()
            ));
            continue;
        };
        let old = image.reference();
        if known.iter().all(|(reference, ..)| *reference != old) {
            let image_key = named(&image.container, shipped.name());
            let (repository, new) = repository(image, &image_key, name, adopted);
            let table = image_lines(&shipped, &repository, &tag(found, &shipped));
            adopted.tables.push((format!("images.{image_key}"), table));
            known.push((old.clone(), image_key, new));
        }
        let (_, image_key, new) = known.iter().find(|(reference, ..)| *reference == old).expect("it was put there");
        **written = Value::from(new.as_str());
        taken.push((image.container.clone(), image_key.clone()));
    }
    if taken.is_empty() {
        let runs = running.iter().map(|(image, _)| format!("{} runs {}", image.container, image.reference()));
        return Err(Failure::usage(format_args!("nothing here builds what {name} runs"))
            .said(runs)
            .help(buildable(found)));
    }
    Ok(taken)
}

/// The repository that an image is in from now on, and the image without its tag. Account and region are taken from it where
/// it tells them.
fn repository(image: &Image, key: &str, name: &str, adopted: &mut Adopted) -> (String, String) {
    if let Some(home) = &image.home {
        adopted.account.clone_from(&home.account);
        if adopted.region.is_empty() {
            adopted.region.clone_from(&home.region);
        }
        return (image.repository.clone(), image.reference());
    }
    let (container, said) = (&image.container, image.reference());
    if let Some((account, _)) = image.host.split_once(".dkr.ecr.") {
        account.clone_into(&mut adopted.account);
        return (image.repository.clone(), said);
    }
    let repository = if image.repository.is_empty() {
        adopted.todo.push(format!(
            "{name}: `{said}` is the image of {container}, and its repository is taken to be {key}: `images.{key}.repository`"
        ));
        key.to_owned()
    } else if image.host.starts_with("${") {
        image.repository.clone()
    } else {
        let last = image.repository.rsplit('/').next().unwrap_or_default();
        adopted.todo.push(format!(
            "{name}: container {container} runs {said}: from the first deploy on it is an image of ECR, in a repository {last} that has to be there"
        ));
        last.to_owned()
    };
    let new = format!("{ACCOUNT}.dkr.ecr.{REGION}.{DOMAIN}/{repository}");
    (repository, new)
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
