use super::*;
use crate::event::Step;
use crate::failure::{Failure, Place};

fn shown(columns: Option<usize>, colour: bool, events: &[Event]) -> String {
    let mut out = Vec::new();
    let size = columns.map(|columns| Size { columns, rows: 10 });
    let mut terminal = Terminal::new(&mut out, Style { colour }, size);
    for event in events {
        terminal.read(event).expect("a Vec takes everything");
    }
    String::from_utf8(out).expect("output is UTF-8")
}

#[test]
fn a_terminal_that_does_not_say_how_large_it_is_has_the_usual_lines_and_not_the_shortest() {
    let told = |columns: u16, rows: u16| {
        let Size { columns, rows } = Size::told(columns, rows);
        (columns, rows)
    };
    assert_eq!([told(0, 0), told(120, 50), told(5, 1)], [(80, 24), (120, 50), (20, 4)]);
}

#[test]
fn verbs_are_right_aligned_as_cargo_does() {
    let text = shown(None, false, &[Event::StepStarted { step: Step::Build, subject: "app".to_owned() }]);
    assert_eq!(text, "    Building app\n");
}

#[test]
fn without_colour_there_is_no_escape_sequence_at_all() {
    let warning = Event::Warning {
        message: "not pinned".to_owned(),
        place: Some(Place { file: "app/Dockerfile".to_owned(), line: 3, column: 1 }),
    };
    assert_eq!(shown(None, false, &[warning]), "warning: not pinned\n  --> app/Dockerfile:3:1\n");
}

#[test]
fn the_live_line_is_taken_away_before_the_next_line_and_never_wraps() {
    let output = |line: &str| Event::BuildOutput { image: "app".to_owned(), line: line.to_owned() };
    let long = "x".repeat(200);
    let over = Event::StepFinished { step: Step::Build, subject: "app".to_owned(), seconds: 1.0 };
    let note = Event::Note { verb: "Built".to_owned(), message: "app".to_owned() };
    let text = shown(Some(40), false, &[output(&long), over, note]);
    let (live, rest) = text.split_once("\r\x1b[2K").expect("the live line is cleared");
    assert!(live.chars().count() < 40, "{live}");
    assert!(live.ends_with('…'), "{live}");
    assert_eq!(rest, "       Built app\n");
}

#[test]
fn the_live_line_counts_columns_of_which_some_characters_take_two() {
    let line = "編".repeat(30);
    let text = shown(Some(40), false, &[Event::BuildOutput { image: "app".to_owned(), line }]);
    let last = text.lines().last().unwrap_or_default();
    assert!((38..40).contains(&crate::text::width(last)) && last.ends_with('…'), "{last}");
}

#[test]
fn prose_is_broken_between_words_under_its_beginning_and_commands_are_not() {
    let message = "(service app) has started 2 tasks: (task 3466e9a083914f64d81a8d2b5a4485ac) (task edf5).";
    let said = Event::ServiceMessage { service: "app".to_owned(), message: message.to_owned() };
    assert_eq!(
        shown(Some(80), false, std::slice::from_ref(&said)),
        "             (service app) has started 2 tasks: (task\n             \
         3466e9a083914f64d81a8d2b5a4485ac) (task edf5).\n"
    );
    assert_eq!(
        shown(Some(40), false, std::slice::from_ref(&said)),
        "             (service app) has started 2\n    tasks: (task\n    3466e9a083914f64d81a8d2b5a4485ac)\n    (task edf5).\n"
    );
    assert_eq!(shown(None, false, &[said]), format!("             {message}\n"));
    let command =
        Event::Note { verb: "Log in".to_owned(), message: "aws ecr get-login-password | docker login".repeat(2) };
    assert_eq!(shown(Some(40), false, &[command]).lines().count(), 1);
}

#[test]
fn the_live_line_comes_back_under_other_lines_until_its_step_is_over() {
    let step = || (Step::Build, "app".to_owned());
    let (started, finished) = (step(), step());
    let events = [
        Event::StepStarted { step: started.0, subject: started.1 },
        Event::Note { verb: "Note".to_owned(), message: "one".to_owned() },
        Event::StepFinished { step: finished.0, subject: finished.1, seconds: 1.0 },
        Event::Note { verb: "Note".to_owned(), message: "two".to_owned() },
    ];
    let live = "    Building app";
    assert_eq!(
        shown(Some(40), false, &events),
        format!("{live}\n{live}\r\x1b[2K        Note one\n{live}\r\x1b[2K        Note two\n")
    );
}

#[test]
fn what_a_builder_writes_moves_no_cursor_and_leaves_no_colour() {
    let output = |line: &str| Event::BuildOutput { image: "app".to_owned(), line: line.to_owned() };
    let events = [
        output("#7 \x1b[1m\x1b[32m   Compiling\x1b[0m app\tv1\x1b[2K\x07"),
        output("\x1b]0;title\x07 10%\r 55%\r100%\r"),
        output("\x1b[2J"),
    ];
    assert_eq!(shown(None, false, &events), "[app] #7    Compiling app    v1\n[app] 100%\n");
}

#[test]
fn errors_keep_their_lines_and_come_last() {
    let end = Event::CommandFinished {
        command: "release".to_owned(),
        failure: Some(Failure::world("could not reach ECR").help("check the network")),
        seconds: 1.0,
    };
    assert_eq!(shown(None, true, &[end]), "\x1b[1;31merror\x1b[0m: could not reach ECR\n  check the network\n");
}

#[test]
fn long_uploads_without_a_live_line_are_told_by_the_tenth() {
    let progress = |sent| Event::UploadProgress { image: "app".to_owned(), sent, total: 1 << 30 };
    let events: Vec<Event> = (0..=1024).map(|mib| progress(mib << 20)).collect();
    assert_eq!(shown(None, false, &events).lines().count(), 10);
}

/// The screen after these events, as a terminal of so many columns shows it.
fn screen(events: &[Event]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let text = shown(Some(80), false, events);
    let mut rest = text.as_str();
    while let Some(letter) = rest.chars().next() {
        let up = rest.strip_prefix("\x1b[1A");
        let clear = rest.strip_prefix("\x1b[2K");
        rest = up.or(clear).unwrap_or(&rest[letter.len_utf8()..]);
        match letter {
            // The cursor goes up only to clear what it left.
            '\x1b' if up.is_some() => assert_eq!(lines.pop().as_deref(), Some("")),
            '\x1b' => lines.last_mut().expect("a line").clear(),
            '\r' => {}
            '\n' => lines.push(String::new()),
            letter => lines.last_mut().expect("a line").push(letter),
        }
    }
    lines
}

#[test]
fn what_is_left_of_a_rollout_is_on_the_live_line_alone() {
    let progress = |left| Event::RolloutProgress {
        service: "app".to_owned(),
        progress: crate::event::Progress {
            status: "IN_PROGRESS".to_owned(),
            desired: 2,
            running: 1,
            usual: Some(crate::event::Usual { seconds: 130.0, left_seconds: Some(left) }),
            ..crate::event::Progress::default()
        },
    };
    let seen = screen(&[progress(90), progress(80)]);
    let seen: Vec<&str> = seen.iter().map(|line| line.trim()).collect();
    assert_eq!(
        seen,
        [
            "Rollout app IN_PROGRESS: 1/2 running, 0 pending",
            "Watching app IN_PROGRESS: 1/2 running, 0 pending; 1:20 left, usually 2:10"
        ]
    );
}

#[test]
fn each_of_several_services_has_its_live_line_and_the_rest_is_counted() {
    let planned = |service: &String| Event::ServicePlanned {
        service: service.clone(),
        cluster: "sample".to_owned(),
        action: crate::event::ServiceAction::Deploy,
        desired_count: crate::event::DesiredCount::default(),
        force_new_deployment: false,
        versions: Vec::new(),
        sources: Vec::new(),
        before: Vec::new(),
        after: Vec::new(),
        locks: Vec::new(),
    };
    let progress = |service: &String, running| Event::RolloutProgress {
        service: service.clone(),
        progress: crate::event::Progress {
            status: "IN_PROGRESS".to_owned(),
            desired: 2,
            running,
            ..crate::event::Progress::default()
        },
    };
    let over = |service: &String| Event::StepFinished { step: Step::Watch, subject: service.clone(), seconds: 1.0 };
    let names: Vec<String> = (1..=3).map(|number| format!("svc{number}")).collect();
    let mut events: Vec<Event> = names.iter().map(planned).collect();
    events.extend(names.iter().map(|name| progress(name, 0)));
    events.push(progress(&names[1], 1));
    events.push(over(&names[0]));
    events.push(Event::Note { verb: "Waiting".to_owned(), message: "for the others".to_owned() });
    let seen = screen(&events);
    let bottom: Vec<&str> = seen.iter().rev().take(3).map(|line| line.trim()).collect();
    assert_eq!(
        bottom,
        [
            "Watching svc3 IN_PROGRESS: 0/2 running, 0 pending",
            "Watching svc2 IN_PROGRESS: 1/2 running, 0 pending",
            "Waiting for the others"
        ]
    );

    let names: Vec<String> = (1..=50).map(|number| format!("svc{number}")).collect();
    let mut events: Vec<Event> = names.iter().map(planned).collect();
    events.extend(names.iter().map(|name| progress(name, 0)));
    let seen = screen(&events);
    assert_eq!(seen.last().map(|line| line.trim()), Some("… and 46 more"));
    assert_eq!(seen.iter().filter(|line| line.contains("Watching")).count(), 4);
}
