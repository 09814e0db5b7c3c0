//! Commands whose every call can be hurt: what is there before, and what is then run.

use serde_json::json;
use xtask_sandbox::ecs::Tasks;

use super::line::Hurt;
use super::play::{Command, once};
use super::played::Played;
use super::stage::Stage;
use super::world::{Run, Service, World};
use crate::failure::Result;
use crate::time::turned::Turned;

/// One command, and what is there when it begins.
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(super) struct Story {
    pub name: &'static str,
    /// What is run before, undisturbed.
    before: &'static [&'static str],
    pub run: &'static str,
    /// How the tasks of what it registers behave.
    tasks: Tasks,
    /// And of what was registered before.
    tasks_before: Tasks,
    locks: bool,
    /// How long a rollout is followed, in seconds.
    deadline: u64,
    /// Auto Scaling sets how many tasks there are.
    scales: bool,
    migrate: Option<&'static str>,
    /// The service's rollouts wait for a decision.
    pauses: bool,
    balanced: bool,
}

const PLAIN: Story = Story {
    name: "",
    before: &[],
    run: "deploy",
    tasks: Tasks::Healthy,
    tasks_before: Tasks::Healthy,
    deadline: 1800,
    scales: false,
    locks: false,
    migrate: None,
    pauses: false,
    balanced: false,
};

/// Together they make every call that is made without the registry.
pub(super) const STORIES: &[Story] = &[
    Story { name: "deploy", ..PLAIN },
    Story { name: "deploy of what fails", tasks: CRASHES, balanced: true, ..PLAIN },
    Story { name: "deploy with locks", locks: true, ..PLAIN },
    Story { name: "deploy after a migration", migrate: Some("exit 0"), ..PLAIN },
    Story {
        name: "deploy at a pause",
        before: &["deploy --until paused"],
        pauses: true,
        run: "deploy --until paused",
        ..PLAIN
    },
    Story { name: "run", migrate: Some("exit 0"), run: "run migrate", ..PLAIN },
    Story { name: "rollback", before: &["deploy"], run: "rollback", ..PLAIN },
    Story { name: "rollback of a rollout", before: &["deploy --until paused"], pauses: true, run: "rollback", ..PLAIN },
    Story {
        name: "rollback of one that hangs",
        before: &["deploy"],
        tasks_before: Tasks::NeverStarts,
        deadline: 60,
        run: "rollback",
        ..PLAIN
    },
    Story { name: "continue", before: &["deploy --until paused"], pauses: true, run: "continue app", ..PLAIN },
    Story { name: "lock", run: "lock app --reason why", ..PLAIN },
    Story { name: "unlock", before: &["lock app --reason why"], run: "unlock app", ..PLAIN },
    Story { name: "scale", run: "scale app 3", ..PLAIN },
    Story { name: "scale bounds", scales: true, run: "scale app 1..4", ..PLAIN },
    Story { name: "status", before: &["deploy"], run: "status", ..PLAIN },
    Story { name: "history", before: &["deploy"], run: "history", ..PLAIN },
    Story { name: "logs", before: &["deploy"], run: "logs app", ..PLAIN },
    Story { name: "verify", run: "verify", balanced: true, ..PLAIN },
];

const CRASHES: Tasks = Tasks::Exits { code: 1, after_seconds: 1, container: None };

/// A story that was begun.
pub(super) struct Told<'a> {
    clock: &'static Turned,
    command: Command,
    story: &'a Story,
    world: World,
    pub stage: Stage,
}

impl<'a> Told<'a> {
    /// What is there before.
    pub(super) fn begin(clock: &'static Turned, command: Command, story: &'a Story) -> Result<Self> {
        let world = story.world();
        let stage = Stage::furnished(&world)?;
        let told = Self { clock, command, story, world, stage };
        if story.scales {
            told.stage.scale()?;
        }
        told.stage.behave(&story.tasks_before);
        for words in story.before {
            told.play(words, None)?;
        }
        told.stage.behave(&story.tasks);
        Ok(told)
    }

    /// The command itself.
    pub(super) fn run(&self, hurt: Option<Hurt>) -> Result<Played> {
        self.play(self.story.run, hurt)
    }

    pub(super) fn rest(&self) {
        self.stage.rest(&self.world);
    }

    pub(super) fn play(&self, words: &str, hurt: Option<Hurt>) -> Result<Played> {
        let arguments = words.split(' ').map(str::to_owned).collect();
        let run = Run { arguments, ..Run::last() };
        once(self.clock, self.command, (&self.world, &self.stage), (&run, 1), hurt)
    }
}

impl Story {
    fn world(&self) -> World {
        let mut deployment = json!({
            "strategy": "ROLLING",
            "deploymentCircuitBreaker": { "enable": true, "rollback": true },
            "minimumHealthyPercent": 100,
            "maximumPercent": 200,
        });
        if self.balanced || self.pauses {
            deployment["strategy"] = json!("BLUE_GREEN");
            deployment["bakeTimeInMinutes"] = json!(0);
        }
        if self.pauses {
            deployment["lifecycleHooks"] = json!([{ "targetType": "PAUSE", "lifecycleStages": ["POST_SCALE_UP"] }]);
        }
        let service = Service {
            name: "app".to_owned(),
            desired: 1,
            deployment,
            health_check: false,
            sidecar: false,
            poll: 10,
            deadline: self.deadline,
            on_interrupt: "leave",
            fail_fast: true,
            desired_count: None,
            force: false,
            after: Vec::new(),
            balanced: self.balanced,
        };
        World {
            services: vec![service],
            skew: 0,
            on_failure: "stop",
            locks: self.locks,
            migrate: self.migrate,
            runs: Vec::new(),
            faults: Vec::new(),
            hard: false,
            lag: 0,
        }
    }
}
