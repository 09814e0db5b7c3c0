//! Ctrl-C and SIGTERM, as a flag that every wait looks at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether the user (or GitHub's cancel) asked this process to stop. Clones share one flag.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Default)]
struct Shared {
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
        std::thread::spawn(move || {
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

    pub fn set(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        let _sleepers = self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.wake.notify_all();
    }

    pub fn is_set(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Waits this long, or until the interrupt; true when interrupted.
    pub fn wait(&self, duration: Duration) -> bool {
        let sleepers = self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.wake.wait_timeout_while(sleepers, duration, |()| !self.is_set()));
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
}
