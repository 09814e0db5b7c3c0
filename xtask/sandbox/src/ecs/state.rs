//! What is remembered: clusters, task definitions, services, tasks. Nothing happens to them in here.

mod account;
pub(crate) mod agenda;
pub(crate) mod behaviour;
pub(crate) mod cluster;
pub(crate) mod definition;
pub(crate) mod earnest;
pub(crate) mod key;
pub(crate) mod log;
pub(crate) mod revision;
pub(crate) mod roll;
pub(crate) mod rollout;
pub(crate) mod service;
pub(crate) mod shift;
pub(crate) mod task;

pub use account::Ecs;
pub(crate) use account::Remembered;
