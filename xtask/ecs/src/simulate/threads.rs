//! What the threads of this process do, as Linux tells it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

const TASKS: &str = "/proc/self/task";

/// The threads of this process but the one that looks, by their numbers.
#[derive(Default)]
pub(super) struct Threads(BTreeMap<u32, Thread>);

struct Thread {
    stat: File,
    schedule: File,
}

/// How often a thread was let run, and whether it sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Seen {
    number: u32,
    turns: u64,
    sleeps: bool,
}

impl Threads {
    /// Waits until no other thread runs or could run: none of them will do anything until time passes.
    ///
    /// A thread that was woken is not said to sleep, even before it runs. So where all sleep in two looks, and none has run
    /// between them, none was there to wake another.
    pub(super) fn settle(&mut self, over: &dyn Fn() -> bool) {
        let own = own();
        let (mut before, mut rounds) = (Vec::new(), 0_u32);
        while !over() {
            let now = self.look(own);
            if now.iter().all(|thread| thread.sleeps) {
                if now == before {
                    return;
                }
                before = now;
                continue;
            }
            before.clear();
            rounds += 1;
            if rounds > 10 { std::thread::sleep(Duration::from_micros(30)) } else { std::thread::yield_now() }
        }
    }

    fn look(&mut self, own: u32) -> Vec<Seen> {
        let listed = fs::read_dir(TASKS).into_iter().flatten().flatten();
        let numbers: Vec<u32> = listed
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|number| *number != own)
            .collect();
        self.0.retain(|number, _| numbers.contains(number));
        numbers.into_iter().filter_map(|number| self.seen(number)).collect()
    }

    /// None for one that has ended.
    fn seen(&mut self, number: u32) -> Option<Seen> {
        if let Some(seen) = self.0.get(&number).and_then(|thread| thread.seen(number)) {
            return Some(seen);
        }
        // Another one may have been given the number of one that ended.
        self.0.remove(&number);
        let thread = Thread {
            stat: File::open(format!("{TASKS}/{number}/stat")).ok()?,
            schedule: File::open(format!("{TASKS}/{number}/schedstat")).ok()?,
        };
        let seen = thread.seen(number);
        self.0.insert(number, thread);
        seen
    }
}

impl Thread {
    fn seen(&self, number: u32) -> Option<Seen> {
        let mut bytes = [0; 512];
        let mut read = |file: &File| {
            let count = file.read_at(&mut bytes, 0).ok()?;
            Some(String::from_utf8_lossy(&bytes[..count]).into_owned())
        };
        let turns = read(&self.schedule)?.split_whitespace().nth(2)?.parse().ok()?;
        // The state stands after the name in parentheses, which may hold anything.
        let stat = read(&self.stat)?;
        let state = stat.rsplit_once(") ")?.1.chars().next()?;
        Some(Seen { number, turns, sleeps: matches!(state, 'S' | 'Z' | 'X') })
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
