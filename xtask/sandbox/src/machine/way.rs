//! A way of running containers: what the life of a container asks of it.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Arc;

use super::Container;
use super::program::Program;

pub(super) trait Way: Send + Sync {
    /// What the containers of a task share; it ends with whoever holds it.
    fn room(&self, task: &str) -> Result<Arc<dyn Room>, String>;
}

/// The network of a task, and the containers in it.
pub(super) trait Room: Send + Sync {
    /// The error is ECS's word for it and what was said.
    fn start(&self, container: &Container) -> Result<Box<dyn Running>, String>;

    /// The TCP ports that somebody listens on, but for those of loopback alone.
    fn ports(&self) -> BTreeSet<u16>;
}

/// A container that runs; nothing of it is left when this is dropped.
pub(super) trait Running {
    /// It ends when the container does, and writes what that writes.
    fn program(&mut self) -> &mut Program;

    fn send(&self, signal: &str);

    /// A program in the container, beside its own.
    fn beside(&self, container: &Container, words: &[String]) -> Result<Command, String>;

    /// Whether it takes more memory than that, where nobody else looks.
    fn exceeds(&self, limit: u64) -> bool;

    /// How it ended, once its program has, which said this code.
    fn end(&self, code: i32) -> End;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub code: i32,
    /// Whether somebody killed it for the memory that it took.
    pub out_of_memory: bool,
}
