//! A workflow of GitHub's that deploys to ECS: with AWS's and docker's actions, or with command lines.
//! Sources: each action's own `action.yml`; GitHub's documentation, "Workflow syntax for GitHub Actions".

mod jobs;
mod services;
mod step;

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;

use jobs::{Called, Known};
use services::{Service, Source};
use step::{Step, filled};

use super::adopted::Adopted;
use super::built::{Built, joined, repository, repository_of};
use super::command_line::{self, Deployed, Line};
use super::quoted;
use crate::init::Survey;

/// Whether a workflow is one to take over.
pub fn deploys(text: &str) -> bool {
    [
        "aws-actions/amazon-ecs-deploy-task-definition@",
        " ecs update-service",
        "ecs-deploy -",
        "ecs deploy ",
        "silintl/ecs-deploy",
        "fabfuel/ecs-deploy",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

pub fn adopt(found: &Survey, file: &Path) -> Result<Adopted, Failure> {
    let files = jobs::called(found, file)?;
    let mut workflow = Workflow::new(&files[0]);
    for called in &files {
        workflow.file = called;
        let top = &called.document.value;
        for (job, of) in top["jobs"].as_object().into_iter().flatten() {
            for leg in jobs::legs(&of["strategy"]["matrix"]) {
                workflow.job(top, job, of, leg);
            }
        }
    }
    workflow.file = &files[0];
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
    /// Whose steps are read.
    file: &'a Called,
    adopted: Adopted,
    images: Vec<Built>,
    rendered: Vec<Rendered>,
    services: Vec<Service>,
    /// Files that a step fills, each with what it fills them with.
    filled: Vec<(String, Source)>,
    scan: Vec<String>,
    workflows: Vec<String>,
}

impl<'a> Workflow<'a> {
    fn new(file: &'a Called) -> Self {
        Self {
            file,
            adopted: Adopted::default(),
            images: Vec::new(),
            rendered: Vec::new(),
            services: Vec::new(),
            filled: Vec::new(),
            scan: Vec::new(),
            workflows: Vec::new(),
        }
    }

    fn job(&mut self, top: &Value, job: &str, of: &Value, leg: Known) {
        let here = jobs::environment([self.file.inputs.clone(), leg].concat(), &[&top["env"], &of["env"]]);
        // Each job has a folder of its own.
        self.rendered.clear();
        self.filled.clear();
        for (number, step) in of["steps"].as_array().into_iter().flatten().enumerate() {
            let known = jobs::environment(here.clone(), &[&step["env"]]);
            let folders = [
                &step["working-directory"],
                &of["defaults"]["run"]["working-directory"],
                &top["defaults"]["run"]["working-directory"],
            ];
            let folder = folders
                .iter()
                .find_map(|folder| folder.as_str())
                .map_or(String::new(), |folder| filled(&known, folder));
            self.step(&Step { path: format!("jobs.{job}.steps[{number}]"), of: step, known, folder });
        }
    }

    fn at(&self, step: &Step<'_>, member: &str) -> String {
        let path = if member.is_empty() { step.path.clone() } else { format!("{}.{member}", step.path) };
        format!("{}:{}", self.file.name, self.file.document.line(&path))
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
        let line = format!("{}: `{uses}`: {why}", self.at(step, "uses"));
        self.adopted.kept.push(line);
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
        let (context, file) = (step.with("context"), step.with("file"));
        let is_folder = !context.is_empty() && !context.contains("://") && !context.starts_with("{{");
        let context = if is_folder { &context } else { "." };
        let mut built = Built::default().at(context, Some(&*file).filter(|file| !file.is_empty()));
        built.repository = repository_of(step.with("tags").split([',', '\n']).map(str::trim)).unwrap_or_default();
        built.target = step.literal("target").unwrap_or_default();
        built.cache = command_line::cache(&step.with("cache-to"));
        built.platforms =
            step.with("platforms").split(',').filter(|it| !it.is_empty()).map(|it| it.trim().to_owned()).collect();
        let arguments = step.with("build-args");
        let arguments = arguments.lines().filter_map(|line| line.trim().split_once('='));
        built.args.extend(arguments.map(|(name, value)| (name.to_owned(), value.to_owned())));
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
        let arguments = self.at(step, "with.build-args");
        self.image(step, built, &arguments);
    }

    /// An image, once, and no more of it than is known before a run.
    fn image(&mut self, step: &Step<'_>, mut built: Built, arguments: &str) {
        let line = self.at(step, "");
        if [&built.dockerfile, &built.context, &built.target].iter().any(|text| text.contains('\0')) {
            self.adopted.todo.push(format!(
                "{line}: which Dockerfile it builds is known to the workflow alone: write a table `images.NAME`"
            ));
            return;
        }
        built.args.retain(|(name, value)| {
            let is_known = !value.contains('\0') && !name.contains('\0');
            if !is_known {
                let name = name.replace('\0', "…");
                self.adopted
                    .todo
                    .push(format!("{arguments}: the value of the argument {name} is known to the workflow alone"));
            }
            is_known
        });
        built.platforms.retain(|platform| !platform.contains('\0'));
        match self.images.iter_mut().find(|known| known.is_built_as(&built)) {
            Some(known) => built.tags.iter().for_each(|name| known.called(name)),
            None => self.images.push(built),
        }
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
            cluster: step.with("cluster"),
            service: step.with("service"),
            containers,
            desired_count: step.literal("desired-count"),
            seconds: minutes.map(|minutes| minutes * 60),
            force: step.with("force-new-deployment") == "true",
            ..Deployed::default()
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

    /// What is built here gets one more name.
    fn tagged(&mut self, line: &str, from: &str, to: &str) {
        let mut built = self.images.iter_mut().filter(|built| built.is_called(from)).peekable();
        if built.peek().is_none() {
            let from = from.replace('\0', "…");
            self.adopted.todo.push(format!(
                "{line}: `docker tag` names `{from}`, which is built by no command that is known here: look at the `repository` of its image"
            ));
        }
        built.for_each(|built| built.called(to));
        self.adopted.kept.push(format!("{line}: `docker tag`: release does it"));
    }

    fn script(&mut self, step: &Step<'_>, script: &str) {
        let (mut folder, mut family) = (step.folder.clone(), None);
        let line = self.at(step, "run");
        for command in command_line::commands(&step.of_script(script)) {
            match command_line::read(&command) {
                Some(Line::Folder(into)) => folder = joined(&folder, &into),
                Some(Line::Build(built)) => self.image(step, built.below(&folder), &line),
                Some(Line::Tagged { from, to }) => self.tagged(&line, &from, &to),
                Some(Line::Deploy(mut deployed)) => {
                    for option in std::mem::take(&mut deployed.left) {
                        self.adopted.todo.push(format!("{line}: `{option}` has no counterpart"));
                    }
                    // What is registered in between is made of what was asked for before.
                    if deployed.family.as_deref() == Some("\0") {
                        deployed.family.clone_from(&family);
                    }
                    self.service(step, deployed, String::new());
                }
                Some(Line::Live { family: of, file }) => {
                    family = Some(of.clone()).filter(|family| !family.contains('\0'));
                    self.filled.extend(file.map(|file| (joined(&folder, &file), Source::Family(of))));
                }
                Some(Line::Filled { file, from }) => {
                    let from = from.map(|from| Source::File(joined(&folder, &from)));
                    let from = from.or_else(|| family.clone().map(Source::Family));
                    self.filled.extend(from.map(|from| (joined(&folder, &file), from)));
                }
                Some(Line::Todo(what)) => self.adopted.todo.push(format!("{line}: {what}")),
                Some(Line::Done(why)) => {
                    let command = command.iter().take(3).map(|word| word.replace('\0', "…")).collect::<Vec<_>>();
                    self.adopted.kept.push(format!("{line}: `{}`: {why}", command.join(" ")));
                }
                None => {}
            }
        }
    }
}
