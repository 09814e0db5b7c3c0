//! Which of several services may begin, by what became of those before: pure, beside the threads that deploy them.

use crate::config::OnFailure;
use crate::gather::Gather;

/// How one service ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// What comes after it may begin.
    Well,
    /// Nothing went wrong, and yet what was wanted does not run (yet).
    Open,
    Failed,
}

/// Where one service stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waits,
    Runs,
    Ended(End),
}

/// The services of one deploy, by their places in its plan.
#[derive(Debug)]
pub(super) struct Group {
    /// The places that each comes after.
    after: Vec<Vec<usize>>,
    states: Vec<State>,
    on_failure: OnFailure,
}

impl Group {
    /// What a service comes after and is no part of this deploy is not waited for.
    pub(super) fn new(services: &[(&str, &[String])], on_failure: OnFailure) -> Self {
        let place = |name: &String| services.iter().position(|(known, _)| known == name);
        let after = services.iter().map(|(_, after)| after.iter().filter_map(place).gather()).gather();
        Self { after, states: vec![State::Waits; services.len()], on_failure }
    }

    /// Some of them, in the opposite order.
    pub(super) fn back(&self, members: &[usize]) -> Self {
        let mut after = vec![Vec::new(); self.after.len()];
        for member in members {
            for before in self.after[*member].iter().filter(|before| members.contains(before)) {
                after[*before].push(*member);
            }
        }
        let states = (0..self.after.len())
            .map(|place| if members.contains(&place) { State::Waits } else { State::Ended(End::Well) });
        Self { after, states: states.gather(), on_failure: OnFailure::Continue }
    }

    /// The services that are to begin now.
    pub(super) fn begin(&mut self) -> Vec<usize> {
        let stopped = self.on_failure != OnFailure::Continue && self.states.contains(&State::Ended(End::Failed));
        let ready = |place: &usize| {
            self.states[*place] == State::Waits
                && self.after[*place].iter().all(|it| self.states[*it] == State::Ended(End::Well))
        };
        let ready: Vec<usize> = (0..self.states.len()).filter(ready).filter(|_| !stopped).gather();
        for place in &ready {
            self.states[*place] = State::Runs;
        }
        ready
    }

    pub(super) fn ended(&mut self, place: usize, end: End) {
        self.states[place] = State::Ended(end);
    }

    pub(super) fn runs(&self) -> bool {
        self.states.contains(&State::Runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Deploys a migrator, then api and worker, then web after both; what began together, until nothing more does.
    fn rounds(on_failure: OnFailure, fails: &str) -> Vec<Vec<&'static str>> {
        let names = ["api", "cron", "migrator", "web", "worker"];
        let migrator = ["migrator".to_owned()];
        let both = ["api".to_owned(), "worker".to_owned(), "left-out".to_owned()];
        let services: [(&str, &[String]); 5] =
            [("api", &migrator), ("cron", &[]), ("migrator", &[]), ("web", &both), ("worker", &migrator)];
        let mut group = Group::new(&services, on_failure);
        let mut rounds = Vec::new();
        loop {
            let begun = group.begin();
            if begun.is_empty() {
                return rounds;
            }
            rounds.push(begun.iter().map(|place| names[*place]).collect());
            for place in begun {
                group.ended(place, if names[place] == fails { End::Failed } else { End::Well });
            }
        }
    }

    #[test]
    fn what_is_not_ordered_begins_at_once_and_the_rest_after_what_it_names() {
        let all = rounds(OnFailure::Stop, "");
        assert_eq!(all, [vec!["cron", "migrator"], vec!["api", "worker"], vec!["web"]]);
    }

    #[test]
    fn after_a_failure_nothing_else_begins() {
        for on_failure in [OnFailure::Stop, OnFailure::RollBackAll] {
            assert_eq!(rounds(on_failure, "cron"), [["cron", "migrator"]]);
        }
    }

    #[test]
    fn to_continue_leaves_out_what_comes_after_the_one_that_failed() {
        assert_eq!(rounds(OnFailure::Continue, "cron").len(), 3);
        assert_eq!(rounds(OnFailure::Continue, "api"), [vec!["cron", "migrator"], vec!["api", "worker"]]);
        assert_eq!(rounds(OnFailure::Continue, "migrator"), [["cron", "migrator"]]);
    }

    #[test]
    fn the_way_back_is_the_opposite_order_of_those_that_take_it() {
        let (migrator, api) = (["migrator".to_owned()], ["api".to_owned()]);
        let services: [(&str, &[String]); 4] = [("api", &migrator), ("cron", &[]), ("migrator", &[]), ("web", &api)];
        let group = Group::new(&services, OnFailure::RollBackAll);
        let mut back = group.back(&[0, 1, 2]);
        assert_eq!(back.begin(), [0, 1]);
        back.ended(0, End::Well);
        assert_eq!(back.begin(), [2]);
    }
}
