//! A program that was started, and the lines that it writes.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// One in a process group of its own.
pub(super) struct Program {
    child: Child,
    pub lines: Receiver<String>,
}

impl Program {
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (tell, lines) = channel();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
            child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        ];
        for pipe in pipes.into_iter().flatten() {
            let tell = tell.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(pipe);
                let mut line = Vec::new();
                while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
                    if tell.send(text).is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
        Ok(Self { child, lines })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, where it has: its exit code, or 128 and the signal.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().ok().flatten().map(code)
    }

    /// Ends it and all that it started, at once.
    pub fn kill(&self) {
        signal(self.id(), "KILL");
    }
}

/// Runs a program to its end, no longer than this; its exit code and what it wrote, `None` for one that took longer.
pub(super) fn finish(command: Command, within: Duration) -> std::io::Result<(Option<i32>, Vec<String>)> {
    let mut program = Program::start(command)?;
    let began = Instant::now();
    let mut code = program.ended();
    while code.is_none() && began.elapsed() < within {
        std::thread::sleep(Duration::from_millis(5));
        code = program.ended();
    }
    if code.is_none() {
        program.kill();
        drop(program.child.wait());
    }
    Ok((code, program.lines.iter().collect()))
}

/// To a whole process group, with the shell's own kill: not every machine has a program of that name.
pub(super) fn signal(group: u32, name: &str) {
    let line = format!("kill -{name} -- -{group}");
    drop(Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).stderr(Stdio::null()).status());
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
