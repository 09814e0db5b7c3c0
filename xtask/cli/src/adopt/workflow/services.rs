//! The services that steps deploy, with the images that they run and the documents that they are made of.

use xtask_ecs::Failure;

use super::Workflow;
use super::step::Step;
use crate::adopt::adopted::Adopted;
use crate::adopt::built::{Built, builder, inline};
use crate::adopt::command_line::{Deployed, is_json};
use crate::adopt::{key, quoted};
use crate::init::{Survey, Table, image_lines, tag};

/// What a file is filled with.
#[derive(Clone, Debug)]
pub enum Source {
    File(String),
    /// The newest revision of one.
    Family(String),
}

/// A service that a step deploys.
pub struct Service {
    deployed: Deployed,
    /// The file that is registered; empty where there is none.
    document: String,
    /// Whether steps fill more into it than an image.
    is_changed: bool,
    /// Of the step.
    line: String,
}

impl Workflow<'_> {
    pub fn service(&mut self, step: &Step<'_>, mut deployed: Deployed, mut document: String) {
        let mut is_changed = false;
        // What is filled from a file that is filled itself, and so on.
        for _ in 0..self.filled.len() {
            match self.filled.iter().rfind(|(file, _)| *file == document).map(|(_, source)| source.clone()) {
                Some(Source::File(from)) => (document, is_changed) = (from, true),
                Some(Source::Family(of)) => (document, deployed.family) = (String::new(), Some(of)),
                None => break,
            }
        }
        let is_known = |of: &Service| {
            let it = &of.deployed;
            (&it.service, &it.cluster, &it.containers) == (&deployed.service, &deployed.cluster, &deployed.containers)
        };
        if !self.services.iter().any(is_known) {
            let line = self.at(step, "");
            self.services.push(Service { deployed, document, is_changed, line });
        }
    }

    pub fn end(mut self, found: &Survey) -> Result<Adopted, Failure> {
        let name = self.file.name.clone();
        if self.services.is_empty() {
            return Err(Failure::usage(format_args!("{name} deploys no service to ECS"))
                .help("looked for: AWS's deploy action, `aws ecs update-service`, `ecs deploy`, `ecs-deploy`"));
        }
        name_images(&mut self.images, found);
        let clusters = self.services.iter().map(|it| it.deployed.cluster.clone());
        self.adopted.cluster = clusters.clone().find(|it| !it.is_empty() && !it.contains('\0')).unwrap_or_default();
        if self.adopted.cluster.is_empty() {
            self.adopted.takes_default_cluster();
        }
        let (mut images, mut services) = (Vec::new(), Vec::new());
        for mut service in std::mem::take(&mut self.services) {
            let Some(containers) = self.containers(found, &service, &mut images) else { continue };
            self.name(&mut service, &containers);
            let table = format!("services.{}", key(&service.deployed.service));
            if services.iter().any(|(known, _): &Table| *known == table) {
                self.adopted
                    .todo
                    .push(format!("{}: a second service {} is left out", service.line, service.deployed.service));
                continue;
            }
            let lines = self.service_lines(found, &service, &containers);
            services.push((table, lines.join("\n") + "\n"));
        }
        // What is built and runs nowhere that is known is released all the same.
        for built in &self.images {
            let (table, text) = built.table(found);
            if images.iter().all(|(known, _)| *known != table) {
                images.push((table, text));
            }
        }
        if images.is_empty() {
            return Err(
                Failure::usage(format_args!("nothing here builds what {name} deploys")).said(&self.adopted.todo)
            );
        }
        let mut tables = images;
        if !self.scan.is_empty() {
            tables.push(("scan".to_owned(), self.scan.join("\n") + "\n"));
        }
        if !self.workflows.is_empty() {
            self.workflows.sort();
            self.workflows.dedup_by_key(|line| line.split(' ').next().map(str::to_owned));
            tables.push(("workflows".to_owned(), self.workflows.join("\n") + "\n"));
        }
        tables.extend(services);
        self.adopted.tables.splice(0..0, tables);
        // Each leg of a matrix has said its own.
        for said in [&mut self.adopted.todo, &mut self.adopted.kept] {
            let mut seen = Vec::new();
            said.retain(|line| {
                !seen.contains(line) && {
                    seen.push(line.clone());
                    true
                }
            });
        }
        self.adopted
            .kept
            .push(format!("{name}: the file stays; `cargo xtask workflows` writes the two that take its place"));
        Ok(self.adopted)
    }

    /// A name that a run alone knows is taken to be that of the container.
    fn name(&mut self, service: &mut Service, containers: &[(String, String)]) {
        let Service { deployed, line, .. } = service;
        let is_known = |name: &str| !name.is_empty() && !name.contains('\0');
        if !is_known(&deployed.service) {
            deployed.service = key(&containers[0].0);
            let name = &deployed.service;
            self.adopted.todo.push(format!(
                "{line}: the service's name is known to the workflow alone and taken to be {name}: `services.{name}.service`"
            ));
        }
        if !is_known(&deployed.cluster) {
            deployed.cluster = String::new();
            self.adopted.todo.push(format!(
                "{line}: the cluster of {} is known to the workflow alone: write `cluster` into its table",
                deployed.service
            ));
        }
    }

    /// Containers and the images that they run; an image that is new gets its table. None where nothing here builds one.
    fn containers(
        &mut self,
        found: &Survey,
        service: &Service,
        images: &mut Vec<Table>,
    ) -> Option<Vec<(String, String)>> {
        let Service { deployed, line, .. } = service;
        let name = &deployed.service;
        let mut of = deployed.containers.clone();
        if of.is_empty() {
            // The tag alone is exchanged, of a container that the command line does not name.
            let named = nearest(&self.images, name).map_or_else(|| key(name), |image| image.name.clone());
            of.push((named, String::new()));
        }
        let mut containers = Vec::new();
        for (container, repository) in of {
            let built = if repository.is_empty() {
                nearest(&self.images, &container).or_else(|| nearest(&self.images, name))
            } else {
                self.images.iter().find(|image| image.repository == repository)
            };
            let (table, text) = if let Some(built) = built {
                built.table(found)
            } else if let Some(shipped) = builder(found, &container, &repository, self.images.is_empty()) {
                let repository = if repository.is_empty() { &container } else { &repository };
                (format!("images.{}", key(&container)), image_lines(&shipped, repository, &tag(found, &shipped)))
            } else {
                let name = name.replace('\0', "…");
                self.adopted.todo.push(format!("{line}: no image that is built here is that of {name}: it stays out"));
                return None;
            };
            let image = table["images.".len()..].to_owned();
            if images.iter().all(|(known, _)| *known != table) {
                images.push((table, text));
            }
            let container = if container.contains('\0') || container.is_empty() { image.clone() } else { container };
            containers.push((container, image));
        }
        Some(containers)
    }

    /// The file that is registered, or the family whose newest revision is.
    fn source(&mut self, found: &Survey, service: &Service) -> String {
        let Service { deployed: Deployed { service: name, family, .. }, document, is_changed, line } = service;
        let is_known = |text: &str| !text.is_empty() && !text.contains('\0');
        if is_known(document) && is_json(document) && found.root.join(document).is_file() {
            if *is_changed {
                self.adopted
                    .todo
                    .push(format!("{line}: what the steps before fill into {document} is to be lookups or an overlay"));
            }
            return format!("task-definition = {}", quoted(document));
        }
        if let Some(family) = family.as_ref().filter(|family| is_known(family)) {
            return format!("task-definition = {{ family = {} }}", quoted(family));
        }
        let there = if is_known(document) { format!(" ({document} is not there)") } else { String::new() };
        self.adopted.todo.push(format!(
            "{}: the family of {name} is not told and taken to be its name{there}: `services.{}.task-definition`",
            self.file.name,
            key(name)
        ));
        format!("task-definition = {{ family = {} }}", quoted(name))
    }

    fn service_lines(&mut self, found: &Survey, service: &Service, containers: &[(String, String)]) -> Vec<String> {
        let mut lines = Vec::new();
        let deployed = &service.deployed;
        if !deployed.cluster.is_empty() && deployed.cluster != self.adopted.cluster {
            lines.push(format!("cluster = {}", quoted(&deployed.cluster)));
        }
        let name = &deployed.service;
        if *name != key(name) {
            lines.push(format!("service = {}", quoted(name)));
        }
        lines.push(self.source(found, service));
        lines.extend(inline("containers", containers));
        if let Some(count) = deployed.desired_count.as_ref().filter(|count| count.parse::<u32>().is_ok()) {
            lines.push(format!("desired-count = {count}"));
        }
        if deployed.force {
            lines.push("force-new-deployment = true".to_owned());
        }
        if let Some(seconds) = deployed.seconds {
            let deadline = if seconds % 60 == 0 { format!("{}m", seconds / 60) } else { format!("{seconds}s") };
            lines.push(format!("rollout = {{ deadline = \"{deadline}\" }}"));
        }
        lines
    }
}

/// By its repository; else by its Dockerfile, or by the folder that is built.
fn name_images(images: &mut [Built], found: &Survey) {
    for at in 0..images.len() {
        let built = &images[at];
        let last = |path: &str| path.rsplit('/').next().filter(|last| *last != ".").map(str::to_owned);
        let dockerfile = || found.dockerfiles.iter().find(|it| it.name == built.dockerfile).map(|it| it.image.clone());
        let name = last(&built.repository)
            .filter(|name| !name.is_empty())
            .or_else(dockerfile)
            .or_else(|| last(&built.context));
        let name = key(&name.unwrap_or_else(|| "app".to_owned()));
        let others =
            images[..at].iter().filter(|other| other.name == name && other.dockerfile != built.dockerfile).count();
        images[at].name = if others == 0 { name } else { format!("{name}-{}", others + 1) };
    }
}

/// The only image; of several the one whose name is that of the service or the container, or the longest that is in it.
fn nearest<'a>(images: &'a [Built], name: &str) -> Option<&'a Built> {
    let name = key(name);
    let of_name = |image: &&Built| name.contains(&*image.name) || (image.name.contains(&*name) && !name.is_empty());
    match images {
        [only] => Some(only),
        several => several.iter().filter(of_name).max_by_key(|image| (image.name == name, image.name.len())),
    }
}
