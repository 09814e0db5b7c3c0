//! Who may go on when several images want the same thing.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::interrupt::Interrupt;
use crate::time;

/// A thing that so many may do at once; of those who wait, the first in the release's order goes on first.
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    free: usize,
    /// The places of those who wait.
    waiting: Vec<usize>,
}

/// The right to go on, until it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// At least one at a time.
    pub(super) fn new(at_once: usize) -> Self {
        Self { state: Mutex::new(State { free: at_once.max(1), waiting: Vec::new() }), changed: Condvar::new() }
    }

    /// Puts somebody among those who wait who is about to: threads do not start in the order in which they are spawned.
    pub(super) fn expect(&self, place: usize) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(place);
    }

    /// Waits for a turn; `None` where it is to stop before there was one.
    pub(super) fn take(&self, place: usize, stop: &Interrupt) -> Option<Turn<'_>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.waiting.contains(&place) {
            state.waiting.push(place);
        }
        loop {
            let stopped = stop.is_set();
            if stopped || (state.free > 0 && state.waiting.iter().all(|waiting| *waiting >= place)) {
                let own = state.waiting.iter().position(|waiting| *waiting == place);
                state.waiting.swap_remove(own.unwrap_or_default());
                state.free -= usize::from(!stopped);
                time::say(&self.changed);
                return (!stopped).then(|| Turn(self));
            }
            state = time::changed(&self.changed, &self.state, state);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner).free += 1;
        time::say(&self.0.changed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    impl Turns {
        fn wait_for_waiting(&self, count: usize) {
            let mut state = self.state.lock().expect("nobody panics with it");
            while state.waiting.len() < count {
                state = time::changed(&self.changed, &self.state, state);
            }
        }
    }

    #[test]
    fn of_those_who_wait_the_first_in_order_goes_on_first() {
        let (turns, go_on) = (Turns::new(1), Interrupt::default());
        let held = turns.take(7, &go_on).expect("it is free");
        let (say, heard) = channel();
        std::thread::scope(|scope| {
            for place in [2, 0, 1] {
                let (turns, go_on, say) = (&turns, &go_on, say.clone());
                scope.spawn(move || {
                    let turn = turns.take(place, go_on);
                    say.send(place).expect("somebody listens");
                    drop(turn);
                });
            }
            turns.wait_for_waiting(3);
            drop(held);
        });
        drop(say);
        assert_eq!(heard.iter().collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn so_many_go_on_at_once_and_no_more() {
        let (turns, go_on, stop) = (Turns::new(2), Interrupt::default(), Interrupt::default());
        stop.set();
        let held = [turns.take(0, &go_on), turns.take(1, &go_on)];
        assert!(held.iter().all(Option::is_some));
        std::thread::scope(|scope| {
            let third = scope.spawn(|| turns.take(2, &go_on).is_some());
            turns.wait_for_waiting(1);
            assert!(turns.take(3, &stop).is_none(), "who is to stop waits no longer");
            drop(held);
            assert!(third.join().expect("no panic"));
        });
        assert!(turns.take(4, &go_on).is_some());
    }
}
