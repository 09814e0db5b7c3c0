//! The two commands against the embedded stand-in: everything but AWS is real.

mod scanner;
mod stage;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use xtask_sandbox::{Account, Call, Clock, FAULTS, Options, Sandbox, fault_named};

use crate::aws::{Endpoint, Session};
use crate::config::Config;
use crate::context::Context;
use crate::deploy::{Deploys, Until};
use crate::event::{Event, Events};
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::release::{Releases, Share};
use crate::stage::With;
use crate::text::{as_called, nearest};
pub(crate) use scanner::StandIn;
use scanner::Vulnerable;

/// Simulated seconds in one real second: a rollout of two minutes takes four seconds.
const SPEED: u32 = 30;

/// What a rehearsal is to be like.
pub(crate) struct Rehearsing<'a> {
    /// A name of [`FAULTS`], or `list`.
    pub fault: Option<&'a str>,
    /// What runs the released containers in earnest, as [`stage::in_earnest`] has it.
    pub run: Option<With>,
    /// A document for [`Sandbox::seed`].
    pub seed: Option<&'a Path>,
}

/// Releases every image and deploys every service of the configuration into a sandbox of its own.
///
/// Ends with the exit code that the same trouble has in earnest.
pub(crate) fn run(rehearsing: &Rehearsing<'_>, context: &Context) -> Result<()> {
    let Rehearsing { fault, run, seed } = *rehearsing;
    if fault == Some("list") {
        for (name, what) in FAULTS {
            context.print(format_args!("{name:<16} {what}"));
        }
        return Ok(());
    }
    let faults = fault.map_or(Ok(Vec::new()), |name| fault_named(name).ok_or_else(|| unknown(name)))?;
    let clock = Clock::Scaled(SPEED);
    let config = &context.drafted()?.config;
    let runner = stage::in_earnest(run)?;
    let running = runner
        .as_ref()
        .map(|runner| format!("the released containers in earnest {runner}, with no network but their task's own"));
    let sandbox = Sandbox::start(Options { run: runner, ..stage::options(config, clock) })
        .map_err(|error| Failure::world(format_args!("could not start the sandbox: {error}")))?;
    // A program is no faster for a fast clock.
    let config = stage::rehearsed(config, &sandbox, if running.is_some() { 1 } else { SPEED });
    stage::furnish(&sandbox, &config)?;
    seed.map_or(Ok(()), |file| stage::seed(&sandbox, file))?;
    for fault in faults {
        sandbox.inject(fault);
    }

    let events = context.events();
    events.note(
        "Rehearsing",
        format!("against an embedded ECR and ECS on {}, {SPEED} times as fast", sandbox.registry()),
    );
    if let Some(name) = fault {
        events.note("Fault", name);
    }
    if let Some(running) = running {
        events.note("Running", running);
    }
    let config = stage::without_engine(config, &sandbox, events, context.interrupt());
    let session = Session::at(&config, &endpoint(&sandbox));
    let (events, steps) = events.tee();
    let started = Instant::now();
    let result = both_stages(fault, &config, &session, &events, context);
    drop(events);
    summary(context, &steps);
    if let Some(name) = fault.filter(|name| *name != "vulnerable" && !sandbox.befell()) {
        context.events().warn(format!("nothing of this workspace met the fault `{name}`, so it shows nothing"));
    }
    if result.is_ok() {
        context.events().note("Rehearsed", format!("both stages in {:.1} s", started.elapsed().as_secs_f64()));
    }
    result
}

fn both_stages(
    fault: Option<&str>,
    config: &Config,
    session: &Session,
    events: &Events,
    context: &Context,
) -> Result<()> {
    let interrupt = context.interrupt();
    let found;
    let scanner = if let Some(own) = context.scanner() {
        own
    } else {
        found = scanner::find(config, events, interrupt)?;
        &*found
    };
    let vulnerable = Vulnerable(scanner);
    let scanner = if fault == Some("vulnerable") { &vulnerable } else { scanner };
    // No hook: what a repository does around a stage would be done in earnest.
    let (builders, gates, share) = (context.builders(), context.gates(), Share::default());
    let releases =
        Releases { config, session, scanner: Some(scanner), builders, gates, around: None, share, events, interrupt };
    releases.run(&releases.plan(&[])?).whole()?;
    // Nobody is there to decide.
    let until = if fault == Some("paused") { Until::Paused } else { Until::Done };
    let deploys = Deploys::new(config, session, events, interrupt).until(until).rehearsal();
    deploys.run(&deploys.plan(&[])?).whole()?;
    Ok(())
}

/// What a sandbox serves, beside the workspace's configuration.
pub(crate) struct Serving<'a> {
    pub listen: SocketAddr,
    /// How many times as fast as the real one its clock runs.
    pub speed: u32,
    /// Further accounts and whose access key ids are theirs.
    pub accounts: &'a [(String, String)],
    /// A document for [`Sandbox::seed`].
    pub seed: Option<&'a Path>,
    /// As [`Rehearsing::run`].
    pub run: Option<With>,
    /// Whether what goes beyond ECS's documented limits is throttled.
    pub limits: bool,
    /// All that whoever calls may do.
    pub policy: Option<&'a Path>,
    /// Where each call is written at the end.
    pub calls: Option<&'a Path>,
}

/// Serves a sandbox, furnished for the workspace's configuration, until the interrupt.
pub(crate) fn serve(serving: &Serving<'_>, context: &Context) -> Result<()> {
    let Serving { listen, speed, accounts, seed, run, limits, policy, calls } = *serving;
    if !listen.ip().is_loopback() {
        return Err(Failure::usage(format_args!(
            "the sandbox takes anyone's word for who they are, so it listens on loopback only, and {} is not",
            listen.ip()
        ))
        .help(format!("use 127.0.0.1:{}", listen.port())));
    }
    let clock = if speed <= 1 { Clock::Real } else { Clock::Scaled(speed) };
    let config = &context.drafted()?.config;
    let further = accounts.iter().cloned();
    let further = further.map(|(id, access_key)| Account { id, access_key, roles: Vec::new() }).gather();
    let runner = stage::in_earnest(run)?;
    let running = runner.as_ref().map(|runner| format!("its own images' containers in earnest {runner}"));
    let options = Options { listen, accounts: further, limited: limits, run: runner, ..stage::options(config, clock) };
    let sandbox = Sandbox::start(options).map_err(|error| {
        Failure::world(format_args!("could not listen on {listen}: {error}"))
            .help("another --listen address may be free")
    })?;
    stage::furnish(&sandbox, config)?;
    seed.map_or(Ok(()), |file| stage::seed(&sandbox, file))?;
    policy.map_or(Ok(()), |file| stage::restrict(&sandbox, file))?;
    for (name, value) in sandbox.environment() {
        context.print(format_args!("export {name}={value}"));
    }
    let registry = sandbox.registry();
    let events = context.events();
    events.note(
        "Serving",
        format!("ECR, ECS and a registry on http://{registry}; Ctrl-C stops it and forgets everything"),
    );
    if let Some(running) = running {
        events.note("Running", running);
    }
    for (account, key) in accounts {
        events.note("Account", format!("{account} with access key id {key} and any secret"));
    }
    events.note(
        "Log in",
        format!("aws ecr get-login-password | docker login --username AWS --password-stdin {registry}"),
    );
    while !context.interrupt().wait(Duration::from_secs(3600)) {}
    if let Some(file) = calls {
        let line =
            |call: &Call| format!("{:.3} {} {} {}\n", call.at.as_secs_f64(), call.by, call.operation, call.status);
        let text: String = sandbox.calls().iter().map(line).collect();
        std::fs::write(file, text)
            .map_err(|error| Failure::world(format_args!("could not write {}: {error}", file.display())))?;
    }
    events.note("Stopped", "the sandbox and all it held are gone");
    Ok(())
}

fn endpoint(sandbox: &Sandbox) -> Endpoint {
    let environment: BTreeMap<String, String> = sandbox.environment().into_iter().gather();
    let of = |name: &str| environment.get(name).cloned().unwrap_or_default();
    Endpoint {
        url: of("AWS_ENDPOINT_URL"),
        access_key_id: of("AWS_ACCESS_KEY_ID"),
        secret_access_key: of("AWS_SECRET_ACCESS_KEY"),
    }
}

/// How long each step took, and what runs.
fn summary(context: &Context, events: &Receiver<Event>) {
    for event in events.try_iter() {
        match event {
            Event::StepFinished { step, subject, seconds } => {
                let step = format!("{step:?}").to_lowercase();
                context.events().note("Took", format!("{seconds:>6.2} s  {step} {subject}").trim_end());
            }
            Event::RolloutEnded { service, outcome, digests, .. } => {
                for digest in digests {
                    context.print(format_args!("{service} {} {digest}", outcome.word()));
                }
            }
            _ => {}
        }
    }
}

fn unknown(name: &str) -> Failure {
    let nearest = nearest(name, FAULTS.iter().map(|(known, _)| *known));
    let hint = nearest.map_or(String::new(), |known| format!("did you mean `{known}`?"));
    Failure::usage(format_args!("there is no fault `{name}`"))
        .help(hint)
        .help(as_called("`cargo xtask rehearse --fault list` names them"))
}
