//! One stream, many readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Event, Reader};

/// How long readers may take to finish after the last event, all together.
const FINISH: Duration = Duration::from_secs(10);

/// The writing end of the stream, cheap to clone; stages hold one.
#[derive(Clone, Default)]
pub struct Events(Vec<Sender<Event>>);

impl Events {
    /// A stream that nobody reads, for tests and for work whose events nobody wants.
    pub fn discard() -> Self {
        Self::default()
    }

    /// A stream whose events a test receives itself.
    pub fn collect() -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Self(vec![sender]), receiver)
    }

    /// This stream with one more reader, who receives by hand.
    pub fn tee(&self) -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        let mut queues = self.0.clone();
        queues.push(sender);
        (Self(queues), receiver)
    }

    pub fn emit(&self, event: Event) {
        let Some((last, others)) = self.0.split_last() else { return };
        for queue in others {
            // A reader that ended has been reported by its thread already.
            drop(queue.send(event.clone()));
        }
        drop(last.send(event));
    }

    /// `Verb message`, in the look of the terminal.
    pub fn note(&self, verb: &str, message: impl Into<String>) {
        self.emit(Event::Note { verb: verb.to_owned(), message: message.into() });
    }

    pub fn warn(&self, message: impl Into<String>) {
        self.emit(Event::Warning { message: message.into(), place: None });
    }
}

/// The readers at work; [`Stream::finish`] waits for them.
pub struct Stream {
    events: Events,
    readers: Vec<(&'static str, JoinHandle<Option<String>>)>,
}

impl Stream {
    /// Starts a thread for each reader. The first is told of the failures of the others.
    pub fn start(readers: Vec<Box<dyn Reader>>) -> Self {
        let mut events = Events::default();
        let mut threads = Vec::new();
        for mut reader in readers {
            let (sender, receiver) = channel();
            let name = reader.name();
            let first = events.0.first().cloned();
            events.0.push(sender);
            let thread = std::thread::spawn(move || {
                let failure = read_all(reader.as_mut(), &receiver);
                if let (Some(message), Some(first)) = (&failure, first) {
                    drop(first.send(Event::Warning { message: message.clone(), place: None }));
                }
                failure
            });
            threads.push((name, thread));
        }
        Self { events, readers: threads }
    }

    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Waits until every reader has read everything, at most ten seconds; returns what each that failed said.
    pub fn finish(self) -> Vec<String> {
        drop(self.events);
        let deadline = Instant::now() + FINISH;
        let mut failures = Vec::new();
        for (name, thread) in self.readers {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::park_timeout(Duration::from_millis(2));
            }
            if thread.is_finished() {
                failures.extend(thread.join().unwrap_or(None));
            } else {
                failures.push(format!("the {name} reader did not finish within {} s", FINISH.as_secs()));
            }
        }
        failures
    }
}

fn read_all(reader: &mut dyn Reader, queue: &Receiver<Event>) -> Option<String> {
    let name = reader.name();
    for event in queue {
        match catch_unwind(AssertUnwindSafe(|| reader.read(&event))) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Some(format!("the {name} reader stopped: {error:#}")),
            Err(_) => return Some(format!("the {name} reader panicked; it reads no further events")),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    struct Recorder(Arc<Mutex<Vec<String>>>);

    impl Reader for Recorder {
        fn name(&self) -> &'static str {
            "recorder"
        }

        fn read(&mut self, event: &Event) -> anyhow::Result<()> {
            if let Event::Note { message, .. } | Event::Warning { message, .. } = event {
                self.0.lock().expect("no reader panics with the lock").push(message.clone());
            }
            Ok(())
        }
    }

    struct Panics;

    impl Reader for Panics {
        fn name(&self) -> &'static str {
            "panicking"
        }

        fn read(&mut self, _: &Event) -> anyhow::Result<()> {
            panic!("a reader's own bug")
        }
    }

    #[test]
    fn a_reader_that_panics_is_reported_once_and_the_others_read_on() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let stream = Stream::start(vec![Box::new(Recorder(Arc::clone(&heard))), Box::new(Panics)]);
        let events = stream.events();
        events.note("One", "one");
        events.note("Two", "two");
        drop(events);
        let failures = stream.finish();
        assert_eq!(failures.len(), 1, "{failures:?}");
        let heard = heard.lock().expect("not poisoned");
        assert_eq!(heard.iter().filter(|message| message.contains("panicking reader")).count(), 1);
        assert!(heard.contains(&"two".to_owned()));
    }
}
