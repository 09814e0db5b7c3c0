//! A workflow of GitHub's that deploys to ECS: with AWS's and docker's actions, or with command lines.
//! Sources: each action's own `action.yml`; GitHub's documentation, "Workflow syntax for GitHub Actions".

mod step;

use std::path::Path;

use xtask_ecs::Failure;

use step::Step;

use super::adopted::Adopted;
use super::built::{Built, image_table, inline, joined, repository};
use super::command_line::{self, Deployed, Line};
use super::yaml::{Document, pairs};
use super::{document, key, quoted};
use crate::init::Survey;

/// Whether a workflow is one to take over.
pub fn deploys(text: &str) -> bool {
    ["aws-actions/amazon-ecs-deploy-task-definition@", "aws ecs update-service", "ecs-deploy -", "ecs deploy "]
        .iter()
        .any(|sign| text.contains(sign))
}

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let name = found.name_of(file);
    let document = document(file, &name)?;
    let mut workflow = Workflow::new(&name, &document);
    for (job, of) in document.value["jobs"].as_object().into_iter().flatten() {
        let here = [pairs(&document.value["env"]), pairs(&of["env"])].concat();
        for (number, step) in of["steps"].as_array().into_iter().flatten().enumerate() {
            let path = format!("jobs.{job}.steps[{number}]");
            let known = [here.clone(), pairs(&step["env"])].concat();
            workflow.step(&Step { path, of: step, known });
        }
    }
    workflow.end(found)
}

/// A task definition with one image put in.
struct Rendered {
    id: String,
    document: String,
    container: String,
    /// Empty where it is known at run time alone.
    repository: String,
}

struct Workflow<'a> {
    name: &'a str,
    document: &'a Document,
    adopted: Adopted,
    images: Vec<Built>,
    rendered: Vec<Rendered>,
    services: Vec<(Deployed, String)>,
    /// Files that a step fills with a family's newest revision.
    live: Vec<(String, String)>,
    scan: Vec<String>,
    workflows: Vec<String>,
}

impl<'a> Workflow<'a> {
    fn new(name: &'a str, document: &'a Document) -> Self {
        Self {
            name,
            document,
            adopted: Adopted::default(),
            images: Vec::new(),
            rendered: Vec::new(),
            services: Vec::new(),
            live: Vec::new(),
            scan: Vec::new(),
            workflows: Vec::new(),
        }
    }

    fn at(&self, step: &Step<'_>, member: &str) -> String {
        let path = if member.is_empty() { step.path.clone() } else { format!("{}.{member}", step.path) };
        format!("{}:{}", self.name, self.document.line(&path))
    }

    fn step(&mut self, step: &Step<'_>) {
        if let Some(script) = step.of["run"].as_str() {
            self.script(step, script);
            return;
        }
        let uses = step.of["uses"].as_str().unwrap_or_default();
        match uses.split('@').next().unwrap_or_default() {
            "aws-actions/configure-aws-credentials" => self.credentials(step),
            "docker/build-push-action" => self.build(step),
            "docker/metadata-action" => {
                let line = self.at(step, "with.images");
                self.adopted.todo.push(format!("{line}: tags come from the version of a package, and not from git"));
            }
            "aquasecurity/trivy-action" => self.scan(step),
            "aws-actions/amazon-ecs-render-task-definition" => self.render(step),
            "aws-actions/amazon-ecs-deploy-task-definition" => self.deploy(step),
            "slackapi/slack-github-action" => {
                let bot = !step.of["with"]["token"].is_null() || !step.of["env"]["SLACK_BOT_TOKEN"].is_null();
                self.workflows.push(format!("slack = \"{}\"", if bot { "bot" } else { "webhook" }));
                let secrets = if bot { "SLACK_BOT_TOKEN and SLACK_CHANNEL" } else { "SLACK_WEBHOOK_URL" };
                self.kept(step, &format!("one message a run, by the secret {secrets}"));
            }
            "aws-actions/amazon-ecr-login" => self.kept(step, "release logs in by itself"),
            "docker/setup-buildx-action" | "docker/login-action" | "docker/setup-qemu-action" => {
                self.kept(step, "release starts what it needs");
            }
            other if other.starts_with("aws-actions/") || other.starts_with("docker/") => {
                let line = self.at(step, "uses");
                self.adopted.todo.push(format!("{line}: `{other}` has no counterpart"));
            }
            _ => {}
        }
    }

    fn kept(&mut self, step: &Step<'_>, why: &str) {
        let uses = step.of["uses"].as_str().and_then(|uses| uses.split('@').next()).unwrap_or_default();
        self.adopted.kept.push(format!("{}: `{uses}`: {why}", self.at(step, "uses")));
    }

    /// Inputs of an action that nothing here reads.
    fn left(&mut self, step: &Step<'_>, known: &[&str]) {
        for name in step.of["with"].as_object().into_iter().flat_map(|inputs| inputs.keys()) {
            if !known.contains(&name.as_str()) {
                let line = self.at(step, &format!("with.{name}"));
                self.adopted.todo.push(format!("{line}: `{name}` has no counterpart"));
            }
        }
    }

    fn credentials(&mut self, step: &Step<'_>) {
        if let Some(region) = step.literal("aws-region") {
            self.adopted.region = region;
        }
        let role = step.with("role-to-assume");
        match role.split(':').nth(4) {
            Some(account) if !role.contains('\0') => {
                account.clone_into(&mut self.adopted.account);
                self.workflows.push(format!("role = {}", quoted(&role)));
            }
            _ if role.is_empty() => {
                self.kept(step, "`AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` are read from the secrets");
            }
            _ => {
                let line = self.at(step, "with.role-to-assume");
                self.adopted.todo.push(format!("{line}: the role is no literal: `workflows.role` takes its ARN"));
            }
        }
    }

    fn build(&mut self, step: &Step<'_>) {
        let context = step.literal("context").filter(|context| !context.starts_with("http"));
        let mut built =
            Built::default().at(&context.unwrap_or_else(|| ".".to_owned()), step.literal("file").as_deref());
        built.repository =
            step.with("tags").split([',', '\n']).find_map(|tag| repository(tag.trim())).unwrap_or_default();
        built.target = step.literal("target").unwrap_or_default();
        built.cache = command_line::cache(&step.with("cache-to"));
        built.platforms =
            step.with("platforms").split(',').filter(|it| !it.is_empty()).map(|it| it.trim().to_owned()).collect();
        for line in step.with("build-args").lines() {
            let Some((name, value)) = line.trim().split_once('=') else { continue };
            if value.contains('\0') {
                let line = self.at(step, "with.build-args");
                self.adopted
                    .todo
                    .push(format!("{line}: the value of the argument {name} is known to the workflow alone"));
            } else {
                built.args.push((name.to_owned(), value.to_owned()));
            }
        }
        let known = [
            "context",
            "file",
            "tags",
            "target",
            "cache-to",
            "cache-from",
            "platforms",
            "build-args",
            "push",
            "load",
            "builder",
            "provenance",
            "sbom",
            "labels",
            "pull",
            "no-cache",
            "outputs",
        ];
        self.left(step, &known);
        self.images.push(built);
    }

    fn scan(&mut self, step: &Step<'_>) {
        if let Some(severity) = step.literal("severity") {
            let names: Vec<String> = severity.split(',').map(|name| quoted(name.trim())).collect();
            self.scan.push(format!("severity = [{}]", names.join(", ")));
        }
        if let Some(ignore) = step.literal("ignore-unfixed") {
            self.scan.push(format!("ignore-unfixed = {ignore}"));
        }
        if step.with("exit-code").trim_matches('"') != "1" {
            let line = self.at(step, "uses");
            self.adopted
                .todo
                .push(format!("{line}: its findings stop nothing (no `exit-code: 1`); here they refuse the image"));
        }
        let known =
            ["severity", "ignore-unfixed", "exit-code", "image-ref", "format", "output", "scan-type", "vuln-type"];
        self.left(step, &known);
    }

    /// The file that a step begins with: its own, or that of the step whose output it takes.
    fn source_of(&self, step: &Step<'_>) -> String {
        let given = step.of["with"]["task-definition"].as_str().unwrap_or_default();
        let before = self.rendered.iter().find(|it| !it.id.is_empty() && given.contains(&format!("steps.{}.", it.id)));
        before.map_or_else(|| joined("", &step.with("task-definition")), |it| it.document.clone())
    }

    fn render(&mut self, step: &Step<'_>) {
        let document = self.source_of(step);
        let id = step.of["id"].as_str().unwrap_or_default().to_owned();
        let (container, image) = (step.with("container-name"), step.with("image"));
        self.left(step, &["task-definition", "container-name", "image"]);
        self.rendered.push(Rendered { id, document, container, repository: repository(&image).unwrap_or_default() });
    }

    fn deploy(&mut self, step: &Step<'_>) {
        let document = self.source_of(step);
        let containers = self.rendered.iter().filter(|it| it.document == document);
        let containers = containers.map(|it| (it.container.clone(), it.repository.clone())).collect();
        let minutes = step.literal("wait-for-minutes").and_then(|minutes| minutes.parse::<u64>().ok());
        let deployed = Deployed {
            cluster: step.literal("cluster").unwrap_or_default(),
            service: step.with("service"),
            containers,
            desired_count: step.literal("desired-count"),
            seconds: minutes.map(|minutes| minutes * 60),
            force: step.with("force-new-deployment") == "true",
            left: Vec::new(),
        };
        if step.with("wait-for-service-stability") != "true" {
            self.kept(step, "it does not wait; a deploy here follows the rollout to its end");
        }
        for name in step.of["with"].as_object().into_iter().flat_map(|inputs| inputs.keys()) {
            let line = self.at(step, &format!("with.{name}"));
            if name.starts_with("codedeploy") {
                self.adopted.todo.push(format!(
                    "{line}: `{name}`: a service that CodeDeploy deploys is refused; ECS's own blue/green takes its place"
                ));
            } else if name.starts_with("run-task") {
                self.adopted
                    .todo
                    .push(format!("{line}: `{name}`: a table under `tasks`, and `before-deploy`, run one"));
            }
        }
        self.service(step, deployed, document);
    }

    fn script(&mut self, step: &Step<'_>, script: &str) {
        let filled = step.of_script(script);
        for command in command_line::commands(&filled) {
            match command_line::read(&command) {
                Some(Line::Build(built)) => self.images.push(built),
                Some(Line::Deploy(mut deployed)) => {
                    let line = self.at(step, "run");
                    for option in std::mem::take(&mut deployed.left) {
                        self.adopted.todo.push(format!("{line}: `{option}` has no counterpart"));
                    }
                    self.service(step, deployed, String::new());
                }
                Some(Line::Live { family, file }) => self.live.push((file, family)),
                Some(Line::Done(why)) => {
                    let line = self.at(step, "run");
                    let command = command.iter().take(3).map(|word| word.replace('\0', "…")).collect::<Vec<_>>();
                    self.adopted.kept.push(format!("{line}: `{}`: {why}", command.join(" ")));
                }
                None => {}
            }
        }
    }

    fn service(&mut self, step: &Step<'_>, deployed: Deployed, document: String) {
        let line = self.at(step, "");
        if deployed.service.is_empty() || deployed.service.contains('\0') {
            self.adopted.todo.push(format!(
                "{line}: the service's name is known to the workflow alone: write a table `services.NAME`"
            ));
        } else if deployed.cluster.contains('\0') || deployed.cluster.is_empty() {
            self.adopted.todo.push(format!(
                "{line}: the cluster of {} is known to the workflow alone: write `cluster` into its table",
                deployed.service
            ));
            self.services.push((Deployed { cluster: String::new(), ..deployed }, document));
        } else if self
            .services
            .iter()
            .all(|(known, _)| known.service != deployed.service || known.cluster != deployed.cluster)
        {
            self.services.push((deployed, document));
        }
    }

    fn end(mut self, found: &Survey) -> Result<Adopted, Failure> {
        if self.services.is_empty() {
            return Err(Failure::usage(format_args!("{} deploys no service to ECS whose name it tells", self.name))
                .help("looked for: AWS's deploy action, `aws ecs update-service`, `ecs deploy`, `ecs-deploy`"));
        }
        for built in &mut self.images {
            let last = built.repository.rsplit('/').next().unwrap_or_default();
            built.name = key(last);
        }
        self.adopted.cluster =
            self.services.iter().map(|(it, _)| it.cluster.clone()).find(|it| !it.is_empty()).unwrap_or_default();
        let mut images = Vec::new();
        for (deployed, document) in std::mem::take(&mut self.services) {
            let containers = self.containers(found, &deployed, &mut images)?;
            let lines = self.service_lines(&deployed, &document, &containers);
            self.adopted.table(format!("services.{}", key(&deployed.service)), &lines);
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
        self.adopted.tables.splice(0..0, tables);
        self.adopted
            .kept
            .push(format!("{}: the file stays; `cargo xtask workflows` writes the two that take its place", self.name));
        Ok(self.adopted)
    }

    /// Containers and the images that they run; an image that is new gets its table.
    fn containers(
        &mut self,
        found: &Survey,
        deployed: &Deployed,
        images: &mut Vec<(String, String)>,
    ) -> Result<Vec<(String, String)>, Failure> {
        let mut of = deployed.containers.clone();
        if of.is_empty() {
            // The tag alone is exchanged, of a container that the command line does not name.
            let name = self.images.first().map_or_else(|| key(&deployed.service), |image| image.name.clone());
            of.push((name, String::new()));
        }
        let mut containers = Vec::new();
        for (container, repository) in of {
            let built = match (&self.images[..], repository.as_str()) {
                ([only], "") => Some(only),
                (all, "") => all.iter().find(|image| image.name == key(&container)),
                (all, repository) => all.iter().find(|image| image.repository == repository),
            };
            let mut built = built.cloned();
            if let Some(built) = &mut built
                && built.name.is_empty()
            {
                built.name = key(&container);
            }
            let (name, table) = if let Some(built) = &built {
                built.table(found)
            } else {
                let repository = if repository.is_empty() { container.clone() } else { repository };
                (format!("images.{}", key(&container)), image_table(found, &container, &repository)?)
            };
            let image = name["images.".len()..].to_owned();
            if images.iter().all(|(known, _)| *known != name) {
                images.push((name, table));
            }
            containers.push((container, image));
        }
        Ok(containers)
    }

    /// The file that is registered, or the family whose newest revision is.
    fn source(&mut self, service: &str, document: &str) -> String {
        let is_known = |family: &str| !family.is_empty() && !family.contains('\0');
        if let Some((_, family)) = self.live.iter().find(|(file, family)| file == document && is_known(family)) {
            return format!("task-definition = {{ family = {} }}", quoted(family));
        }
        if Path::new(document).extension().is_some_and(|it| it == "json") && !document.contains('\0') {
            return format!("task-definition = {}", quoted(document));
        }
        self.adopted.todo.push(format!(
            "{}: the family of {service} is not told and taken to be its name: `services.{}.task-definition`",
            self.name,
            key(service)
        ));
        format!("task-definition = {{ family = {} }}", quoted(service))
    }

    fn service_lines(&mut self, deployed: &Deployed, document: &str, containers: &[(String, String)]) -> Vec<String> {
        let mut lines = Vec::new();
        if !deployed.cluster.is_empty() && deployed.cluster != self.adopted.cluster {
            lines.push(format!("cluster = {}", quoted(&deployed.cluster)));
        }
        let name = &deployed.service;
        if *name != key(name) {
            lines.push(format!("service = {}", quoted(name)));
        }
        lines.push(self.source(name, document));
        if let Some(containers) = inline("containers", containers) {
            lines.push(containers);
        }
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
