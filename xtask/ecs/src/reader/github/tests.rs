use std::sync::{Arc, Mutex};

use super::*;
use crate::event::TaskOutcome;
use crate::failure::{Ending, Place};
use crate::reader::record::samples::{self, Random};

/// A log that a test can read while it is written.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no writer panics").clone()).expect("the log is text")
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Prints what a terminal would, in short.
struct Terminal(Defused<Log>);

fn terminal(log: &Log) -> Box<dyn Reader> {
    Box::new(Terminal(Defused { log: log.clone(), is_read_by_runner: true }))
}

impl Reader for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn read(&mut self, event: &Event) -> anyhow::Result<()> {
        let line = match event {
            Event::BuildOutput { line, .. } | Event::TaskOutput { line, .. } => format!("{line}\n"),
            Event::Warning { message, .. } => format!("warning: {message}\n"),
            Event::CommandFinished { failure: Some(failure), .. } => format!("error: {}\n", failure.message()),
            _ => return Ok(()),
        };
        Ok(self.0.write_all(line.as_bytes())?)
    }
}

struct Run {
    log: String,
    output: String,
    summary: String,
}

fn run(events: &[Event]) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    let (output, summary) = (folder.path().join("output"), folder.path().join("summary"));
    std::fs::write(&summary, "an earlier line").expect("a file");
    let env = |name: &str| match name {
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        "GITHUB_OUTPUT" => Some(output.display().to_string()),
        "GITHUB_STEP_SUMMARY" => Some(summary.display().to_string()),
        _ => None,
    };
    let log = Log::default();
    let secrets = ["hunter2".to_owned()];
    let github = GitHub::with_log(&env, &secrets, Box::new(log.clone())).expect("this is GitHub");
    let mut github = github.around(terminal(&log));
    for event in events {
        github.read(event).expect("the terminal does not fail");
    }
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    Run { log: log.text(), output: read(&output), summary: read(&summary) }
}

#[test]
fn a_release_is_grouped_by_step_with_its_warning_at_file_and_line() {
    let run = run(&samples::released());
    assert_eq!(
        run.log,
        "::add-mask::hunter2\n\
         warning: FROM debian:12 is not pinned by digest\n\
         ::warning file=app/Dockerfile,line=3,col=6::FROM debian:12 is not pinned by digest\n\
         ::group::Build app\n\
         #5 [2/3] RUN true\n\
         ::endgroup::\n\
         ::group::Scan app\n\
         ::endgroup::\n"
    );
    assert!(run.summary.starts_with("an earlier line\n## ✅ release"), "{}", run.summary);
    assert!(run.output.contains(&format!("\n{}\n", samples::digest())), "{}", run.output);
}

#[test]
fn a_failure_stands_below_all_groups() {
    let mut events = samples::released();
    events.truncate(5);
    events.push(samples::failed("release", Ending::World, "docker buildx failed"));
    let log = run(&events).log;
    let end = "::endgroup::\nerror: docker buildx failed\n\
               ::error title=release ended with 1::docker buildx failed%0Acargo xtask release\n";
    assert!(log.ends_with(end), "{log}");
}

#[test]
fn a_fault_in_the_configuration_is_shown_at_its_line() {
    let place = Some(Place { file: "Cargo.toml".to_owned(), line: 12, column: 1 });
    let typo = Fault { message: "unknown key `repositry`".to_owned(), place, ..Fault::default() };
    let failure = |faults| Failure::of_faults(Ending::Usage, faults, |count| format!("{count} faults"));
    let log = |faults| run(&[samples::started("release"), samples::finished("release", Some(failure(faults)))]).log;
    let (one, elsewhere) = (log(vec![typo.clone()]), Fault { message: "no region".to_owned(), ..Fault::default() });
    let at_its_line = "\n::error file=Cargo.toml,line=12,col=1::unknown key `repositry`\n";
    assert!(one.ends_with(at_its_line), "{one}");
    assert_eq!(one.matches("::error").count(), 1);
    let both = log(vec![elsewhere, typo]);
    assert!(
        both.ends_with(at_its_line) && both.contains("::error title=release ended with 2::2 faults:%0A- no region")
    );
}

#[test]
fn what_a_build_prints_is_never_a_command() {
    let line = "::set-output name=digest::sha256:0".to_owned();
    let log = run(&[Event::BuildOutput { image: "app".to_owned(), line }]).log;
    assert_eq!(command::runner::commands(&log), ["add-mask"]);
}

#[test]
fn what_a_task_writes_is_never_a_command_and_the_summary_has_how_it_ended() {
    let run = run(&samples::ran(TaskOutcome::Failed, "##[set-output name=digest]sha256:0"));
    assert_eq!(command::runner::commands(&run.log), ["add-mask"]);
    for cell in
        ["migrate", "app:7", "task/sample/0123456789abcdef", "app exited with 1", "/ecs/app ecs/app/0123456789abcdef"]
    {
        assert!(run.summary.contains(cell), "{cell}\n{}", run.summary);
    }
    assert!(!run.summary.contains("### Services"), "{}", run.summary);
}

#[test]
fn whatever_events_hold_the_runner_sees_only_commands_of_this_reader() {
    let mut random = Random(23);
    for _ in 0..300 {
        let text = |random: &mut Random| random.text(12);
        let events = [
            Event::CommandStarted { command: "release".to_owned(), environment: None },
            Event::StepStarted { step: Step::Build, subject: text(&mut random) },
            Event::BuildOutput { image: "app".to_owned(), line: text(&mut random) },
            Event::Warning { message: text(&mut random), place: None },
            samples::failed("release", Ending::World, &text(&mut random)),
        ];
        let log = run(&events).log;
        assert_eq!(command::runner::commands(&log), ["add-mask", "group", "warning", "endgroup", "error"], "{log:?}");
    }
}

#[test]
fn the_tenth_warning_says_that_there_are_more_and_the_log_has_them_all() {
    let warning = |index: usize| Event::Warning { message: format!("number {index}"), place: None };
    let log = run(&(0..30).map(warning).collect::<Vec<_>>()).log;
    assert_eq!(log.matches("::warning").count(), 10);
    assert!(log.contains("::warning::further warnings are in the log\n"), "{log}");
    assert_eq!(log.matches("warning: number").count(), 30);
}

#[test]
fn outside_github_there_is_no_such_reader() {
    assert!(GitHub::from_environment(&|_| None, &["hunter2".to_owned()]).is_none());
}

#[test]
fn an_output_file_that_cannot_be_written_is_told_once_and_the_terminal_reads_on() {
    let env = |name: &str| match name {
        "GITHUB_ACTIONS" => Some("true".to_owned()),
        "GITHUB_OUTPUT" => Some("/no-such-folder/output".to_owned()),
        _ => None,
    };
    let log = Log::default();
    let github = GitHub::with_log(&env, &[], Box::new(log.clone())).expect("this is GitHub");
    let mut github = github.around(terminal(&log));
    for event in samples::already_released() {
        github.read(&event).expect("the terminal does not fail");
    }
    github.read(&Event::Warning { message: "later".to_owned(), place: None }).expect("the terminal does not fail");
    assert_eq!(log.text().matches("the github reader stopped: /no-such-folder/output").count(), 1, "{}", log.text());
    assert!(log.text().ends_with("warning: later\n"), "{}", log.text());
}
