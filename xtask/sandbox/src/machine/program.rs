//! A program that was started, and the lines that it writes.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// So many lines are kept for whoever reads them; then the program waits.
const LINES: usize = 1024;
/// For what was written before a program ended and is not read yet; one that outlives it may hold its pipes open for ever.
const LAST_LINES: Duration = Duration::from_millis(100);

/// One in a process group of its own, which ends with it.
pub(super) struct Program {
    child: Child,
    ended: Option<i32>,
    pub lines: Receiver<String>,
    /// Open as long as this process lives, however that ends.
    pub lifeline: Option<ChildStdin>,
}

impl Program {
    pub fn start(mut command: Command) -> std::io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn()?;
        let (tell, lines) = sync_channel(LINES);
        if let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) {
            let other = tell.clone();
            std::thread::spawn(move || read(err, &other));
            std::thread::spawn(move || read(out, &tell));
        }
        let lifeline = child.stdin.take();
        Ok(Self { child, ended: None, lines, lifeline })
    }

    /// How it ended, where it has: its exit code, or 128 and the signal.
    pub fn ended(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten().map(code);
        }
        self.ended
    }

    /// What it wrote before it ended and nobody has read.
    pub fn last_lines(&self) -> Vec<String> {
        let until = Instant::now() + LAST_LINES;
        let mut lines = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            lines.push(line);
        }
        lines
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.ended().is_none() {
            signal(&format!("-{}", self.child.id()), "KILL");
            drop(self.child.wait());
        }
    }
}

fn read(pipe: impl Read, tell: &SyncSender<String>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        if tell.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

/// Runs a program to its end, no longer than this; its exit code and what it wrote, `None` for one that took longer.
pub(super) fn finish(command: Command, within: Duration) -> std::io::Result<(Option<i32>, Vec<String>)> {
    let mut program = Program::start(command)?;
    drop(program.lifeline.take());
    let began = Instant::now();
    let mut lines = Vec::new();
    while program.ended().is_none() && began.elapsed() < within {
        lines.extend(program.lines.try_iter());
        std::thread::sleep(Duration::from_millis(5));
    }
    lines.extend(program.last_lines());
    Ok((program.ended(), lines))
}

/// To a process, or with a minus before its number to a whole group, by the shell's own kill: not every machine has a program
/// of that name.
pub(super) fn signal(to: &str, name: &str) {
    let line = format!("kill -s {name} -- {to}");
    drop(Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).stderr(Stdio::null()).status());
}

fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}
