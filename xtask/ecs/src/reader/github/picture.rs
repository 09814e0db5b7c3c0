//! A rollout as a picture: a Gantt chart in Mermaid's language, which GitHub draws.
//!
//! Stages, the traffic's weights and the tasks of both revisions over one axis of time, and what failed when.
//! Source: Mermaid's guide, "Gantt diagrams" and "Entity codes to escape characters"; its gantt.jison; GitHub's "Creating diagrams".

use std::fmt::Write;
use std::time::Duration;

use crate::event::{Outcome, Progress, RevisionProgress};
use crate::gather::Gather;
use crate::reader::record::{Happened, ServiceRecord};
use crate::reader::shift;
use crate::sorted::Arrange;
use crate::text::acts;

/// More rows than that are no picture any more; the table has them all.
const ROWS: usize = 60;
/// A revision's tasks come and go in at most about so many bars.
const STEPS: u32 = 8;
/// Tasks that stopped, each with a row of its own.
const STOPPED: usize = 5;
/// Characters of what others have named.
const NAME: usize = 60;
/// What begins a statement where a row's text is expected, in any case.
const KEYWORDS: [&str; 18] = [
    "accdescr",
    "acctitle",
    "axisformat",
    "call",
    "click",
    "dateformat",
    "excludes",
    "gantt",
    "href",
    "includes",
    "inclusiveenddates",
    "section",
    "tickinterval",
    "title",
    "todaymarker",
    "topaxis",
    "weekday",
    "weekend",
];

/// The picture in its fence, or why there is none. Nothing where nothing was seen of the rollout.
pub(super) fn picture(service: &ServiceRecord) -> Option<Result<String, String>> {
    let end = service.timeline.last()?.at.max(service.course.last()?.0);
    let sections = [
        ("Stage".to_owned(), stages(service, end)),
        ("Traffic".to_owned(), traffic(service, end)),
        (if service.revision.is_empty() { "new".to_owned() } else { name(&service.revision) }, new_tasks(service, end)),
        ("before".to_owned(), old_tasks(service, end)),
        ("Failures".to_owned(), failures(service)),
    ];
    let rows: usize = sections.iter().map(|(_, rows)| rows.len()).sum();
    if rows > ROWS {
        return Some(Err(format!("A picture of this rollout would have {rows} rows; the table has it all.")));
    }
    let day = Duration::from_secs(24 * 60 * 60);
    let axis = if end < day { "%H:%M:%S" } else { "day %-d, %H:%M" };
    let mut text = format!(
        "```mermaid\ngantt\n    title Rollout of {}\n    dateFormat YYYY-MM-DD HH:mm:ss.SSS\n    axisFormat {axis}\n    todayMarker off\n",
        name(&service.name)
    );
    for (section, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        line(&mut text, &format!("    section {section}"));
        for Row { from, to, text: what, tags } in rows {
            line(&mut text, &format!("    {what} :{tags}{}, {}", moment(*from), moment(*to)));
        }
    }
    text.push_str("```\n");
    Some(Ok(text))
}

struct Row {
    from: Duration,
    to: Duration,
    text: String,
    /// Mermaid's words for how it is drawn, each with its comma.
    tags: &'static str,
}

/// Looks one after the other that are alike, from the first to where the next one differs.
struct Stretch<'a> {
    from: Duration,
    to: Duration,
    first: &'a Progress,
    last: &'a Progress,
}

/// Stretches in which the key stays the same; where there is none, nothing is drawn.
fn stretches<K: PartialEq>(
    service: &ServiceRecord,
    end: Duration,
    key: impl Fn(&Progress) -> Option<K>,
) -> Vec<Stretch<'_>> {
    let mut found: Vec<(Option<K>, Stretch<'_>)> = Vec::new();
    for (at, progress) in &service.course {
        let key = key(progress);
        match found.last_mut() {
            Some((before, stretch)) if *before == key => stretch.last = progress,
            last => {
                if let Some((_, stretch)) = last {
                    stretch.to = *at;
                }
                found.push((key, Stretch { from: *at, to: end, first: progress, last: progress }));
            }
        }
    }
    found.into_iter().filter(|(key, _)| key.is_some()).map(|(_, stretch)| stretch).gather()
}

fn stages(service: &ServiceRecord, end: Duration) -> Vec<Row> {
    let stretches = stretches(service, end, |progress| Some(stage(progress)));
    let goes_back =
        |progress: &Progress| progress.status.starts_with("ROLLBACK") || progress.status.starts_with("STOP");
    let failed = service.outcome.is_some_and(Outcome::is_bad);
    let last_try = stretches.iter().rposition(|stretch| !goes_back(stretch.first)).filter(|_| failed);
    let row = |(index, stretch): (usize, &Stretch<'_>)| {
        let tags = match last_try {
            Some(last) if index == last => "crit, ",
            Some(last) if index > last => "crit, done, ",
            _ => "done, ",
        };
        Row { from: stretch.from, to: stretch.to, text: name(&stage(stretch.first)), tags }
    };
    stretches.iter().enumerate().map(row).gather()
}

/// The stage where there is one and nothing else is said by the status.
fn stage(progress: &Progress) -> String {
    let Progress { status, stage, .. } = progress;
    let waits = progress.hooks.iter().any(|hook| hook.status == "AWAITING_ACTION");
    let stage = match (status.as_str(), stage.as_str()) {
        (_, "") => status.clone(),
        ("IN_PROGRESS", _) => stage.clone(),
        _ => format!("{status} {stage}"),
    };
    if waits { format!("{stage}, waits for a decision") } else { stage }
}

fn traffic(service: &ServiceRecord, end: Duration) -> Vec<Row> {
    let row = |stretch: &Stretch<'_>| {
        let text = name(&shift::weights(stretch.first).unwrap_or_default());
        Row { from: stretch.from, to: stretch.to, text, tags: "" }
    };
    stretches(service, end, shift::weights).iter().map(row).gather()
}

fn new_tasks(service: &ServiceRecord, end: Duration) -> Vec<Row> {
    tasks(service, end, "active, ", |progress| {
        let (running, desired) =
            progress.revisions.first().map_or((progress.running, progress.desired), |new| (new.running, new.desired));
        Some((running, Some(desired.max(progress.desired))))
    })
}

fn old_tasks(service: &ServiceRecord, end: Duration) -> Vec<Row> {
    tasks(service, end, "done, ", |progress| {
        let before = progress.revisions.get(1..).filter(|before| !before.is_empty())?;
        Some((before.iter().map(|RevisionProgress { running, .. }| running).sum(), None))
    })
}

/// Bars of how many tasks run, of how many. Of many tasks a bar is a range.
fn tasks(
    service: &ServiceRecord,
    end: Duration,
    tags: &'static str,
    count: impl Fn(&Progress) -> Option<(u32, Option<u32>)>,
) -> Vec<Row> {
    let most = service.course.iter().filter_map(|(_, progress)| count(progress)).map(|(running, _)| running).max();
    let step = most.unwrap_or_default().div_ceil(STEPS).max(1);
    let key = |progress: &Progress| count(progress).map(|(running, of)| (running.div_ceil(step), of));
    let row = |stretch: &Stretch<'_>| {
        let running = |progress: &Progress| count(progress).unwrap_or_default().0;
        let (first, last) = (running(stretch.first), running(stretch.last));
        let range = if first == last { first.to_string() } else { format!("{first} to {last}") };
        let of = count(stretch.first).and_then(|(_, of)| of).map_or(String::new(), |of| format!(" of {of}"));
        Row { from: stretch.from, to: stretch.to, text: format!("{range}{of}"), tags }
    };
    stretches(service, end, key).iter().map(row).gather()
}

/// Tasks that stopped, alarms that went off, hooks that failed, and an end that is none of the wanted ones.
fn failures(service: &ServiceRecord) -> Vec<Row> {
    let mut found: Vec<(Duration, String)> = Vec::new();
    let mut stopped = 0;
    for moment in &service.timeline {
        match &moment.what {
            // ECS's words for a task that it needs no more.
            Happened::TaskStopped { reason, .. } if reason.starts_with("Scaling activity initiated by ") => {}
            Happened::TaskStopped { task, stop_code, .. } => {
                stopped += 1;
                if stopped <= STOPPED {
                    let task: String = task.chars().take(8).collect();
                    found.push((moment.at, format!("task {task} {stop_code}")));
                }
            }
            Happened::Ended { outcome, revision } if outcome.is_bad() => {
                let more = stopped.saturating_sub(STOPPED);
                let more = if more > 0 { format!(", after {more} more tasks stopped") } else { String::new() };
                found.push((moment.at, format!("{}, {revision}{more}", outcome.word())));
            }
            _ => {}
        }
    }
    for (at, progress) in &service.course {
        let alarms = progress.triggered.iter().map(|alarm| format!("alarm {alarm}"));
        let hooks = progress.hooks.iter().filter(|hook| matches!(hook.status.as_str(), "FAILED" | "TIMED_OUT"));
        let hooks = hooks.map(|hook| {
            let function = hook.target.rsplit(':').next().filter(|function| !function.is_empty());
            format!("hook {} {}", function.unwrap_or(&hook.id), hook.status)
        });
        for what in alarms.chain(hooks) {
            if !found.iter().any(|(_, known)| *known == what) {
                found.push((*at, what));
            }
        }
    }
    found.arrange_by_key(|(at, _)| *at);
    found.into_iter().map(|(at, what)| Row { from: at, to: at, text: name(&what), tags: "crit, milestone, " }).gather()
}

/// A text that the parser takes for one text, whatever stands in it: what is more than letters, digits and a few signs is written
/// by its code, and so is the beginning of what would be a statement or a date.
fn name(text: &str) -> String {
    let text: String =
        text.chars().map(|letter| if letter.is_control() || acts(letter) { ' ' } else { letter }).collect();
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    let statement = KEYWORDS.iter().any(|keyword| lower.starts_with(keyword))
        || lower.chars().take_while(char::is_ascii_digit).count() >= 4;
    let mut name = String::with_capacity(text.len());
    for (index, letter) in text.chars().take(NAME).enumerate() {
        let plain = letter.is_ascii_alphanumeric() || matches!(letter, ' ' | '-' | '_' | '.' | ',' | '/' | '(' | ')');
        if plain && !(index == 0 && statement) {
            name.push(letter);
        } else {
            write!(name, "#{};", u32::from(letter)).expect("writing to a String cannot fail");
        }
    }
    if text.chars().nth(NAME).is_some() {
        name.push_str("...");
    }
    if name.is_empty() { "-".to_owned() } else { name }
}

/// Since the command's start, as a time in a month that has no change of the clock. Without a zone, so that a reader's own
/// changes nothing.
fn moment(at: Duration) -> String {
    let (seconds, millis) = (at.as_secs(), at.subsec_millis());
    let (days, hours, minutes) = ((seconds / 86_400).min(30), seconds / 3600 % 24, seconds / 60 % 60);
    format!("2001-01-{:02} {hours:02}:{minutes:02}:{:02}.{millis:03}", days + 1, seconds % 60)
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests;
