//! What the threads of this process do, as Linux tells it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Duration;

const TASKS: &str = "/proc/self/task";

/// How soon and how seldom it is looked again.
const SHORTEST: Duration = Duration::from_micros(10);
const LONGEST: Duration = Duration::from_millis(1);

/// So much of what is said of a thread holds its state.
const HEAD: usize = 32;

/// The threads of this process but the one that looks, by their numbers.
pub(super) struct Threads {
    own: u32,
    /// Which say how many there are.
    folder: File,
    known: BTreeMap<u32, Thread>,
    count: u64,
}

struct Thread {
    stat: File,
    schedule: File,
}

/// How often each thread was let run.
type Turns = Vec<(u32, u64)>;

impl Threads {
    /// Fails where Linux tells nothing of them.
    pub(super) fn of_this_process() -> io::Result<Self> {
        Ok(Self { own: own(), folder: File::open(TASKS)?, known: BTreeMap::new(), count: 0 })
    }

    /// Waits until no other thread runs or could run: none of them will do anything until time passes. `waits` says whether
    /// one has begun to wait for that, or does within a time: mostly that is all there is to see, and looking costs more.
    ///
    /// A thread that was woken is not said to sleep, even before it runs. So where all sleep in two looks, and none has run
    /// between them, none was there to wake another.
    pub(super) fn settle(&mut self, over: &dyn Fn() -> bool, waits: &dyn Fn(Duration) -> bool) {
        let mut patience = LONGEST;
        while !over() {
            patience = if waits(patience) { SHORTEST } else { LONGEST.min(patience * 2) };
            let before = self.asleep();
            if before.is_some() && before == self.asleep() {
                return;
            }
        }
    }

    /// None where one of them does not sleep, or has ended.
    fn asleep(&mut self) -> Option<Turns> {
        // A folder has two links, and one more for each folder in it. Who has ended is still known, and found to be gone.
        let count = self.folder.metadata().ok()?.nlink();
        if count != self.count {
            self.list();
            self.count = count;
        }
        let mut turns = Turns::new();
        for (number, thread) in &self.known {
            let Some(count) = thread.asleep() else {
                if thread.has_ended() {
                    self.count = 0;
                }
                return None;
            };
            turns.push((*number, count));
        }
        Some(turns)
    }

    /// Whether each waits for something, where Linux says what for (`wchan`): one that was kept from its core in the midst of
    /// going to sleep looks as if it slept, and waits for nothing.
    pub(super) fn wait(&self) -> bool {
        let waits = |number: &u32| fs::read_to_string(format!("{TASKS}/{number}/wchan")).is_ok_and(|what| what != "0");
        self.known.keys().all(waits)
    }

    fn list(&mut self) {
        let listed = fs::read_dir(TASKS).into_iter().flatten().flatten();
        let numbers = listed.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut known = std::mem::take(&mut self.known);
        let numbers = numbers.filter(|number| *number != self.own);
        let threads =
            numbers.filter_map(|number| Some((number, known.remove(&number).or_else(|| Thread::open(number))?)));
        self.known = threads.collect();
    }
}

impl Thread {
    fn open(number: u32) -> Option<Self> {
        let open = |name| File::open(format!("{TASKS}/{number}/{name}")).ok();
        Some(Self { stat: open("stat")?, schedule: open("schedstat")? })
    }

    /// How often it was let run; None where it does not sleep.
    fn asleep(&self) -> Option<u64> {
        let mut bytes = [0; 64];
        let count = self.schedule.read_at(&mut bytes, 0).ok()?;
        let turns = str::from_utf8(&bytes[..count]).ok()?.split_ascii_whitespace().nth(2)?.parse().ok()?;
        // A number of 7 digits at most, and a name of 15 bytes in parentheses, which may hold anything; then the state.
        let count = self.stat.read_at(&mut bytes[..HEAD], 0).ok()?;
        let end = bytes[..count].iter().rposition(|byte| *byte == b')')?;
        matches!(bytes.get(end + 2), Some(b'S' | b'Z' | b'X')).then_some(turns)
    }

    fn has_ended(&self) -> bool {
        self.schedule.read_at(&mut [0; 1], 0).is_err()
    }
}

/// The number of the thread that asks.
fn own() -> u32 {
    let path = fs::read_link("/proc/thread-self").unwrap_or_default();
    path.file_name().and_then(|name| name.to_str()?.parse().ok()).unwrap_or_default()
}

/// Whether this machine tells of its threads.
pub(super) fn are_told_of() -> bool {
    File::open("/proc/thread-self/schedstat").is_ok()
}
