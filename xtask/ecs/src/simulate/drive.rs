//! Virtual time: the clock is turned to the next thing that is due as soon as nobody does anything any more.

use std::time::Duration;

use super::threads::Threads;
use crate::time::turned::Turned;

/// What time brings while a command runs.
pub(super) struct Due<'a> {
    /// When, since the clock was stopped.
    pub at: Duration,
    pub what: Box<dyn FnOnce() + 'a>,
}

/// Why a command did not come to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stuck {
    /// It waits for nothing that could come.
    Forever,
    TooLong,
}

/// How often it is looked again, over two seconds, before nothing is said to come.
const DOUBTS: u32 = 40;

/// Turns the clock until it is over, at most as far as `until`. `passes` is told how far it is turned each time,
/// before whoever waits for that moment wakes.
pub(super) fn turn(
    clock: &Turned,
    over: &dyn Fn() -> bool,
    mut dues: Vec<Due<'_>>,
    until: Duration,
    passes: &dyn Fn(Duration),
) -> Result<(), Stuck> {
    let mut threads = Threads::of_this_process().expect("who began this has looked for them");
    let mut doubts = 0;
    dues.sort_by_key(|due| std::cmp::Reverse(due.at));
    loop {
        threads.settle(over, &|at_most| clock.watch(at_most));
        if over() {
            return Ok(());
        }
        let due = dues.last().map(|due| due.at);
        let Some(next) = clock.next().into_iter().chain(due).min() else {
            doubts += 1;
            if doubts >= DOUBTS && threads.wait() || doubts == 30 * DOUBTS {
                return Err(Stuck::Forever);
            }
            clock.watch(Duration::from_millis(50));
            continue;
        };
        doubts = 0;
        if next > until {
            return Err(Stuck::TooLong);
        }
        let now = clock.passed();
        passes(next.saturating_sub(now));
        match dues.pop_if(|due| due.at <= next) {
            Some(due) => {
                clock.turn_to(next);
                (due.what)();
                clock.wake_all();
            }
            None => clock.turn(next),
        }
    }
}
