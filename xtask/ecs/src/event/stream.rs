//! One stream, many readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{Event, Reader, Step};
use crate::beside::apart;
use crate::time;

/// How long readers may take to finish after the last event, all together.
const FINISH: Duration = Duration::from_secs(10);
/// How long the first may take to print what is left, where the others took all the time.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How many lines of builders and tasks may wait for a reader. A builder writes faster than a terminal is drawn.
const LINES: usize = 1_000;
/// How long a further line waits for one that has so many; what hangs is not waited for again.
const PATIENCE: Duration = Duration::from_secs(1);

/// The writing end of the stream, cheap to clone; stages hold one.
#[derive(Clone, Default)]
pub struct Events(Vec<Queue>);

/// The way to one reader.
#[derive(Clone)]
struct Queue {
    sender: Sender<Event>,
    /// Gone where nobody reads, or by hand.
    lines: Weak<Lines>,
}

/// The lines of builders and tasks that a reader has not read.
#[derive(Default)]
struct Lines {
    waiting: AtomicUsize,
    hangs: AtomicBool,
}

impl Queue {
    fn by_hand(sender: Sender<Event>) -> Self {
        Self { sender, lines: Weak::new() }
    }

    fn send(&self, event: Event) {
        if let (true, Some(lines)) = (is_line(&event), self.lines.upgrade()) {
            lines.make_room();
        }
        // A reader that ended has been reported by its thread already.
        drop(self.sender.send(event));
    }
}

/// Whether somebody else's program wrote it, who may write faster than is read.
fn is_line(event: &Event) -> bool {
    matches!(event, Event::BuildOutput { .. } | Event::TaskOutput { .. })
}

impl Lines {
    fn make_room(&self) {
        let began = Instant::now();
        while self.waiting.load(Ordering::Relaxed) >= LINES && !self.hangs.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
            self.hangs.fetch_or(began.elapsed() >= PATIENCE, Ordering::Relaxed);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    fn read(&self) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        self.hangs.store(false, Ordering::Relaxed);
    }
}

impl Events {
    /// A stream that nobody reads, for tests and for work whose events nobody wants.
    pub fn discard() -> Self {
        Self::default()
    }

    /// A stream whose events a test receives itself.
    pub fn collect() -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        (Self(vec![Queue::by_hand(sender)]), receiver)
    }

    /// This stream with one more reader, who receives by hand.
    pub fn tee(&self) -> (Self, Receiver<Event>) {
        let (sender, receiver) = channel();
        let mut queues = self.0.clone();
        queues.push(Queue::by_hand(sender));
        (Self(queues), receiver)
    }

    /// Hands it to every reader, without waiting for one; but a line of a builder or a task waits, for a while, where very many do.
    pub fn emit(&self, event: Event) {
        let Some((last, others)) = self.0.split_last() else { return };
        for queue in others {
            queue.send(event.clone());
        }
        last.send(event);
    }

    /// Does a step's work between the events that tell of it; the end is told of a failure, too.
    pub fn step<T>(&self, step: Step, subject: &str, work: impl FnOnce() -> T) -> T {
        let subject = subject.to_owned();
        self.emit(Event::StepStarted { step, subject: subject.clone() });
        let started = time::instant();
        let result = work();
        self.emit(Event::StepFinished { step, subject, seconds: time::since(started).as_secs_f64() });
        result
    }

    /// `Verb message`, in the look of the terminal.
    pub fn note(&self, verb: &str, message: impl Into<String>) {
        self.emit(Event::Note { verb: verb.to_owned(), message: message.into() });
    }

    /// A warning that points at no file.
    pub fn warn(&self, message: impl Into<String>) {
        self.emit(Event::Warning { message: message.into(), place: None });
    }
}

/// The readers at work; [`Stream::finish`] waits for them.
pub struct Stream {
    events: Events,
    readers: Vec<(&'static str, JoinHandle<()>)>,
    /// The way to the first reader, by which the others' failures are told. The others hold it weakly: one that
    /// hangs must not keep the first from its end.
    first: Option<Arc<Sender<Event>>>,
}

impl Stream {
    /// Starts a thread for each reader. The first is told of the failures of the others.
    pub fn start(readers: Vec<Box<dyn Reader>>) -> Self {
        let mut stream = Self { events: Events::default(), readers: Vec::new(), first: None };
        for mut reader in readers {
            let (sender, receiver) = channel();
            let name = reader.name();
            let first = stream.first.as_ref().map(Arc::downgrade);
            stream.first.get_or_insert_with(|| Arc::new(sender.clone()));
            let lines = Arc::new(Lines::default());
            stream.events.0.push(Queue { sender, lines: Arc::downgrade(&lines) });
            let thread = apart(move || {
                let failure = read_all(reader.as_mut(), &receiver, &lines);
                drop(lines);
                let Some(failure) = failure else { return };
                if let Some(first) = first.and_then(|first| first.upgrade()) {
                    drop(first.send(Event::Warning { message: failure, place: None }));
                }
            });
            stream.readers.push((name, thread));
        }
        stream
    }

    /// A writing end. The readers end when every one of them is dropped.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Waits until every reader has read everything, at most ten seconds; the first is told of those that have not.
    pub fn finish(self) {
        self.finish_within(FINISH);
    }

    fn finish_within(self, patience: Duration) {
        drop(self.events);
        let mut readers = self.readers.into_iter();
        let first = readers.next();
        let deadline = Instant::now() + patience;
        for (name, thread) in readers {
            if !ends_by(deadline, &thread)
                && let Some(first) = &self.first
            {
                let message = format!("the {name} reader did not finish within {} s", patience.as_secs());
                drop(first.send(Event::Warning { message, place: None }));
            }
        }
        drop(self.first);
        if let Some((_, thread)) = first {
            ends_by(deadline.max(Instant::now() + LAST_LINES), &thread);
        }
    }
}

fn ends_by(deadline: Instant, thread: &JoinHandle<()>) -> bool {
    while !thread.is_finished() && Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    thread.is_finished()
}

fn read_all(reader: &mut dyn Reader, queue: &Receiver<Event>, lines: &Lines) -> Option<String> {
    let name = reader.name();
    for event in queue {
        if is_line(&event) {
            lines.read();
        }
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
    use std::sync::Mutex;

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
        stream.finish();
        let heard = heard.lock().expect("not poisoned");
        assert_eq!(heard.iter().filter(|message| message.contains("panicking reader")).count(), 1);
        assert!(heard.contains(&"two".to_owned()));
    }

    /// Counts, and is slow.
    struct Slow(Arc<Mutex<usize>>);

    impl Reader for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn read(&mut self, event: &Event) -> anyhow::Result<()> {
            if let Event::BuildOutput { line, .. } | Event::TaskOutput { line, .. } = event {
                *self.0.lock().expect("no reader panics with the lock") += 1;
                // Longer than it takes to emit a line.
                std::hint::black_box(line.repeat(500));
            }
            Ok(())
        }
    }

    #[test]
    fn a_task_that_writes_more_than_is_read_waits_and_what_is_said_of_a_rollout_meanwhile_does_not() {
        let (_kept, never) = channel();
        let stream = Stream::start(vec![Box::new(Hangs(never))]);
        let events = stream.events();
        let unread = || events.0[0].lines.upgrade().expect("it reads").waiting.load(Ordering::Relaxed);
        let task = {
            let events = stream.events();
            std::thread::spawn(move || {
                for _ in 0..LINES + 2 {
                    events.emit(Event::TaskOutput { task: "migrate".to_owned(), line: "x".repeat(80) });
                }
            })
        };
        while unread() < LINES {
            std::thread::yield_now();
        }
        let began = Instant::now();
        events.note("Waiting", "for the rollout to end");
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        task.join().expect("it does not panic");
        drop(events);
        stream.finish_within(Duration::from_millis(20));
    }

    fn says(events: &Events, lines: usize) {
        for _ in 0..lines {
            events.emit(Event::BuildOutput { image: "app".to_owned(), line: "x".repeat(80) });
        }
    }

    #[test]
    fn a_builder_that_says_more_than_is_read_waits_and_each_line_of_it_is_read() {
        let read = Arc::new(Mutex::new(0));
        let stream = Stream::start(vec![Box::new(Slow(Arc::clone(&read)))]);
        let events = stream.events();
        let unread = || events.0[0].lines.upgrade().expect("it reads").waiting.load(Ordering::Relaxed);
        let mut most = 0;
        for _ in 0..100 {
            says(&events, 100);
            most = most.max(unread());
        }
        assert!((1..=LINES).contains(&most), "{most}");
        drop(events);
        stream.finish();
        assert_eq!(*read.lock().expect("not poisoned"), 10_000);
    }

    #[test]
    fn a_builder_waits_for_a_reader_that_hangs_once_and_for_one_that_has_ended_not_at_all() {
        let (_kept, never) = channel();
        let stream = Stream::start(vec![Box::new(Hangs(never)), Box::new(Panics)]);
        let events = stream.events();
        let began = Instant::now();
        says(&events, 3 * LINES);
        assert!(began.elapsed() < PATIENCE * 2, "{:?}", began.elapsed());
        drop(events);
        stream.finish_within(Duration::from_millis(20));
    }

    struct Hangs(Receiver<()>);

    impl Reader for Hangs {
        fn name(&self) -> &'static str {
            "hanging"
        }

        fn read(&mut self, _: &Event) -> anyhow::Result<()> {
            Ok(self.0.recv()?)
        }
    }

    #[test]
    fn a_reader_that_hangs_is_reported_and_the_first_still_comes_to_its_end() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (_kept, never) = channel();
        let stream = Stream::start(vec![Box::new(Recorder(Arc::clone(&heard))), Box::new(Hangs(never))]);
        stream.events().note("One", "one");
        stream.finish_within(Duration::from_millis(20));
        // The first has let go of what it held: it is at its end.
        assert_eq!(Arc::strong_count(&heard), 1);
        let heard = heard.lock().expect("not poisoned");
        assert_eq!(heard.last().map(String::as_str), Some("the hanging reader did not finish within 0 s"));
    }
}
