//! The real commands in worlds that one number makes, in virtual time, held against what the sandbox knows to be true.

mod converged;
mod crashes;
mod dice;
mod drive;
mod faults;
mod line;
mod oracle;
mod page;
mod play;
mod played;
mod stage;
mod story;
mod threads;
mod truth;
mod uploads;
mod world;

use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) use play::Command;
use world::World;

use crate::context::Context;
use crate::failure::{Failure, Result};
use crate::process::Tool;
use crate::time::turned;

/// Longer than anybody waits for a night's worlds.
const NIGHT: Duration = Duration::from_secs(24 * 3600);

/// Which worlds are played.
pub(crate) struct Worlds {
    /// The seed of the first; those after it follow.
    pub first: u64,
    pub count: u64,
    /// In so many processes at once, because time is a whole process's; 0 in one that another one started.
    pub jobs: u64,
    /// Nobody looks more often than every 15 s.
    pub sparse: bool,
    /// Pushes to a registry in place of rollouts.
    pub uploads: bool,
}

/// Plays them. `command` runs a command line.
///
/// Fails where how a command ended is not what is true.
pub(crate) fn run(worlds: &Worlds, command: Command, context: &Context) -> Result<()> {
    if !threads::are_told_of() {
        return Err(Failure::world("a simulation looks into /proc for what its threads do, and there is none here"));
    }
    let Worlds { first, count, jobs, .. } = *worlds;
    let began = Instant::now();
    let bad = if jobs > 1 && count > jobs { side_by_side(worlds, context)? } else { alone(worlds, command, context)? };
    if jobs == 0 {
        // Whoever began this one says what there is to say.
        return if bad == 0 { Ok(()) } else { Err(Failure::world(format_args!("{bad} worlds"))) };
    }
    let seconds = began.elapsed().as_secs_f64();
    context.events().note("Simulated", format!("{count} worlds from seed {first} in {seconds:.1} s"));
    if bad == 0 {
        return Ok(());
    }
    Err(Failure::world(format_args!("in {bad} of {count} worlds a command said or did what is not true or right"))
        .help("`cargo xtask simulate --seed NUMBER` plays one again and tells all of it"))
}

/// Kills the commands before and after each of their effects. Fails where run again one does not come to the same.
pub(crate) fn crashes(command: Command, context: &Context) -> Result<()> {
    let began = Instant::now();
    let (findings, count) = crashes::play(alone_in_time()?, command)?;
    judged(&findings, &format!("{count} crashes in {:.1} s", began.elapsed().as_secs_f64()), context)
}

/// Puts everything that can be wrong with a call into each call of one story or of all, and holds the table of how commands
/// then end against that of this page, or writes it there where SNAPSHOTS is `overwrite`. Fails where one ends as it should not,
/// and where the page says otherwise.
pub(crate) fn faults(command: Command, page: &Path, only: Option<&str>, context: &Context) -> Result<()> {
    let began = Instant::now();
    let kept = std::fs::read_to_string(page)
        .map_err(|error| Failure::usage(format_args!("could not read {}: {error}", page.display())))?;
    let (mut findings, table) = faults::play(alone_in_time()?, command, only)?;
    if only.is_none() && std::env::var_os("SNAPSHOTS").is_some_and(|what| what == "overwrite") {
        std::fs::write(page, page::written(&kept, &table)).map_err(anyhow::Error::new)?;
    } else {
        findings.extend(page::stale(&kept, &table, only.is_none()));
    }
    judged(&findings, &format!("each call with each fault in {:.1} s", began.elapsed().as_secs_f64()), context)
}

fn judged(findings: &[String], what: &str, context: &Context) -> Result<()> {
    context.events().note("Simulated", what);
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::world(format_args!("{} findings", findings.len()))
        .said(findings.iter().map(|it| it.replace('\n', "; "))))
}

/// The clock of a process that does nothing else any more.
fn alone_in_time() -> Result<&'static turned::Turned> {
    if !threads::are_told_of() {
        return Err(Failure::world("a simulation looks into /proc for what its threads do, and there is none here"));
    }
    // A process that is killed ends by a panic here, which is nothing to be told of.
    std::panic::set_hook(Box::new(|_| {}));
    Ok(turned::stop_time())
}

/// How many of the worlds are bad, each told of on stdout.
fn alone(worlds: &Worlds, command: Command, context: &Context) -> Result<u64> {
    let Worlds { first, count, .. } = *worlds;
    let clock = alone_in_time()?;
    let mut bad = 0;
    for seed in first..first.saturating_add(count) {
        if context.interrupt().is_set() {
            return Err(Failure::interrupted(format_args!("interrupted before seed {seed}")));
        }
        let tell = |text: &str| {
            if count == 1 {
                context.print(text);
            }
        };
        let findings = if worlds.uploads {
            tell(&format!("{:#?}", uploads::World::of(seed)));
            uploads::play(clock, seed, &tell)?
        } else {
            let world = if worlds.sparse { World::of(seed).sparse() } else { World::of(seed) };
            tell(&format!("{world:#?}"));
            play::play(clock, command, (&world, seed), &tell)?
        };
        for finding in &findings {
            context.print(format_args!("seed {seed}: {finding}"));
        }
        bad += u64::from(!findings.is_empty());
    }
    Ok(bad)
}

fn side_by_side(worlds: &Worlds, context: &Context) -> Result<u64> {
    let Worlds { first, count, jobs, .. } = *worlds;
    let program = std::env::current_exe().map_err(anyhow::Error::new)?;
    let each = count.div_ceil(jobs);
    let parts = (0..jobs).map(|job| (first + job * each, each.min(count.saturating_sub(job * each))));
    let parts: Vec<(u64, u64)> = parts.filter(|(_, count)| *count > 0).collect();
    let interrupt = context.interrupt();
    let ended: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = parts
            .iter()
            .map(|(first, count)| {
                let line = [
                    "simulate".to_owned(),
                    "--jobs=0".to_owned(),
                    format!("--seed={first}"),
                    format!("--seeds={count}"),
                ];
                let also = [("--sparse", worlds.sparse), ("--uploads", worlds.uploads)];
                let also = also.into_iter().filter(|(_, wanted)| *wanted).map(|(word, _)| word.to_owned());
                let line = line.into_iter().chain(also);
                let tool = Tool::new(&program, NIGHT).args(line);
                scope.spawn(move || tool.run(interrupt, |_| {}))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a part does not panic")).collect()
    });
    let mut bad = std::collections::BTreeSet::new();
    for ((first, _), ended) in parts.into_iter().zip(ended) {
        let ended = ended?;
        let told = String::from_utf8_lossy(&ended.stdout).into_owned();
        told.lines().for_each(|line| context.print(line));
        let seeds = told.lines().filter_map(|line| line.strip_prefix("seed ")?.split(':').next()?.parse::<u64>().ok());
        let before = bad.len();
        bad.extend(seeds);
        if !ended.status.success() && bad.len() == before {
            return Err(Failure::world(format_args!("the worlds from seed {first} were not played to their end"))
                .said(ended.tail));
        }
    }
    Ok(bad.len() as u64)
}
