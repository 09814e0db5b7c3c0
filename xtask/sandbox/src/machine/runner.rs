//! Which way containers run.

use std::fmt;
use std::path::PathBuf;

use super::docker::{Docker, Engine};
use super::namespace::{self, Namespaces};
use super::way::Way;
use crate::world::World;

/// What runs containers in earnest; it was asked whether it can.
#[derive(Clone, Debug)]
pub struct Runner(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Docker(Engine),
    /// And why it is not docker, where that would have been taken.
    Namespaces(Option<String>),
}

impl Runner {
    /// Docker where an engine answers, or else namespaces; the error says what this machine lacks for both.
    pub fn find() -> Result<Self, String> {
        let why = match Self::docker(None) {
            Ok(docker) => return Ok(docker),
            Err(why) => why,
        };
        match namespace::are_allowed() {
            Ok(()) => Ok(Self(Kind::Namespaces(Some(why)))),
            Err(lacks) => Err(format!("{lacks}; and no docker engine answers: {why}")),
        }
    }

    /// The engine at this `DOCKER_HOST`, or docker's own choice; the error is docker's.
    pub fn docker(host: Option<&str>) -> Result<Self, String> {
        Engine::find(host).map(|engine| Self(Kind::Docker(engine)))
    }

    /// The image's own files in namespaces that any user may make; the error says what this machine lacks.
    pub fn namespaces() -> Result<Self, String> {
        namespace::are_allowed().map(|()| Self(Kind::Namespaces(None)))
    }

    pub(super) fn way(self, world: &World, folder: PathBuf) -> Result<Box<dyn Way>, String> {
        Ok(match self.0 {
            Kind::Docker(engine) => Box::new(Docker::open(engine, world, folder)?),
            Kind::Namespaces(_) => Box::new(Namespaces::new(folder)),
        })
    }
}

/// As it goes on after "the containers run ".
impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Docker(engine) => {
                write!(f, "with docker {}", engine.version)?;
                if engine.limits_memory { Ok(()) } else { write!(f, ", which limits no memory here") }
            }
            Kind::Namespaces(None) => write!(f, "in namespaces of their own"),
            Kind::Namespaces(Some(why)) => {
                write!(f, "in namespaces of their own, for no docker engine answers ({why})")
            }
        }
    }
}
