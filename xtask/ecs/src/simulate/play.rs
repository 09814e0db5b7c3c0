//! One world, played from its first command to its last.

use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use xtask_sandbox::{Call, Sandbox};

use super::converged::converged;
use super::drive::{self, Due, Stuck};
use super::oracle;
use super::played::Played;
use super::stage::{CLUSTER, OTHER, Stage};
use super::truth::{Running, Truth, serving};
use super::world::{Happening, Run, World};
use crate::aws::{Endpoint, Exchange, Session};
use crate::context::{Context, Own};
use crate::event::{Event, Events};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::time::turned::Turned;

/// No command may take longer than this, whatever befalls it.
const LONGEST: Duration = Duration::from_secs(30 * 3600);

/// Runs a command line.
pub(crate) type Command = fn(&[String], &Context) -> Result<()>;

/// Says what is wrong with how the commands of this world ended; nothing, if all is well.
pub(super) fn play(clock: &'static Turned, command: Command, seed: u64, tell: &dyn Fn(&str)) -> Result<Vec<String>> {
    let world = World::of(seed);
    let mut stage = Stage::furnished(&world)?;
    world.faults.iter().cloned().for_each(|fault| stage.sandbox.inject(fault));
    let mut findings = Vec::new();
    for run in &world.runs {
        if let Some(tag) = &run.tag {
            stage.release(&world, tag)?;
        }
        if let Some(tasks) = &run.tasks {
            stage.behave(tasks);
        }
        stage.sandbox.troubles(run.trouble.clone().into_iter().collect());
        let played = once(clock, command, (&world, &stage), (run, seed))?;
        tell(&played.told());
        findings.extend(oracle::judge(&world, run, &stage, &played));
        if run.rests {
            stage.rest(&world);
        }
    }
    // Whatever happened, one more deploy of something good, undisturbed, comes to a good end.
    stage.sandbox.calm();
    // Locks last an hour, or as long as a rollout may.
    stage.sandbox.advance(Duration::from_secs(3 * 3600));
    stage.rest(&world);
    stage.behave(&xtask_sandbox::ecs::Tasks::Healthy);
    stage.release(&world, "9.0")?;
    let last = Run::last();
    let played = once(clock, command, (&world, &stage), (&last, seed))?;
    tell(&played.told());
    findings.extend(converged(&world, &stage, &played));
    Ok(findings)
}

/// What this machine's clock says at a moment of AWS's.
fn skewed(moment: Duration, seconds: i64) -> Duration {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { moment.saturating_sub(by) } else { moment + by }
}

/// The process that was killed does nothing any more.
struct Killed;

/// What a process says to AWS, and how AWS sees it.
struct Line {
    sandbox: Arc<Sandbox>,
    killed: AtomicBool,
    /// What the only service of a world ran at each look at it.
    seen: Mutex<Vec<Running>>,
}

fn once(
    clock: &'static Turned,
    command: Command,
    (world, stage): (&World, &Stage),
    (run, seed): (&Run, u64),
) -> Result<Played> {
    let calendar = Duration::from_millis(stage.sandbox.now().0);
    clock.begin(skewed(calendar, world.skew), seed);

    let loaded = stage.configuration()?;
    let calls_before = stage.sandbox.calls().len();
    let other_before = Truth::of(&stage.sandbox, OTHER);
    let line =
        Arc::new(Line { sandbox: Arc::clone(&stage.sandbox), killed: AtomicBool::new(false), seen: Mutex::default() });
    let names: Vec<String> = world.services.iter().map(|service| service.name.clone()).collect();
    let exchange: Exchange = {
        let (line, names) = (Arc::clone(&line), names.clone());
        Arc::new(move |request| {
            if line.killed.load(Ordering::SeqCst) {
                panic_any(Killed);
            }
            let looks = names.len() == 1
                && request.headers().get("x-amz-target").is_some_and(|it| it.as_bytes().ends_with(b"DescribeServices"));
            if looks {
                let now = serving(&line.sandbox, &names[0]);
                line.seen.lock().unwrap_or_else(PoisonError::into_inner).push(now);
            }
            line.sandbox.exchange(request)
        })
    };
    let environment: std::collections::BTreeMap<_, _> = stage.sandbox.environment().into_iter().collect();
    let endpoint = Endpoint {
        url: environment["AWS_ENDPOINT_URL"].clone(),
        access_key_id: environment["AWS_ACCESS_KEY_ID"].clone(),
        secret_access_key: environment["AWS_SECRET_ACCESS_KEY"].clone(),
    };
    let interrupt = Interrupt::default();
    let (events, heard) = Events::collect();
    let began = clock.passed();
    let words: Vec<String> = std::iter::once("xtask".to_owned()).chain(run.arguments.iter().cloned()).collect();
    let process = {
        let interrupt = interrupt.clone();
        std::thread::spawn(move || {
            let session = Session::inside(&loaded.config, &endpoint, exchange);
            let context = Context::new(events, interrupt, Ok(loaded), Own::default(), ("simulate", "simulated"));
            let context = context.with_session(session);
            catch_unwind(AssertUnwindSafe(|| command(&words, &context)))
        })
    };
    let dues = run.happens.iter().map(|(millis, happening)| {
        let (line, interrupt) = (Arc::clone(&line), interrupt.clone());
        let names = &names;
        Due {
            at: began + Duration::from_millis(*millis),
            what: Box::new(move || happen(happening, &line, &interrupt, names)),
        }
    });
    let passes = |by| stage.sandbox.advance(by);
    let stuck = drive::turn(clock, &process, dues.collect(), began + LONGEST, &passes).err();
    let mut end = None;
    if stuck.is_none() {
        end = process.join().ok();
    }
    let heard: Vec<Event> = heard.try_iter().collect();
    let killed = line.killed.load(Ordering::SeqCst);
    let (result, panicked) = match end {
        Some(Ok(result)) => (Some(result), None),
        Some(Err(panic)) if panic.is::<Killed>() || killed => (None, None),
        Some(Err(panic)) => (None, Some(said(&*panic))),
        None => (None, None),
    };
    let looks = std::mem::take(&mut *line.seen.lock().unwrap_or_else(PoisonError::into_inner));
    let calls: Vec<Call> = stage.sandbox.calls().split_off(calls_before);
    Ok(Played {
        result,
        panicked,
        stuck: stuck.map(|stuck| match stuck {
            Stuck::Forever => "it waits for something that never comes",
            Stuck::TooLong => "it does not end within 30 hours",
        }),
        killed,
        interrupted: interrupt.is_set(),
        events: heard,
        took: clock.passed().saturating_sub(began),
        after: truths(world, stage),
        other: (other_before, Truth::of(&stage.sandbox, OTHER)),
        seen: looks,
        calls,
        now: stage.sandbox.now().seconds(),
    })
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

fn truths(world: &World, stage: &Stage) -> Vec<Truth> {
    world.services.iter().map(|service| Truth::of(&stage.sandbox, &service.name)).collect()
}

fn happen(what: &Happening, line: &Line, interrupt: &Interrupt, names: &[String]) {
    let sandbox = &line.sandbox;
    // What cannot be done any more is not done.
    let ask = |operation: &str, input: Value| sandbox.ecs(operation, input).unwrap_or_default();
    let update = |service: &str, members: Value| {
        let mut input = json!({ "cluster": CLUSTER, "service": service });
        for (name, value) in members.as_object().into_iter().flatten() {
            input[name] = value.clone();
        }
        ask("UpdateService", input);
    };
    let rollout = |service: usize| {
        let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": [names[service]] }));
        let arn = found["services"][0]["currentServiceDeployment"].clone();
        let described = ask("DescribeServiceDeployments", json!({ "serviceDeploymentArns": [arn] }));
        described["serviceDeployments"][0].clone()
    };
    let definition = |service: &str| {
        let found = ask("DescribeServices", json!({ "cluster": CLUSTER, "services": [service] }));
        let arn = found["services"][0]["taskDefinition"].clone();
        ask("DescribeTaskDefinition", json!({ "taskDefinition": arn }))["taskDefinition"].clone()
    };
    match what {
        Happening::Interrupt => interrupt.set(),
        Happening::Kill => line.killed.store(true, Ordering::SeqCst),
        Happening::Deploys { service, own: false } => update(&names[*service], json!({ "forceNewDeployment": true })),
        Happening::Deploys { service, own: true } => {
            let found = definition(&names[*service]);
            let members = ["family", "networkMode", "requiresCompatibilities", "cpu", "memory", "executionRoleArn"];
            let mut input = json!({ "containerDefinitions": found["containerDefinitions"] });
            for member in members {
                if !found[member].is_null() {
                    input[member] = found[member].clone();
                }
            }
            input["containerDefinitions"][0]["environment"] = json!([{ "name": "WHO", "value": "somebody else" }]);
            let registered = ask("RegisterTaskDefinition", input);
            update(
                &names[*service],
                json!({ "taskDefinition": registered["taskDefinition"]["taskDefinitionArn"], "forceNewDeployment": true }),
            );
        }
        Happening::Scales { service, to } => update(&names[*service], json!({ "desiredCount": to })),
        Happening::Deletes { tag } => {
            let input = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageTag": tag }] });
            drop(sandbox.ecr("BatchDeleteImage", input));
        }
        Happening::Stops { service, back } => {
            let stop = if *back { "ROLLBACK" } else { "ABORT" };
            let arn = rollout(*service)["serviceDeploymentArn"].clone();
            ask("StopServiceDeployment", json!({ "serviceDeploymentArn": arn, "stopType": stop }));
        }
        Happening::Answers { service, go_on } => {
            let found = rollout(*service);
            let action = if *go_on { "CONTINUE" } else { "ROLLBACK" };
            for hook in found["lifecycleHookDetails"].as_array().into_iter().flatten() {
                let input = json!({ "serviceDeploymentArn": found["serviceDeploymentArn"], "hookId": hook["hookId"],
                    "action": action });
                ask("ContinueServiceDeployment", input);
            }
        }
        Happening::Deregisters { service } => {
            let arn = definition(&names[*service])["taskDefinitionArn"].clone();
            ask("DeregisterTaskDefinition", json!({ "taskDefinition": arn }));
        }
        Happening::Elsewhere => update(OTHER, json!({ "forceNewDeployment": true })),
    }
}
