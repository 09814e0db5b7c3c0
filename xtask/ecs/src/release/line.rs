//! Several images on their way at once.
//!
//! While one is scanned and sent, the next is built. What is promised holds as if they went one after the other: tags are
//! put in the release's order, each only when all before it are there, so that an image that fails leaves those before
//! it released, and those after it without a tag.

use std::sync::Mutex;

use super::mounts::Mounts;
use super::plan::{ReleasePlan, Tools};
use super::turns::{Turn, Turns};
use super::{Making, Ready, Released, Releases, already, push, scanner};
use crate::beside::Work;
use crate::commit::Commit;
use crate::config::{Builder, Image};
use crate::event::{Events, ImageAction};
use crate::failure::{Ending, Failure, Result};
use crate::gate::Scanner;
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::registry::Registry;

/// What the images of one release share.
pub(super) struct Line {
    pub registry: Registry,
    /// Cargo has one target folder, and uses every core.
    pub compiles: Turns,
    /// An engine's, or a repository's own builder's.
    pub builds: Turns,
    pub scans: Turns,
    /// One image at a time, which sends several blobs at once.
    pub uploads: Turns,
    /// The gates that a repository adds are asked one at a time.
    pub gates: Mutex<()>,
    pub mounts: Mounts,
}

impl Line {
    fn new(stage: &Releases<'_>, registry: Registry, scanner: &dyn Scanner) -> Self {
        let limit = stage.config.scan.at_once.map_or_else(scanner::at_once, |limit| limit as usize);
        Self {
            registry,
            compiles: Turns::new(1),
            builds: Turns::new(1),
            scans: Turns::new(scanner.at_once(limit)),
            uploads: Turns::new(1),
            gates: Mutex::default(),
            mounts: Mounts::default(),
        }
    }

    /// Who gives the turn that an image's build begins with.
    fn first(&self, image: &Image) -> &Turns {
        let compiles = match &image.builder {
            Builder::Package(_) => true,
            Builder::Dockerfile(dockerfile) => !dockerfile.binaries.is_empty(),
            Builder::Own(_) => false,
        };
        if compiles { &self.compiles } else { &self.builds }
    }

    /// That turn.
    pub(super) fn begin(&self, image: &Image, place: usize, stop: &Interrupt) -> Result<Turn<'_>> {
        let turn = self.first(image).take(place, stop);
        turn.ok_or_else(|| Failure::interrupted("interrupted before anything was built"))
    }
}

/// What an image's way to its tag needs.
pub(super) struct Way<'a> {
    pub commit: &'a Commit,
    pub tools: &'a Tools<'a>,
    pub scanner: &'a dyn Scanner,
}

/// Builds, scans and sends each image on a thread of its own, and hands over each that is released, in order.
///
/// Fails with the first failure in the release's order.
pub(super) fn run(
    stage: &Releases<'_>,
    plan: &ReleasePlan<'_>,
    way: &Way<'_>,
    mut released: impl FnMut(&Image, Released) -> Result<()>,
) -> Result<()> {
    let Releases { config, session, builders, gates, share, events, interrupt, .. } = stage;
    let Way { commit, tools, scanner } = *way;
    let ecr = &session.ecr();
    let line = &Line::new(stage, push::registry(config, ecr, &config.registry, interrupt), scanner);
    let mut parts: Vec<(usize, Image)> = Vec::new();
    for (whole, (image, _)) in plan.images.iter().enumerate().filter(|(_, (_, it))| *it == ImageAction::Release) {
        parts.extend(stage.share.of(image).into_iter().map(|part| (whole, part)));
    }
    let parts = &parts;
    let stops: Vec<Interrupt> = parts.iter().map(|_| interrupt.child()).gather();
    let stop_from = |place: usize| stops[place..].iter().for_each(Interrupt::set);
    let making = |place: usize, image| {
        let interrupt = &stops[place];
        Making {
            config,
            image,
            commit,
            session,
            tools,
            builders,
            scanner,
            gates,
            share,
            ecr,
            events,
            interrupt,
            line,
            place,
        }
    };
    let go = |place: usize| -> Result<Ready> {
        let came = making(place, &parts[place].1).to_the_tag();
        if came.is_err() {
            line.mounts.never_comes(place);
            stop_from(place + 1);
        }
        came
    };
    let go = &go;
    std::thread::scope(|scope| {
        let early = interrupt.child();
        get_ready(scope, line, way, (events, &early));
        for (place, (_, image)) in parts.iter().enumerate() {
            line.first(image).expect(place);
        }
        let ways: Vec<_> = (0..parts.len()).map(|place| scope.spawn(move || go(place))).gather();
        let mut ways = ways.into_iter();
        let mut failure: Option<Failure> = None;
        let mut left = Vec::new();
        let mut next = 0;
        for (whole, (image, action)) in plan.images.iter().enumerate() {
            let (first, mut ready, mut failed) = (next, Vec::new(), None);
            while let Some((_, part)) = parts.get(next).filter(|(of, _)| *of == whole)
                && let Some(way) = ways.next()
            {
                next += 1;
                match way.join().unwrap_or_else(|_| Err(Failure::world("an image's release panicked; this is a bug"))) {
                    Ok(one) => ready.push(one),
                    Err(why) if failure.is_none() && failed.is_none() => failed = Some(why),
                    Err(why) => tell_of_another(events, part, &why),
                }
            }
            if failure.is_some() {
                left.extend((next > first).then_some(&image.name));
                continue;
            }
            let one = match (action, failed) {
                (ImageAction::AlreadyReleased { digest, source }, _) => {
                    Ok(Some(already(image, digest.clone(), source)))
                }
                (_, Some(failed)) => Err(failed),
                (_, None) if !share.tags() => Ok(None),
                (_, None) => making(first, image).tag(ready).map(Some),
            };
            match one.and_then(|one| one.map_or(Ok(()), |one| released(image, one))) {
                Ok(()) => (first..next).for_each(|place| line.mounts.is_there(place)),
                Err(why) => {
                    stop_from(next);
                    early.set();
                    failure = Some(why);
                }
            }
        }
        early.set();
        failure.map_or(Ok(()), |failure| Err(with_the_rest(failure, &left)))
    })
}

/// Gets what every image needs before one needs it. What fails here is tried again by who needs it, and told then.
fn get_ready<'scope, 'env>(
    scope: &'scope std::thread::Scope<'scope, 'env>,
    line: &'env Line,
    way: &Way<'env>,
    (events, stop): (&'env Events, &Interrupt),
) {
    let Way { tools, scanner, .. } = *way;
    let (builder, database) = (stop.clone(), stop.clone());
    let sign_in: Work<'scope> = Box::new(move || drop(line.registry.sign_in()));
    let start_builder: Work<'scope> = Box::new(move || {
        if let Some(engine) = &tools.engine {
            drop(engine.prepare(events, &builder));
        }
    });
    let fetch_database: Work<'scope> = Box::new(move || {
        if let Err(error) = scanner.prepare(&database)
            && !database.is_set()
        {
            let why =
                error.downcast_ref::<Failure>().map_or_else(|| format!("{error:#}"), |it| it.message().to_owned());
            events.warn(format!("the scanner could not be made ready, which the first scan tries again: {why}"));
        }
    });
    for work in [sign_in, start_builder, fetch_database] {
        scope.spawn(work);
    }
}

/// An image that failed by itself after one before it had failed.
fn tell_of_another(events: &Events, image: &Image, failure: &Failure) {
    if failure.ending != Ending::Interrupted {
        events.warn(format!("image `{}` failed, too: {}", image.name, failure.message()));
    }
}

fn with_the_rest(failure: Failure, left: &[&String]) -> Failure {
    match left {
        [] => failure,
        [one] => failure.and(format_args!("image `{one}` after it got no tag")),
        several => {
            let names: Vec<String> = several.iter().map(|name| format!("`{name}`")).gather();
            failure.and(format_args!("images {} after it got no tag", names.join(", ")))
        }
    }
}
