//! One world, played from its first command to its last.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use xtask_sandbox::Call;

use super::converged::converged;
use super::drive::{self, Due, Stuck};
use super::line::{Hurt, Killed, Line};
use super::oracle;
use super::played::Played;
use super::stage::{OTHER, Stage};
use super::truth::Truth;
use super::world::{Run, World};
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
pub(super) fn play(
    clock: &'static Turned,
    command: Command,
    (world, seed): (&World, u64),
    tell: &dyn Fn(&str),
) -> Result<Vec<String>> {
    let mut stage = Stage::furnished(world)?;
    world.faults.iter().cloned().for_each(|fault| stage.sandbox.inject(fault));
    let mut findings = Vec::new();
    for run in &world.runs {
        if let Some(tag) = &run.tag {
            stage.release(world, tag)?;
        }
        if let Some(tasks) = &run.tasks {
            stage.behave(tasks);
        }
        stage.sandbox.troubles(run.trouble.clone().into_iter().collect());
        let played = once(clock, command, (world, &stage), (run, seed), None)?;
        tell(&played.told());
        findings.extend(oracle::judge(world, run, &stage, &played));
        if run.rests {
            stage.rest(world);
        }
    }
    // Whatever happened, one more deploy of something good, undisturbed, comes to a good end.
    stage.sandbox.calm();
    // Locks last an hour, or as long as a rollout may.
    stage.sandbox.advance(Duration::from_secs(3 * 3600));
    stage.rest(world);
    stage.behave(&xtask_sandbox::ecs::Tasks::Healthy);
    stage.release(world, "9.0")?;
    let last = Run::last();
    let played = once(clock, command, (world, &stage), (&last, seed), None)?;
    tell(&played.told());
    findings.extend(converged(world, &stage, &played));
    Ok(findings)
}

/// What this machine's clock says at a moment of AWS's.
fn skewed(moment: Duration, seconds: i64) -> Duration {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { moment.saturating_sub(by) } else { moment + by }
}

pub(super) fn once(
    clock: &'static Turned,
    command: Command,
    (world, stage): (&World, &Stage),
    (run, seed): (&Run, u64),
    hurt: Option<Hurt>,
) -> Result<Played> {
    let calendar = Duration::from_millis(stage.sandbox.now().0);
    clock.begin(skewed(calendar, world.skew), seed);

    let loaded = stage.configuration()?;
    let calls_before = stage.sandbox.count();
    let other_before = Truth::of(&stage.sandbox, OTHER);
    let names: Vec<String> = world.services.iter().map(|service| service.name.clone()).collect();
    let line = Arc::new(Line::new(&stage.sandbox, &names, hurt));
    let exchange: Exchange = Arc::<Line>::clone(&line);
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
            what: Box::new(move || line.happen(happening, &interrupt, names)),
        }
    });
    let passes = |by| stage.sandbox.advance(by);
    let stuck = drive::turn(clock, &|| process.is_finished(), dues.collect(), began + LONGEST, &passes).err();
    let mut end = None;
    if stuck.is_none() {
        end = process.join().ok();
    }
    let heard: Vec<Event> = heard.try_iter().collect();
    let killed = line.is_cut();
    // Nor do threads outlive a process that has ended.
    line.cut();
    let (result, panicked) = match end {
        Some(Ok(result)) => (Some(result), None),
        Some(Err(panic)) if panic.is::<Killed>() || killed => (None, None),
        Some(Err(panic)) => (None, Some(said(&*panic))),
        None => (None, None),
    };
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
        seen: line.seen(),
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
