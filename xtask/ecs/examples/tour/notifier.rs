//! A notifier of the repository's own: every end of a stage becomes a line of stages.log.

use std::fs::OpenOptions;
use std::io::Write;

use xtask_ecs::event::{Event, Reader};
use xtask_ecs::{Failure, Xtask};

struct Log;

impl Reader for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        let Event::CommandFinished { command, failure, .. } = event else { return Ok(()) };
        let exit_code = failure.as_ref().map_or(0, Failure::exit_code);
        let mut log = OpenOptions::new().create(true).append(true).open("stages.log")?;
        Ok(writeln!(log, "{command} {exit_code}")?)
    }
}

pub fn with(xtask: Xtask) -> Xtask {
    xtask.notifier(Log)
}
