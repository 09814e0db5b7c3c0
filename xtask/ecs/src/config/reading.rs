//! One reading of a configuration: where from, and what was found so far.

use std::cell::RefCell;

use super::diagnostic::Source;
use super::lookups::Looked;
use super::origin::Setting;
use super::workspace::Workspace;
use crate::failure::Fault;

/// What one run of [`super::load`] reads from and what it has found so far.
pub(super) struct Reading<'a> {
    pub(super) source: Source<'a>,
    pub(super) workspace: &'a Workspace<'a>,
    pub(super) environment: &'a dyn Fn(&str) -> Option<String>,
    pub(super) faults: RefCell<Vec<Fault>>,
    pub(super) settings: RefCell<Vec<Setting>>,
    pub(super) looked: RefCell<Vec<Looked>>,
    /// Lookups that failed for no fault of the configuration's.
    pub(super) unanswered: RefCell<Vec<Fault>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(workspace: &'a Workspace<'a>, environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        let source = workspace.source;
        Self {
            source,
            workspace,
            environment,
            faults: RefCell::default(),
            settings: RefCell::default(),
            looked: RefCell::default(),
            unanswered: RefCell::default(),
        }
    }

    pub(super) fn report(&self, fault: Fault) {
        self.faults.borrow_mut().push(fault);
    }

    /// An environment variable; one that is empty counts as unset.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.trim().is_empty())
    }
}
