//! The table of causes. The first row that fits wins, so within a stage the order is: what is said of the answer itself
//! (a rate, a full disk, a wrong platform), what is not there, what was not allowed, the way to it; a row for one step
//! stands before the row for any step. What no row knows is quoted whole and said to be unknown.
//!
//! A new text goes into `texts.tsv` with its source; a new cause is a new row here.

mod initialising;
mod placing;
mod pulling;
pub(super) mod running;
mod secrets;
mod starting;

use super::rule::{Decisive, Fault, Look, Rule, Stage};

/// Every row, in order.
pub(super) fn rules() -> impl Iterator<Item = &'static Rule> {
    [pulling::RULES, starting::RULES, secrets::RULES, initialising::RULES, running::RULES, placing::RULES]
        .into_iter()
        .flatten()
}

/// What rows leave out.
const ROW: Rule = Rule {
    name: "",
    at: &[],
    doing: &[],
    signs: &[],
    whose: &[],
    fault: Fault::Unknown,
    sentence: "",
    fix: "",
    look: Look::Tasks,
    source: "",
    decisive: Decisive::No(""),
};

const PULL: Rule = Rule { at: &[Stage::Pulling], ..ROW };
const START: Rule = Rule { at: &[Stage::Creating, Stage::Starting, Stage::Initialising], ..ROW };
const INIT: Rule = Rule { at: &[Stage::Initialising, Stage::Starting, Stage::Creating], ..ROW };
const RUN: Rule =
    Rule { at: &[Stage::Running, Stage::Placing, Stage::Starting, Stage::Creating], look: Look::Log, ..ROW };
const PLACE: Rule = Rule { at: &[Stage::Placing], look: Look::Service, ..ROW };
