//! A sandbox with a running service, and a configuration that deploys to it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::aws::{Endpoint, Session};
use crate::config::{self, Config, Service};
use crate::deploy::{Deploys, Report};
use crate::event::{Event, Events, Outcome, PostMortem};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::stage::Ended;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask_sandbox::{Clock, Fault, Sandbox, fault_named};

/// Simulated time that passes at each look: enough for a rollout of two tasks to take some twenty looks.
const LOOK: Duration = Duration::from_secs(4);

pub(super) struct Stage {
    pub sandbox: Arc<Sandbox>,
    pub config: Config,
    pub folder: TempDir,
    pub interrupt: Interrupt,
    /// Of the last run.
    pub events: Vec<Event>,
    /// Of the last run, however it ended.
    pub report: Report,
    meanwhile: Option<Meanwhile>,
}

/// What happens while a rollout is on.
type Meanwhile = Box<dyn FnOnce(&Sandbox, &Interrupt) + Send>;

/// The task definition that the tests deploy, as a team would write it: defaults left out, an order of its own.
pub(super) fn document() -> Value {
    json!({
        "family": "app",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
        "containerDefinitions": [{
            "name": "app",
            "image": "replaced",
            "portMappings": [{ "containerPort": 8080 }],
            "environment": [{ "name": "RUST_LOG", "value": "info" }, { "name": "MODE", "value": "hunter2" }],
            "healthCheck": { "command": ["CMD", "/app", "--check"] },
            "logConfiguration": { "logDriver": "awslogs", "options": {
                "awslogs-group": "/ecs/app", "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "ecs" } },
        }],
    })
}

impl Stage {
    /// One service, `app`, on its first revision; its image `app` is released.
    pub(super) fn new() -> Self {
        Self::with(&["app"])
    }

    /// Services of these names in cluster `sample`, all of one task definition file and one image.
    pub(super) fn with(services: &[&str]) -> Self {
        let options = xtask_sandbox::Options { clock: Clock::PerLook(LOOK), ..xtask_sandbox::Options::default() };
        let sandbox = Arc::new(Sandbox::start(options).unwrap());
        let furniture: Vec<_> = services.iter().map(|name| ("sample", *name, document())).collect();
        sandbox.furnish(&["sample/app"], &furniture).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let config = config(&sandbox, &folder, services);
        let stage = Self {
            sandbox,
            config,
            folder,
            interrupt: Interrupt::default(),
            events: Vec::new(),
            report: Report::default(),
            meanwhile: None,
        };
        stage.release("1.0");
        stage
    }

    pub(super) fn write(&self, document: &Value) {
        std::fs::write(self.folder.path().join("task-definition.json"), document.to_string()).unwrap();
    }

    /// Puts an image under the tag; an index without manifests is enough for ECS.
    pub(super) fn release(&self, tag: &str) {
        let manifest = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [],
            "annotations": { "tag": tag, "xtask-ecs.made-by": "cargo xtask release" } });
        let input = json!({ "repositoryName": "sample/app", "imageTag": tag, "imageManifest": manifest.to_string() });
        self.sandbox.ecr("PutImage", input).unwrap();
    }

    /// From now on the configuration deploys this tag.
    pub(super) fn retag(&mut self, tag: &str) {
        self.config.images.get_mut("app").unwrap().reference.tag = tag.parse().unwrap();
    }

    pub(super) fn service(&mut self) -> &mut Service {
        self.config.services.get_mut("app").unwrap()
    }

    pub(super) fn inject(&self, name: &str) {
        for fault in fault_named(name).unwrap() {
            self.sandbox.inject(fault);
        }
    }

    /// This call is answered with an error, each time.
    pub(super) fn refuse(&self, call: &str, code: &str, message: &str) {
        let effect = xtask_sandbox::Effect::Error {
            status: 400,
            code: code.to_owned(),
            message: message.to_owned(),
            retry_after: None,
        };
        self.sandbox.inject(Fault { call: call.to_owned(), which: xtask_sandbox::Which::Every, effect });
    }

    pub(super) fn deploy(&mut self) -> Result<()> {
        self.run(false)
    }

    pub(super) fn plan(&mut self) -> Result<()> {
        self.run(true)
    }

    pub(super) fn session(&self) -> Session {
        let environment: BTreeMap<_, _> = self.sandbox.environment().into_iter().collect();
        Session::at(
            &self.config,
            &Endpoint {
                url: environment["AWS_ENDPOINT_URL"].clone(),
                access_key_id: environment["AWS_ACCESS_KEY_ID"].clone(),
                secret_access_key: environment["AWS_SECRET_ACCESS_KEY"].clone(),
            },
        )
    }

    fn run(&mut self, plan_only: bool) -> Result<()> {
        let session = self.session();
        let (events, heard) = Events::collect();
        let (sandbox, interrupt) = (Arc::clone(&self.sandbox), self.interrupt.clone());
        let mut meanwhile = self.meanwhile.take();
        let listener = std::thread::spawn(move || {
            let listen = |event: &Event| {
                if matches!(event, Event::RolloutStarted { .. })
                    && let Some(meanwhile) = meanwhile.take()
                {
                    meanwhile(&sandbox, &interrupt);
                }
            };
            heard.into_iter().inspect(listen).collect()
        });
        let deploys = Deploys::new(&self.config, &session, &events, &self.interrupt);
        let ended = match deploys.plan(&[]) {
            Ok(plan) if plan_only => Ended { done: plan.report(), result: Ok(()) },
            Ok(plan) => deploys.run(&plan),
            Err(failure) => Ended { done: Report::default(), result: Err(failure) },
        };
        drop(events);
        self.events = listener.join().unwrap();
        self.report = ended.done;
        ended.result
    }

    /// How often the network was used for this call so far.
    pub(super) fn count(&self, call: &str) -> usize {
        self.inputs(call).len()
    }

    /// The inputs of every such call so far.
    pub(super) fn inputs(&self, call: &str) -> Vec<Value> {
        self.sandbox.calls().into_iter().filter(|made| made.operation == call).map(|made| made.input).collect()
    }

    /// The revision that the service is set to, such as `app:2`.
    pub(super) fn revision(&self) -> String {
        let input = json!({ "cluster": "sample", "services": ["app"] });
        let found = self.sandbox.ecs("DescribeServices", input).unwrap();
        let arn = found["services"][0]["taskDefinition"].as_str().unwrap().to_owned();
        arn.rsplit('/').next().unwrap().to_owned()
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        self.texts(|event| if let Event::Warning { message, .. } = event { Some(message) } else { None })
    }

    pub(super) fn notes(&self) -> Vec<&str> {
        self.texts(|event| if let Event::Note { message, .. } = event { Some(message) } else { None })
    }

    /// The vocabulary's word for each rollout's end.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let outcome =
            |event: &Event| if let Event::RolloutEnded { outcome, .. } = event { Some(*outcome) } else { None };
        self.events.iter().filter_map(outcome).collect()
    }

    pub(super) fn messages(&self) -> Vec<&str> {
        self.texts(|event| if let Event::ServiceMessage { message, .. } = event { Some(message) } else { None })
    }

    fn texts(&self, text: fn(&Event) -> Option<&String>) -> Vec<&str> {
        self.events.iter().filter_map(text).map(String::as_str).collect()
    }

    pub(super) fn post_mortem(&self) -> &PostMortem {
        let found = self.events.iter().find_map(|event| match event {
            Event::PostMortem { post_mortem, .. } => Some(post_mortem),
            _ => None,
        });
        found.expect("a rollout that fails ends with a post-mortem")
    }

    /// This happens as soon as the next rollout is on. Looks are slow enough then for it not to end first.
    pub(super) fn meanwhile(&mut self, it: impl FnOnce(&Sandbox, &Interrupt) + Send + 'static) {
        self.service().rollout.poll = Duration::from_millis(50);
        self.meanwhile = Some(Box::new(it));
    }

    pub(super) fn interrupt_the_rollout(&mut self) {
        self.meanwhile(|_, interrupt| interrupt.set());
    }
}

/// Read from a workspace's Cargo.toml, as in earnest; only the looks come quicker than a configuration may say.
fn config(sandbox: &Sandbox, folder: &TempDir, services: &[&str]) -> Config {
    let mut toml = r#"
        [workspace]
        members = []

        [workspace.metadata.xtask]
        account = "123456789012"
        region = "ap-northeast-1"
        cluster = "sample"

        [workspace.metadata.xtask.images.app]
        repository = "sample/app"
        tag = "1.0"
        dockerfile = "Dockerfile"
    "#
    .to_owned();
    for name in services {
        writeln!(toml, "[workspace.metadata.xtask.services.{name}]").unwrap();
        writeln!(toml, "task-definition = \"task-definition.json\"").unwrap();
        writeln!(toml, "containers = {{ app = \"app\" }}").unwrap();
    }
    if services.contains(&"app") {
        toml.push_str(
            "[workspace.metadata.xtask.tasks.migrate]\nservice = \"app\"\ncommand = [\"sh\", \"-c\", \"exit 0\"]\n",
        );
    }
    std::fs::write(folder.path().join("Cargo.toml"), toml).unwrap();
    std::fs::write(folder.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    std::fs::write(folder.path().join("task-definition.json"), document().to_string()).unwrap();
    let registry = |name: &str| (name == "XTASK_REGISTRY").then(|| sandbox.registry());
    let mut config = config::load(folder.path(), &registry).unwrap().config;
    for service in config.services.values_mut() {
        service.rollout.poll = Duration::from_millis(1);
    }
    config
}
