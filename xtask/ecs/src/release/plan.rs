//! What a release would do: one preflight that gathers every problem before the first effect.

use serde::Serialize;

use super::engine::Engine;
use super::handed;
use crate::aws::ecr::Ecr;
use crate::config::{Builder, Config, Image};
use crate::event::{Event, Events, ImageAction};
use crate::failure::{Ending, Failure, Result};
use crate::gate::Scanner;
use crate::interrupt::Interrupt;

/// The images in the order of the configuration, with what is to be done about each.
pub struct Plan<'a> {
    pub images: Vec<(&'a Image, ImageAction)>,
    /// What builds and scans; `None` where nothing is to be built.
    pub tools: Option<Tools>,
}

/// The tools a build needs, found good.
pub struct Tools {
    /// `None` where no image is built from a Dockerfile.
    pub engine: Option<Engine>,
    pub scanner: Box<dyn Scanner>,
}

impl Tools {
    /// For people, such as `buildx 0.29, driver docker, and trivy 0.76.0`.
    pub fn describe(&self, images: &[(&Image, ImageAction)]) -> String {
        let native = images
            .iter()
            .any(|(image, action)| *action == ImageAction::Release && matches!(image.builder, Builder::Package(_)));
        let engine = self.engine.as_ref().map(|engine| engine.description.as_str());
        let builders: Vec<&str> = engine.into_iter().chain(native.then_some("the native builder")).collect();
        format!("{}; {}", builders.join(" and "), self.scanner.name())
    }
}

/// Finds the scanner; a rehearsal on a machine without trivy brings a stand-in.
pub type FindScanner<'a> = dyn Fn(&Config, &Events, &Interrupt) -> Result<Box<dyn Scanner>> + 'a;

/// One line of `release --plan --format json`.
#[derive(Serialize)]
pub struct Planned {
    pub image: String,
    pub reference: String,
    pub action: ImageAction,
}

/// Asks ECR about every tag at once; where one is missing, also asks for the tools to build it. All problems are
/// in the one failure.
pub fn plan<'a>(
    config: &Config,
    images: &[&'a Image],
    ecr: &Ecr,
    find_scanner: &FindScanner<'_>,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Plan<'a>> {
    let wanted: Vec<_> = images.iter().map(|image| (image.repository(), image.tag())).collect();
    let mut problems = Vec::new();
    let mut planned = Vec::new();
    for (&image, found) in images.iter().zip(ecr.find(&wanted)) {
        match found {
            Ok(found) => {
                let action = found.map_or(ImageAction::Release, |digest| ImageAction::AlreadyReleased { digest });
                planned.push((image, action));
            }
            Err(error) => problems.push(error.into()),
        }
    }
    let released = |image: &Image| {
        planned.iter().any(|(known, action)| known.name == image.name && *action != ImageAction::Release)
    };
    // Of an image that ECR could not be asked about, it is not known that nothing is to be built.
    let to_build: Vec<&Image> = images.iter().copied().filter(|image| !released(image)).collect();
    problems.extend(to_build.iter().flat_map(|image| handed::missing(image, &|name| std::env::var_os(name))));
    let mut tools = None;
    if !to_build.is_empty() {
        let with_dockerfile = to_build.iter().any(|image| matches!(image.builder, Builder::Dockerfile(_)));
        let (engine, scanner) = std::thread::scope(|scope| {
            let engine = with_dockerfile.then(|| scope.spawn(|| Engine::probe(interrupt)));
            let scanner = find_scanner(config, events, interrupt);
            let panicked = |_| Err(Failure::world("asking docker panicked; this is a bug"));
            (engine.map(|engine| engine.join().unwrap_or_else(panicked)).transpose(), scanner)
        });
        match (engine, scanner) {
            (Ok(engine), Ok(scanner)) => tools = Some(Tools { engine, scanner }),
            (engine, scanner) => {
                for failure in [engine.err(), scanner.err()].into_iter().flatten() {
                    if failure.ending == Ending::Interrupted {
                        return Err(failure);
                    }
                    problems.push(failure);
                }
            }
        }
    }
    if problems.is_empty() {
        for (image, action) in &planned {
            events.emit(Event::ImagePlanned {
                image: image.name.clone(),
                reference: image.reference.to_string(),
                action: action.clone(),
            });
        }
        return Ok(Plan { images: planned, tools });
    }
    Err(Failure::together(problems))
}
