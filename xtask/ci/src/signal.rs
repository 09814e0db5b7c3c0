//! Ctrl-C and SIGTERM, and the same for the programs that run below this one.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How often a running program is asked whether it ended, and the interrupt whether it came.
pub const TICK: Duration = Duration::from_millis(50);

/// Whether the user (or GitHub's cancel) asked this run to stop.
#[derive(Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM from now on. The first sets the flag; a second ends the process at once.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal still finds the flag unset.
            flag::register_conditional_default(signal, Arc::clone(&interrupt.0))?;
            flag::register(signal, Arc::clone(&interrupt.0))?;
        }
        Ok(interrupt)
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Waits for one [`TICK`]; true when interrupted.
    pub fn wait(&self) -> bool {
        std::thread::sleep(TICK);
        self.is_set()
    }
}

/// Sends a signal to the process groups these processes lead.
pub fn signal_groups(leaders: &[u32], signal: Signal) {
    for group in leaders.iter().filter_map(|pid| Pid::from_raw(i32::try_from(*pid).ok()?)) {
        kill_process_group(group, signal).ok();
    }
}
