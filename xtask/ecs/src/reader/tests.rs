//! Much of everything, in little room: 200 services that fail, texts of 1,000 characters that are written from right to
//! left, 40 columns.

use super::record::samples;
use super::{github, slack, terminal};
use crate::event::Event;
use crate::failure::{Ending, Failure};
use crate::text::width;

const SERVICES: usize = 200;
const COLUMNS: usize = 40;

/// A branch's name in Hebrew and Arabic as a part of words, with signs that turn the direction of what stands behind them.
fn long() -> String {
    let text = "תכונה/כניסה-חדשה ميزة/تسجيل \u{202e}gpj.exe\u{202c} \u{2067}v1.4.0\u{2069} and back again ";
    text.chars().cycle().take(1000).collect()
}

/// A deploy in which each service is rolled back, and says all that it can.
fn deploy() -> Vec<Event> {
    let [_, _, one, _] = samples::filled(&long());
    let [start, per_service @ .., _] = &one[..] else { panic!("a deploy has a beginning and an end") };
    let mut events = vec![start.clone()];
    for number in 0..SERVICES {
        events.extend(per_service.iter().cloned().map(|event| of_service(event, &format!("svc{number}"))));
    }
    let failure = Failure::new(Ending::RolledBack, format!("{SERVICES} services were rolled back: {}", long()));
    events.push(samples::finished("deploy", Some(failure.help("cargo xtask status"))));
    events
}

fn of_service(mut event: Event, name: &str) -> Event {
    match &mut event {
        Event::ServicePlanned { service, .. }
        | Event::TaskDefinitionChange { service, .. }
        | Event::RevisionRegistered { service, .. }
        | Event::RolloutStarted { service, .. }
        | Event::RolloutProgress { service, .. }
        | Event::ServiceMessage { service, .. }
        | Event::TaskStopped { service, .. }
        | Event::RolloutEnded { service, .. }
        | Event::PostMortem { service, .. } => name.clone_into(service),
        _ => {}
    }
    event
}

#[test]
fn two_hundred_services_and_long_texts_from_right_to_left_fit_a_narrow_terminal_slack_and_githubs_page() {
    let events = deploy();
    // Limits, and that nothing turns what stands around it, are held by these themselves.
    let message = slack::hostile::shown(&events);
    for part in ["Exit code 4", "cargo xtask status", "*svc0* on ", "further lines are in the log"] {
        assert!(message.contains(part), "Slack is not told `{part}`: {message}");
    }
    assert!(message.contains("*Likely cause* (svc0)"), "Slack is told why one of them failed: {message}");
    let page = github::hostile::shown("", &events);
    assert!(page.contains("Exit code 4.") && page.contains("| svc199 |"), "{} bytes", page.len());

    // What moves the cursor up or clears a line belongs to live lines, which are at most half of the rows.
    let log = terminal::hostile::narrow(&events, COLUMNS);
    let (mut live, mut seen) = (0, 0);
    for piece in log.split("\r\x1b[2K") {
        live = live.max(piece.matches("\x1b[1A").count() + 1);
        let text = piece.replace("\x1b[1A\x1b[2K", "");
        assert!(!text.contains('\x1b'), "{text:?}");
        // The last lines are live: no newline ends them, and none of them may be wrapped by the terminal.
        let below: Vec<&str> = text.rsplit('\n').take_while(|line| line.trim_start().starts_with("Watching")).collect();
        seen += below.len();
        assert!(below.iter().all(|line| width(line) < COLUMNS), "{below:?}");
    }
    assert!(live <= 12 && seen > SERVICES, "{live} live lines, {seen} in all");
    let stray = log.lines().filter(|line| {
        let is_prose = ["Stopped", "Rolled back"].iter().any(|verb| line.trim_start().starts_with(verb));
        is_prose && width(line) > COLUMNS && line.split(' ').all(|word| width(word) < COLUMNS - 4)
    });
    assert_eq!(stray.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(log.lines().filter(|line| line.contains("Rolled back")).count(), SERVICES);
}
