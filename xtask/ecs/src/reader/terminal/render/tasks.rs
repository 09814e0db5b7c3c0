//! What is shown of one-off tasks.

use super::{Change, Line, Live, Shown, exits, lines};
use crate::event::{Event, TaskOutcome};
use crate::gather::Gather;
use crate::text::printable;
use crate::text::quantity::duration;

pub(super) fn show(event: &Event, has_live_line: bool) -> Shown {
    let line = match event {
        Event::TaskPlanned { task, cluster, revision, container, image, .. } => {
            let revision = revision.as_deref().unwrap_or("a revision that is registered first");
            let text = format!("{task} in {cluster}: run {container} of {revision}, {image}");
            Line::status("Planned", &text).prose()
        }
        Event::TaskStarted { task, arn, revision, log, joined } => {
            let log = if log.is_empty() { String::new() } else { format!("; log {log}") };
            let verb = if *joined { "Joining" } else { "Running" };
            Line::status(verb, &format!("{task} of {revision}: {arn}{log}")).prose()
        }
        Event::TaskProgress { task, status } => {
            let text = format!("{task} {}", status.join(", "));
            let live = Change::To(Live { of: task.clone(), verb: "Watching".to_owned(), text: text.clone() });
            let lines = (!has_live_line).then(|| Line::status("Task", &text)).into_iter().gather();
            return Shown { lines, live };
        }
        Event::TaskOutput { task, line } => Line::plain(&format!("[{task}] {}", printable(line))),
        Event::TaskEnded { task, outcome, stop_code, reason, exit_codes, seconds, .. } => {
            let well = *outcome == TaskOutcome::Succeeded;
            let why = if well { String::new() } else { format!(" ({stop_code}): {reason}") };
            let text = format!("{task} in {}{why}{}", duration(*seconds), exits(exit_codes));
            let line = Line::status("Ended", &text).prose();
            if well { line } else { line.bad() }
        }
        _ => return Shown::default(),
    };
    lines([line])
}
