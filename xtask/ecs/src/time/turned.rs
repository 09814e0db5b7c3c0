//! A clock that is turned by hand, for a whole process: who waits on it waits for nobody's real time.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

static CLOCK: OnceLock<Turned> = OnceLock::new();

/// The clock of this process, where it has one that is turned.
pub(crate) fn clock() -> Option<&'static Turned> {
    CLOCK.get()
}

/// Has this process go by a clock that stands still until it is turned, from now on and for ever.
pub(crate) fn stop_time() -> &'static Turned {
    CLOCK.get_or_init(|| Turned { began: Instant::now(), state: Mutex::default(), waits: Condvar::new() })
}

pub(crate) struct Turned {
    began: Instant,
    state: Mutex<State>,
    /// Somebody has begun to wait.
    waits: Condvar,
}

#[derive(Default)]
struct State {
    /// Since the clock was stopped; it never goes back.
    passed: Duration,
    /// What the calendar of this machine says at `passed` zero.
    epoch: Duration,
    order: u64,
    sleepers: BTreeMap<Place, Waker>,
    /// Somebody has begun to wait since that was asked.
    new: bool,
    chance: u64,
}

/// When one wakes, and of several at one moment which first.
type Place = (Duration, u64);

impl Turned {
    pub(crate) fn instant(&self) -> Instant {
        self.began + self.state().passed
    }

    /// What this machine takes for the time since the Unix epoch.
    pub(crate) fn since_epoch(&self) -> Duration {
        let state = self.state();
        state.epoch + state.passed
    }

    /// Begins a new life: the calendar says this now, and chance follows from the seed.
    pub(crate) fn begin(&self, calendar: Duration, seed: u64) {
        let mut state = self.state();
        (state.epoch, state.chance) = (calendar.saturating_sub(state.passed), seed);
    }

    /// A number from 0 to 1: SplitMix64.
    pub(crate) fn chance(&self) -> f64 {
        let mut state = self.state();
        state.chance = state.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or_default()) / f64::from(u32::MAX)
    }

    /// Waits so long, or until somebody wakes all.
    pub(crate) fn doze(&self, duration: Duration) {
        self.doze_without(duration, ());
    }

    /// The same, and lets go of what is held only when whoever wakes all wakes this one, too.
    pub(crate) fn doze_without<T>(&self, duration: Duration, held: T) {
        let own = Arc::new(Unpark { thread: std::thread::current(), woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&own));
        let mut nap = pin!(self.nap(duration));
        if nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            drop(held);
            // A thread may have been let go on before it stops.
            while !own.woken.load(Ordering::SeqCst) {
                std::thread::park();
            }
        }
    }

    pub(crate) fn nap(&self, duration: Duration) -> Nap<'_> {
        Nap { clock: self, until: self.state().passed.saturating_add(duration), place: None }
    }

    /// When the next of those who wait is to wake, since the clock was stopped.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.state().sleepers.first_key_value().map(|((until, _), _)| *until)
    }

    /// Whether somebody has begun to wait since this was asked last, or does within so long of real time.
    pub(crate) fn watch(&self, at_most: Duration) -> bool {
        let waited = self.waits.wait_timeout_while(self.state(), at_most, |state| !state.new);
        std::mem::take(&mut waited.unwrap_or_else(PoisonError::into_inner).0.new)
    }

    pub(crate) fn passed(&self) -> Duration {
        self.state().passed
    }

    /// Turns the clock to this moment and wakes nobody.
    pub(crate) fn turn_to(&self, to: Duration) {
        let mut state = self.state();
        state.passed = state.passed.max(to);
    }

    /// Turns the clock to this moment and wakes the first of those who wait for it.
    pub(crate) fn turn(&self, to: Duration) {
        let mut state = self.state();
        state.passed = state.passed.max(to);
        let due = state.sleepers.first_entry().filter(|first| first.key().0 <= to);
        let waker = due.map(std::collections::btree_map::OccupiedEntry::remove);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has everybody who waits look again at what they wait for.
    pub(crate) fn wake_all(&self) {
        let sleepers = std::mem::take(&mut self.state().sleepers);
        sleepers.into_values().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A wait that ends when the clock says so.
pub(crate) struct Nap<'a> {
    clock: &'a Turned,
    until: Duration,
    place: Option<Place>,
}

impl Future for Nap<'_> {
    type Output = ();

    fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.state();
        if state.passed >= self.until {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or((self.until, state.order));
        state.order += 1;
        state.sleepers.insert(place, context.waker().clone());
        state.new = true;
        drop(state);
        self.clock.waits.notify_all();
        self.place = Some(place);
        Poll::Pending
    }
}

impl Drop for Nap<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.clock.state().sleepers.remove(&place);
        }
    }
}

struct Unpark {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}
