//! What the stages have in common: how they end, and what a repository does around them.

use clap::ValueEnum;

use crate::failure::Result;

/// How a stage ended: a failure does not hide the part that succeeded.
#[derive(Debug)]
#[must_use = "a stage may have failed"]
pub struct Ended<T> {
    /// What was done, in the order it was done.
    pub done: T,
    /// Whether that was all of it.
    pub result: Result<()>,
}

impl<T> Ended<T> {
    /// What was done where all of it was, else the failure.
    pub fn whole(self) -> Result<T> {
        self.result.map(|()| self.done)
    }
}

/// What a repository does around a stage that plans a `P` and does a `D`.
pub(crate) trait Around<P: ?Sized, D: ?Sized> {
    /// After the plan, before the first effect; an error stops the stage with nothing done.
    fn before(&self, plan: &P) -> Result<()>;
    /// After all of it went well; an error fails the stage, and what was done stays done.
    fn after(&self, done: &D) -> Result<()>;
}

/// What a sandbox runs containers with in earnest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum With {
    // Docker where an engine answers, or else namespaces.
    Either,
    Docker,
    Namespaces,
}
