//! Questions that come at about the same time, asked together.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::aws::AwsError;
use crate::gather::Gather;
use crate::interrupt::Interrupt;

/// How often the first waits for others who still come.
const MOMENTS: u32 = 6;

/// What is asked for: one name of a group, and only those of one group can be asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The cluster; empty for what has none.
    pub group: String,
    pub name: String,
}

/// Those who wait for one kind of answer. The first of them waits a moment for others and asks for all.
pub(super) struct Line<V> {
    waiting: Mutex<Waiting<V>>,
    changed: Condvar,
    /// How many names one call takes.
    most: usize,
}

struct Waiting<V> {
    tickets: u64,
    queue: Vec<(u64, Asked)>,
    answers: HashMap<u64, Result<V, AwsError>>,
    /// Somebody waits for others to come.
    gathers: bool,
}

impl<V: Clone> Line<V> {
    pub(super) fn new(most: usize) -> Self {
        let waiting = Waiting { tickets: 0, queue: Vec::new(), answers: HashMap::new(), gathers: false };
        Self { waiting: Mutex::new(waiting), changed: Condvar::new(), most }
    }

    /// Waits for the answer to this one. `call` is given a group and names of it, and answers in their order.
    pub(super) fn ask(
        &self,
        asked: Asked,
        moment: Duration,
        call: impl Fn(&str, &[String]) -> Result<Vec<V>, AwsError>,
    ) -> Result<V, AwsError> {
        let mut waiting = self.lock();
        waiting.tickets += 1;
        let ticket = waiting.tickets;
        waiting.queue.push((ticket, asked));
        loop {
            if let Some(answer) = waiting.answers.remove(&ticket) {
                return answer;
            }
            if waiting.gathers || !waiting.queue.iter().any(|(queued, _)| *queued == ticket) {
                waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            waiting.gathers = true;
            waiting = self.gather(waiting, moment);
            let batch = waiting.take(self.most);
            waiting.gathers = false;
            self.changed.notify_all();
            drop(waiting);
            let called = catch_unwind(AssertUnwindSafe(|| call(&batch[0].1.group, &names(&batch))));
            let (called, panicked) = match called {
                Ok(called) => (called, None),
                // The others would wait for ever.
                Err(panic) => (Err(unanswered(&batch)), Some(panic)),
            };
            waiting = self.lock();
            waiting.answers.extend(answer(&batch, called));
            self.changed.notify_all();
            if let Some(panic) = panicked {
                drop(waiting);
                resume_unwind(panic);
            }
        }
    }

    /// Waits as long as others come, each moment at least one, until one call is full; at most a few moments.
    fn gather<'a>(&'a self, mut waiting: MutexGuard<'a, Waiting<V>>, moment: Duration) -> MutexGuard<'a, Waiting<V>> {
        let mut before = 0;
        for _ in 0..MOMENTS {
            let now = waiting.queue.len();
            if moment.is_zero() || now >= self.most || now == before {
                break;
            }
            before = now;
            drop(waiting);
            Interrupt::default().wait(moment);
            waiting = self.lock();
        }
        waiting
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<V>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Waiting<V> {
    /// The oldest, and as many others of its group as one call takes.
    fn take(&mut self, most: usize) -> Vec<(u64, Asked)> {
        let group = self.queue[0].1.group.clone();
        let mut left = most;
        self.queue
            .extract_if(.., |(_, asked)| {
                let taken = left > 0 && asked.group == group;
                left -= usize::from(taken);
                taken
            })
            .gather()
    }
}

fn unanswered(batch: &[(u64, Asked)]) -> AwsError {
    let message = "whoever asked for all of them at once panicked, which is a bug";
    AwsError::answered("a look at the rollouts", names(batch).join(", "), "panic", message)
}

fn names(batch: &[(u64, Asked)]) -> Vec<String> {
    batch.iter().map(|(_, asked)| asked.name.clone()).gather()
}

fn answer<V>(batch: &[(u64, Asked)], answers: Result<Vec<V>, AwsError>) -> Vec<(u64, Result<V, AwsError>)> {
    let tickets = batch.iter().map(|(ticket, _)| *ticket);
    match answers {
        Ok(answers) => tickets.zip(answers.into_iter().map(Ok)).gather(),
        Err(error) => tickets.map(|ticket| (ticket, Err(error.clone()))).gather(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn asked(group: &str, name: usize) -> Asked {
        Asked { group: group.to_owned(), name: name.to_string() }
    }

    #[test]
    fn fifty_that_ask_at_once_are_answered_by_five_calls_each_with_its_own() {
        let (line, calls, start) = (Line::new(10), AtomicUsize::new(0), Barrier::new(50));
        std::thread::scope(|scope| {
            for place in 0..50 {
                let (line, calls, start) = (&line, &calls, &start);
                scope.spawn(move || {
                    start.wait();
                    let answer = line.ask(asked("one", place), Duration::from_millis(200), |group, names| {
                        calls.fetch_add(1, Ordering::SeqCst);
                        Ok(names.iter().map(|name| format!("{group} {name}")).collect())
                    });
                    assert_eq!(answer.ok(), Some(format!("one {place}")));
                });
            }
        });
        assert_eq!(calls.into_inner(), 5);
    }

    #[test]
    fn names_of_different_clusters_are_never_asked_for_together() {
        let (line, start) = (Line::new(10), Barrier::new(8));
        std::thread::scope(|scope| {
            for place in 0..8 {
                let (line, start) = (&line, &start);
                scope.spawn(move || {
                    start.wait();
                    let group = if place % 2 == 0 { "even" } else { "odd" };
                    let answer = line.ask(asked(group, place), Duration::from_millis(50), |group, names| {
                        let even = |name: &String| name.parse::<usize>().is_ok_and(|name| name % 2 == 0);
                        assert!(names.iter().all(|name| even(name) == (group == "even")), "{group} {names:?}");
                        Ok(vec![(); names.len()])
                    });
                    assert!(answer.is_ok());
                });
            }
        });
    }

    #[test]
    fn one_who_panics_while_asking_for_all_leaves_nobody_waiting() {
        let (line, start) = (Line::<()>::new(10), Barrier::new(8));
        let ended: Vec<bool> = std::thread::scope(|scope| {
            let ask = |place| {
                let (line, start) = (&line, &start);
                scope.spawn(move || {
                    start.wait();
                    line.ask(asked("one", place), Duration::from_millis(200), |_, _| panic!("a bug")).is_err()
                })
            };
            let threads: Vec<_> = (0..8).map(ask).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or(true)).collect()
        });
        assert_eq!(ended, [true; 8]);
    }

    #[test]
    fn an_error_is_told_to_everyone_who_asked() {
        let line: Line<()> = Line::new(10);
        let error = AwsError {
            call: "ecs:DescribeServices",
            subject: "all of them".to_owned(),
            kind: crate::aws::Kind::Throttled,
            code: String::new(),
            message: String::new(),
            fix: String::new(),
        };
        for place in 0..3 {
            let answer = line.ask(asked("one", place), Duration::ZERO, |_, _| Err(error.clone()));
            assert!(answer.is_err_and(|told| told.subject == error.subject));
        }
    }
}
