//! A bake file: its targets as images. `docker buildx bake --print` reads HCL, variables, functions and inheritance, and
//! prints JSON. Source: docker's documentation, "Bake file reference".

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;
use xtask_ecs::process::{is_in_path, question};

use super::adopted::Adopted;
use super::built::{Built, joined, repository_of};
use super::yaml::{pairs, written};
use super::{command_line, key, read};
use crate::init::Survey;

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    read(file, &name)?;
    if !is_in_path("docker") {
        return Err(Failure::usage(format_args!(
            "{name} is read by `docker buildx bake --print`, and there is no docker here"
        )));
    }
    let folder = file.parent().unwrap_or(&found.root);
    let file_name = file.file_name().unwrap_or_default().to_string_lossy();
    let printed = question(folder, "docker", &["buildx", "bake", "--file", &file_name, "--print"])
        .map_err(|said| Failure::world(format_args!("buildx could not read {name}")).said(said))?;
    let document: Value = serde_json::from_str(&printed)
        .map_err(|error| Failure::world(format_args!("what buildx printed of {name} is no JSON: {error}")))?;
    let below = found.name_of(folder);
    let below = if Path::new(&below).is_absolute() { "" } else { &below };
    let mut adopted = Adopted::default();
    for (target, of) in document["target"].as_object().into_iter().flatten() {
        let built = built(target, of, below, &name, &mut adopted.todo);
        adopted.tables.push(built.table(found));
    }
    if adopted.tables.is_empty() {
        return Err(Failure::usage(format_args!("the group `default` of {name} has no target")));
    }
    adopted.todo.push(format!(
        "{name}: a bake file says nothing of services: a table `services.NAME` for each, or `cargo xtask-ecs init`"
    ));
    Ok(adopted)
}

fn built(target: &str, of: &Value, below: &str, file: &str, todo: &mut Vec<String>) -> Built {
    let texts = |member: &str| -> Vec<String> { of[member].as_array().into_iter().flatten().map(written).collect() };
    let context = joined(below, of["context"].as_str().unwrap_or("."));
    let dockerfile = joined(&context, of["dockerfile"].as_str().unwrap_or("Dockerfile"));
    let mut built = Built { name: key(target), ..Built::default() }.at(&context, Some(&dockerfile));
    of["target"].as_str().unwrap_or_default().clone_into(&mut built.target);
    built.repository = repository_of(texts("tags").iter().map(String::as_str)).unwrap_or_default();
    built.platforms = texts("platforms");
    built.args = pairs(&of["args"]);
    // Newer versions of buildx print objects here, older ones `type=gha,…`.
    built.cache = texts("cache-to").iter().find_map(|text| command_line::cache(&text.replace("\"type\":\"", "type=")));
    let read = [
        "context",
        "dockerfile",
        "target",
        "tags",
        "platforms",
        "args",
        "cache-to",
        "cache-from",
        "output",
        "labels",
        "attest",
    ];
    for member in of.as_object().into_iter().flat_map(|of| of.keys()) {
        if !read.contains(&member.as_str()) {
            todo.push(format!("{file}: `{member}` of target {target} is not taken over"));
        }
    }
    built
}
