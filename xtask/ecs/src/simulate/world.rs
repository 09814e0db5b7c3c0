//! What one seed makes: services and how they are rolled out, what befalls them, and who does what when.

use serde_json::{Value, json};
use xtask_sandbox::ecs::{Tasks, Trouble};
use xtask_sandbox::{Effect, Fault, Which};

use super::dice::Dice;

/// One world, and what is done in it.
#[derive(Debug)]
pub(super) struct World {
    pub services: Vec<Service>,
    /// How far the clock of this machine is from that of AWS, in seconds.
    pub skew: i64,
    pub on_failure: &'static str,
    pub locks: bool,
    /// What the first service runs before each rollout, as a shell's line.
    pub migrate: Option<&'static str>,
    pub runs: Vec<Run>,
    /// What is wrong with calls, counted over the whole seed.
    pub faults: Vec<Fault>,
    /// Whether any of them may rightly end a command with 1.
    pub hard: bool,
    /// How stale answers may be, in seconds.
    pub lag: u64,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub name: String,
    pub desired: u64,
    pub deployment: Value,
    pub health_check: bool,
    pub sidecar: bool,
    /// What its configuration says: poll, deadline and the like.
    pub poll: u64,
    pub deadline: u64,
    pub on_interrupt: &'static str,
    pub fail_fast: bool,
    pub desired_count: Option<u64>,
    pub force: bool,
    pub after: Vec<String>,
    /// Traffic is shifted between two target groups.
    pub balanced: bool,
}

/// One command, and what happens while it runs.
#[derive(Debug)]
pub(super) struct Run {
    pub arguments: Vec<String>,
    /// Another tag is released first.
    pub tag: Option<String>,
    /// How the tasks of what is registered from now on behave.
    pub tasks: Option<Tasks>,
    pub trouble: Option<Trouble>,
    /// Whether everything comes to rest before the next one.
    pub rests: bool,
    /// So many milliseconds after its begin.
    pub happens: Vec<(u64, Happening)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The operator presses Ctrl-C.
    Interrupt,
    /// The process is killed.
    Kill,
    /// Somebody deploys the same service: what it runs once more, or a revision of their own.
    Deploys { service: usize, own: bool },
    /// An autoscaler, or somebody.
    Scales { service: usize, to: u64 },
    /// The image of this tag is deleted from ECR.
    Deletes { tag: String },
    /// Somebody stops the rollout that is under way.
    Stops { service: usize, back: bool },
    /// Somebody answers a hook that waits.
    Answers { service: usize, go_on: bool },
    /// Somebody deregisters what the service runs.
    Deregisters { service: usize },
    /// Somebody deploys another service of the cluster.
    Elsewhere,
}

/// Calls that a deploy makes, for faults.
const CALLS: &[&str] = &[
    "ecs:DescribeServices",
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:ListServiceDeployments",
    "ecs:DescribeTaskDefinition",
    "ecs:RegisterTaskDefinition",
    "ecs:UpdateService",
    "ecs:ListTasks",
    "ecs:DescribeTasks",
    "ecs:StopServiceDeployment",
    "ecs:ContinueServiceDeployment",
    "ecr:BatchGetImage",
    "ecr:DescribeImages",
    "ecs:RunTask",
    "ecs:*",
];

impl World {
    pub(super) fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let count = dice.one(&[1, 1, 1, 1, 1, 2, 2, 3]);
        let mut services: Vec<Service> = Vec::new();
        for place in 0..count {
            let after = services.iter().map(|service| service.name.clone()).filter(|_| dice.percent(40)).collect();
            services.push(Service { after, ..service(dice, place) });
        }
        let skew = if dice.percent(10) { dice.one(&[-7200, -400, 400, 3600]) } else { 0 };
        let (faults, hard, lag) = faults(dice);
        let runs = runs(dice, services.len());
        let on_failure = dice.one(&["stop", "continue", "roll-back-all"]);
        let locks = dice.percent(20);
        let migrate = dice.percent(20).then(|| dice.one(&["exit 0", "exit 0", "sleep 100 && exit 0", "exit 3"]));
        let mut runs = runs;
        if migrate.is_some() && dice.percent(50) {
            let arguments = vec!["run".to_owned(), "migrate".to_owned()];
            runs.push(Run { arguments, tag: None, tasks: None, ..run(dice, services.len()) });
        }
        Self { services, skew, on_failure, locks, migrate, runs, faults, hard, lag }
    }

    /// The same, looked at less often.
    pub(super) fn sparse(mut self) -> Self {
        self.services.iter_mut().for_each(|service| service.poll = service.poll.max(15));
        self
    }
}

fn service(dice: &mut Dice, place: usize) -> Service {
    let health_check = dice.percent(60);
    let desired = dice.one(&[0, 1, 1, 2, 2, 2, 3, 4, 6]);
    let strategy = dice.one(&["ROLLING", "ROLLING", "ROLLING", "BLUE_GREEN", "LINEAR", "CANARY"]);
    let balanced = strategy != "ROLLING" && (strategy != "BLUE_GREEN" || dice.percent(50));
    let (deployment, sidecar) = (deployment(dice, strategy), dice.percent(25));
    // One look is as good as the next: few worlds are looked at so often that they take as long as twenty others.
    let poll = dice.one(&[1, 2, 5, 10, 15, 15, 30, 5, 10, 15]);
    let deadline = dice.one(&[60, 180, 600, 900, 1800, 3600]);
    Service {
        name: ["app", "web", "worker"][place].to_owned(),
        desired,
        deployment,
        health_check,
        sidecar,
        poll,
        deadline: if poll < 5 { 600.min(deadline) } else { deadline },
        on_interrupt: dice.one(&["leave", "rollback"]),
        fail_fast: dice.percent(60),
        desired_count: dice.percent(15).then_some(desired),
        force: dice.percent(15),
        after: Vec::new(),
        balanced,
    }
}

fn deployment(dice: &mut Dice, strategy: &str) -> Value {
    let breaker = dice.percent(80);
    let mut deployment = json!({
        "strategy": strategy,
        "deploymentCircuitBreaker": { "enable": breaker, "rollback": breaker && dice.percent(80) },
        "minimumHealthyPercent": dice.one(&[0, 50, 100, 100]),
        "maximumPercent": dice.one(&[100, 150, 200, 200]),
    });
    if deployment["minimumHealthyPercent"] == 100 && deployment["maximumPercent"] == 100 {
        deployment["maximumPercent"] = json!(200);
    }
    if dice.percent(25) {
        deployment["alarms"] = json!({ "alarmNames": ["app-5xx"], "enable": true, "rollback": dice.percent(80) });
    }
    let bake = dice.from(0, 4);
    match strategy {
        "BLUE_GREEN" => deployment["bakeTimeInMinutes"] = json!(bake),
        "LINEAR" => {
            deployment["linearConfiguration"] =
                json!({ "stepPercent": dice.one(&[25.0, 50.0]), "stepBakeTimeInMinutes": bake });
        }
        "CANARY" => {
            deployment["canaryConfiguration"] = json!({ "canaryPercent": 10.0, "canaryBakeTimeInMinutes": bake });
        }
        _ => {}
    }
    if strategy != "ROLLING" && dice.percent(40) {
        let stage =
            dice.one(&["PRE_SCALE_UP", "POST_SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT"]);
        let timeout = json!({ "timeoutInMinutes": dice.from(1, 20), "action": dice.one(&["ROLLBACK", "CONTINUE"]) });
        deployment["lifecycleHooks"] = if dice.percent(50) {
            json!([{ "targetType": "PAUSE", "lifecycleStages": [stage], "timeoutConfiguration": timeout }])
        } else {
            json!([{
                "hookTargetArn": "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke-test",
                "roleArn": "arn:aws:iam::123456789012:role/invoke-hooks",
                "lifecycleStages": [stage],
            }])
        };
    }
    deployment
}

fn runs(dice: &mut Dice, services: usize) -> Vec<Run> {
    let mut runs = vec![Run { arguments: command(dice, "deploy"), ..run(dice, services) }];
    let further = dice.one(&[0, 0, 0, 1, 1, 2]);
    for place in 0..further {
        let next = dice.one(&["deploy", "deploy", "rollback", "release"]);
        runs.push(match next {
            "rollback" => Run { arguments: command(dice, "rollback"), tag: None, tasks: None, ..run(dice, services) },
            "release" => {
                Run { arguments: command(dice, "deploy"), tag: Some(format!("1.{}", place + 1)), ..run(dice, services) }
            }
            _ => Run { arguments: command(dice, "deploy"), tasks: None, ..run(dice, services) },
        });
    }
    runs
}

fn command(dice: &mut Dice, verb: &str) -> Vec<String> {
    let mut words = vec![verb.to_owned()];
    if verb == "deploy" && dice.percent(10) {
        words.extend(["--until".to_owned(), dice.one(&["paused", "bake"]).to_owned()]);
    }
    words
}

fn run(dice: &mut Dice, services: usize) -> Run {
    let exits = |dice: &mut Dice| Tasks::Exits {
        code: dice.one(&[1, 101, 137, 139, 0]),
        after_seconds: dice.one(&[0, 1, 5, 40, 200]),
        container: None,
    };
    let tasks = match dice.from(1, 10) {
        1..=6 => Tasks::Healthy,
        7 | 8 => exits(dice),
        9 => Tasks::Unhealthy,
        _ => dice.one(&[Tasks::NeverStarts, Tasks::NeverStable]),
    };
    let trouble = dice.percent(12).then(|| {
        dice.one(&[
            Trouble::HookFails,
            Trouble::HookHangs,
            Trouble::Alarm { stage: None },
            Trouble::Alarm { stage: Some("BAKE_TIME".to_owned()) },
        ])
    });
    let count = dice.one(&[0, 0, 0, 1, 1, 2, 3]);
    let happens = (0..count).map(|_| happening(dice, services)).collect();
    Run { arguments: Vec::new(), tag: None, tasks: Some(tasks), trouble, rests: dice.percent(60), happens }
}

impl Run {
    /// A deploy that nothing disturbs.
    pub(super) fn last() -> Self {
        let arguments = vec!["deploy".to_owned()];
        Self { arguments, tag: None, tasks: None, trouble: None, rests: true, happens: Vec::new() }
    }
}

fn happening(dice: &mut Dice, services: usize) -> (u64, Happening) {
    let at = match dice.from(1, 4) {
        1 => dice.from(0, 3_000),
        2 => dice.from(0, 30_000),
        3 => dice.from(0, 120_000),
        _ => dice.from(0, 900_000),
    };
    let service = usize::try_from(dice.from(0, services as u64 - 1)).unwrap_or_default();
    let what = match dice.from(1, 20) {
        1..=3 => Happening::Interrupt,
        4..=6 => Happening::Kill,
        7..=9 => Happening::Deploys { service, own: dice.percent(70) },
        10..=11 => Happening::Scales { service, to: dice.from(0, 6) },
        12 => Happening::Deletes { tag: "1.0".to_owned() },
        13..=14 => Happening::Stops { service, back: dice.percent(70) },
        15..=16 => Happening::Answers { service, go_on: dice.percent(60) },
        17 => Happening::Deregisters { service },
        _ => Happening::Elsewhere,
    };
    (at, what)
}

fn faults(dice: &mut Dice) -> (Vec<Fault>, bool, u64) {
    let (mut faults, mut hard, mut lag) = (Vec::new(), false, 0);
    for _ in 0..dice.one(&[0, 0, 0, 1, 1, 2, 3, 5]) {
        let call = dice.one(CALLS).to_owned();
        let nth = Which::Nth(u32::try_from(dice.from(1, 12)).unwrap_or(1));
        let error = |status, code: &str, message: &str| Effect::Error {
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            retry_after: None,
        };
        let effect = match dice.from(1, 8) {
            1 => error(400, "ThrottlingException", "Rate exceeded"),
            2 => error(500, "ServerException", "Service Unavailable. Please try again later."),
            3 => error(503, "ServiceUnavailable", "try again"),
            4 => Effect::Cut { after_bytes: 0 },
            5 | 6 => Effect::Lose,
            7 => Effect::Stall { millis: dice.one(&[2_000, 20_000, 40_000]) },
            _ => {
                // Longer than the SDK's own retries last.
                let first = Which::First(u32::try_from(dice.from(3, 12)).unwrap_or(3));
                hard = true;
                faults.push(Fault {
                    call: call.clone(),
                    which: first,
                    effect: error(503, "ServiceUnavailable", "try again"),
                });
                continue;
            }
        };
        faults.push(Fault { call, which: nth, effect });
    }
    if dice.percent(25) {
        lag = dice.one(&[1, 3, 8, 15]);
        let call = dice.one(&["ecs:Describe*", "ecs:DescribeServices", "ecs:List*", "ecs:DescribeServiceDeployments"]);
        let which =
            if dice.percent(50) { Which::Every } else { Which::First(u32::try_from(dice.from(2, 10)).unwrap_or(2)) };
        faults.push(Fault { call: call.to_owned(), which, effect: Effect::Lag { seconds: lag } });
    }
    (faults, hard, lag)
}
