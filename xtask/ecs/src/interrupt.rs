//! Ctrl-C and SIGTERM, as a flag that every wait looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::beside::apart;
use crate::time;
use signal_hook::consts::{SIGINT, SIGTERM};

/// How often a child that waits looks at its parent.
const LOOK: Duration = Duration::from_millis(50);

/// Whether the user (or GitHub's cancel) asked this process to stop. Clones share one flag.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
    parent: Option<Interrupt>,
    set: AtomicBool,
    sleepers: Mutex<()>,
    wake: Condvar,
}

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on. The first sets the flag; a second ends the process at once,
    /// as if nobody listened.
    pub fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let flag = interrupt.clone();
        apart(move || {
            for signal in signals.forever() {
                if flag.is_set() {
                    // Ends the process; it returns only for signals whose default is to do nothing.
                    drop(signal_hook::low_level::emulate_default_handler(signal));
                }
                flag.set();
            }
        });
        Ok(interrupt)
    }

    /// A flag that can be set by itself, and counts as set when this one is.
    #[must_use]
    pub fn child(&self) -> Self {
        Self(Arc::new(Shared { parent: Some(self.clone()), ..Shared::default() }))
    }

    /// As Ctrl-C does: whoever waits wakes up.
    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        let _sleepers = self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.wake.notify_all();
    }

    /// Whether it came, or the one came that this is a [`child`](Self::child) of.
    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst) || self.0.parent.as_ref().is_some_and(Self::is_set)
    }

    /// Waits this long, or until the interrupt; true when interrupted.
    pub fn wait(&self, duration: Duration) -> bool {
        let deadline = time::instant() + duration;
        while !self.is_set() {
            let left = deadline.saturating_duration_since(time::instant());
            if left.is_zero() {
                break;
            }
            #[cfg(feature = "rehearse")]
            if let Some(clock) = time::turned::clock() {
                clock.doze(left);
                continue;
            }
            // A parent's interrupt does not wake its children: they look again now and then.
            let nap = if self.0.parent.is_some() { left.min(LOOK) } else { left };
            let sleepers = self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.0.wake.wait_timeout_while(sleepers, nap, |()| !self.is_set()));
        }
        self.is_set()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_the_interrupt_and_not_before() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.wait(Duration::from_millis(1)));
        let other = interrupt.clone();
        let setter = std::thread::spawn(move || other.set());
        assert!(interrupt.wait(Duration::from_secs(60)));
        setter.join().expect("the setter does not panic");
    }

    #[test]
    fn a_child_is_interrupted_with_its_parent_and_not_the_other_way_round() {
        let parent = Interrupt::default();
        let child = parent.child();
        child.set();
        assert!(child.is_set() && !parent.is_set());
        let sibling = parent.child();
        parent.set();
        assert!(sibling.wait(Duration::from_secs(60)));
    }
}
