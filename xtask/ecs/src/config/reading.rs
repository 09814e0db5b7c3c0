//! One reading of a configuration: where from, and what was found so far.

use std::cell::RefCell;

use super::diagnostic::{Diagnostic, Source};
use super::origin::Setting;
use super::workspace::Workspace;

/// What one run of [`super::load`] reads from and what it has found so far.
pub(super) struct Reading<'a> {
    pub(super) source: Source<'a>,
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) diagnostics: RefCell<Vec<Diagnostic>>,
    pub(super) settings: RefCell<Vec<Setting>>,
}

impl Reading<'_> {
    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// An environment variable; one that is empty counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }
}
