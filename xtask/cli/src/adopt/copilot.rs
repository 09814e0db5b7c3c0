//! AWS Copilot: `copilot/.workspace`, `copilot/NAME/manifest.yml`, `copilot/environments/NAME/manifest.yml`.
//!
//! Source: its documentation, "Manifest", and the templates that it deploys: the task definition's family is
//! APPLICATION-ENVIRONMENT-NAME, the container is called NAME, the repository APPLICATION/NAME, and the environment's stack has
//! the output `ClusterId` (aws/copilot-cli, internal/pkg/template/templates).

use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask_ecs::Failure;

use super::adopted::Adopted;
use super::built::Built;
use super::yaml::{Document, pairs};
use super::{document, key, quoted};
use crate::init::Survey;

/// Copilot's folder around a file of it.
pub fn folder(file: &Path) -> Option<PathBuf> {
    file.ancestors().find(|folder| folder.ends_with("copilot")).map(Path::to_owned)
}

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let folder = folder(file).unwrap_or_else(|| file.to_owned());
    let workspace = folder.join(".workspace");
    let name = found.name_of(&workspace);
    let document = document(&workspace, &name)?;
    let application = document
        .text("application")
        .ok_or_else(|| Failure::usage(format_args!("{name} names no `application`")))?
        .to_owned();
    let manifests = manifests(found, &folder)?;
    let mut environments = names(&folder.join("environments"));
    for (_, manifest) in &manifests {
        for name in manifest.value["environments"].as_object().into_iter().flat_map(|of| of.keys()) {
            if !environments.contains(name) {
                environments.push(name.clone());
            }
        }
    }
    let mut adopted = Adopted::default();
    if environments.is_empty() {
        environments = stages(found, &folder)?;
    }
    if environments.is_empty() {
        adopted.todo.push(format!(
            "{}: no environment is told: it is taken to be `test`, as `copilot init` calls it; `copilot env ls` names them",
            found.name_of(&folder)
        ));
        environments.push("test".to_owned());
    }
    let mut copilot = Copilot { application, environments, adopted, services: Vec::new() };
    for (name, manifest) in &manifests {
        copilot.workload(found, name, manifest);
    }
    copilot.end()
}

/// Folders with a manifest.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join("manifest.yml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Environments that its pipelines deploy to.
fn stages(found: &Survey, folder: &Path) -> Result<Vec<String>, Failure> {
    let pipelines = folder.join("pipelines");
    let files = names(&pipelines).into_iter().map(|name| pipelines.join(name).join("manifest.yml"));
    let mut stages: Vec<String> = Vec::new();
    for file in files.chain(Some(folder.join("pipeline.yml")).filter(|file| file.is_file())) {
        let manifest = document(&file, &found.name_of(&file))?;
        let of = manifest.value["stages"].as_array().into_iter().flatten();
        for name in of.filter_map(|stage| stage["name"].as_str()) {
            if stages.iter().all(|known| known != name) {
                stages.push(name.to_owned());
            }
        }
    }
    Ok(stages)
}

fn manifests(found: &Survey, folder: &Path) -> Result<Vec<(String, Document)>, Failure> {
    let mut manifests = Vec::new();
    for workload in names(folder) {
        let path = folder.join(workload).join("manifest.yml");
        let name = found.name_of(&path);
        let manifest = document(&path, &name)?;
        manifests.push((name, manifest));
    }
    Ok(manifests)
}

struct Copilot {
    application: String,
    environments: Vec<String>,
    adopted: Adopted,
    /// Names, and whether each is a job.
    services: Vec<(String, bool)>,
}

impl Copilot {
    fn workload(&mut self, found: &Survey, file: &str, manifest: &Document) {
        let at = |member: &str| format!("{file}:{}", manifest.line(member));
        let name = manifest.text("name").unwrap_or_default().to_owned();
        let is_job = match manifest.text("type").unwrap_or_default() {
            "Load Balanced Web Service" | "Backend Service" | "Worker Service" => false,
            "Scheduled Job" => true,
            other => {
                self.adopted.todo.push(format!("{}: `{name}` is a {other}, which is not of ECS", at("type")));
                return;
            }
        };
        let Some(built) = built(manifest, &name, &self.application) else {
            self.adopted.todo.push(format!("{}: `{name}` runs an image that is not built here", at("image")));
            return;
        };
        self.adopted.tables.push(built.table(found));
        let mut live = Vec::new();
        for member in manifest.value.as_object().into_iter().flat_map(|of| of.keys()) {
            match member.as_str() {
                "name" | "type" | "image" | "platform" | "environments" => {}
                "on" => self.adopted.todo.push(format!(
                    "{}: the schedule of {name} starts a state machine, which goes on starting the revision that it knows: a table under `schedules` takes \
                     its place",
                    at(member)
                )),
                "publish" | "subscribe" => {
                    self.adopted.todo.push(format!("{}: `{member}`: topics and queues stay with their stack", at(member)));
                }
                _ => live.push(format!("`{member}`")),
            }
        }
        if !live.is_empty() {
            self.adopted.kept.push(format!(
                "{file}: {}: in the live task definition, or of the service as it is in ECS",
                live.join(", ")
            ));
        }
        self.services.push((name, is_job));
    }

    fn end(mut self) -> Result<Adopted, Failure> {
        if self.services.is_empty() {
            return Err(Failure::usage("nothing that Copilot deploys here is built here and runs on ECS")
                .said(&self.adopted.todo));
        }
        let application = self.application.clone();
        for environment in &self.environments {
            let cluster = format!("cluster = {}", quoted(&format!("${{cfn:{application}-{environment}.ClusterId}}")));
            self.adopted.tables.push((format!("environments.{}", key(environment)), cluster + "\n"));
            for (name, is_job) in &self.services {
                let family = quoted(&format!("{application}-{environment}-{name}"));
                let table = if *is_job { "tasks" } else { "services" };
                let mut lines = vec![format!("task-definition = {{ family = {family} }}")];
                if !is_job {
                    let start = format!("{application}-{environment}-{name}-Service-");
                    lines.push(format!("# service = \"{start}…\", as CloudFormation has called it"));
                }
                let table = format!("environments.{}.{table}.{}", key(environment), key(name));
                self.adopted.table(table, &lines);
            }
        }
        for (name, is_job) in &self.services {
            let containers = format!("containers = {{ {} = {} }}\n", key(name), quoted(&key(name)));
            let table = if *is_job { "tasks" } else { "services" };
            self.adopted.tables.push((format!("{table}.{}", key(name)), containers));
            self.adopted.todo.push(if *is_job {
                format!("Cargo.toml: tasks.{name}.network.subnets: those of the stack {application}-ENVIRONMENT (`aws cloudformation describe-stacks`)")
            } else {
                format!(
                    "Cargo.toml: environments.*.services.{name}.service: CloudFormation made the name's end: `copilot svc show --name {name} --resources` has it"
                )
            });
        }
        self.adopted.todo.push(
            "Cargo.toml: environments.*.account and .region, where they are not those at the top: `copilot env ls --json` has them"
                .to_owned(),
        );
        self.adopted.kept.push(format!(
            "copilot/: the stacks of {application} stay, and own load balancers, networks and the service; after the first deploy from here `copilot svc deploy` \
             would put its own revision in the place of the new one"
        ));
        Ok(self.adopted)
    }
}

/// `image.build` in its two forms. Copilot's own rule: the context is the Dockerfile's folder where it is not written.
fn built(manifest: &Document, name: &str, application: &str) -> Option<Built> {
    let given = &manifest.value["image"]["build"];
    let mut built = Built { name: name.to_owned(), repository: format!("{application}/{name}"), ..Built::default() };
    let folder = |file: &str| file.rsplit_once('/').map_or(".", |(folder, _)| folder).to_owned();
    built = match given {
        Value::String(dockerfile) => built.at(&folder(dockerfile), Some(dockerfile)),
        Value::Object(_) => {
            let dockerfile = given["dockerfile"].as_str();
            let context = given["context"].as_str().map(str::to_owned).or_else(|| dockerfile.map(folder))?;
            built.at(&context, dockerfile)
        }
        _ => return None,
    };
    given["target"].as_str().unwrap_or_default().clone_into(&mut built.target);
    built.args = pairs(&given["args"]);
    match &manifest.value["platform"] {
        Value::String(platform) => built.platforms.push(platform.replace("x86_64", "amd64")),
        Value::Object(of) if of.get("architecture").is_some_and(|it| it == "arm64") => {
            built.platforms.push("linux/arm64".into());
        }
        _ => {}
    }
    Some(built)
}
