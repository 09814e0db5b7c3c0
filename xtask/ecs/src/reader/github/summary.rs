//! The step summary: Markdown that GitHub shows on the run's page.

use std::fmt::Write;
use std::time::Duration;

use super::picture::picture;
use crate::event::{Finding, Outcome, PostMortem, Progress};
use crate::gather::Gather;
use crate::reader::record::{
    Happened, ImageRecord, Record, Scan, ServiceRecord, TaskRecord, advisory_url, count_by_severity, exits,
};
use crate::reader::shift;
use crate::reader::terminal::text_without_help;
use crate::text::{acts, plain, quantity};

/// GitHub refuses a larger summary of one step as a whole.
pub(super) const LIMIT: usize = 1024 * 1024;
const CUT: &str = "\n\n_The summary was cut here: GitHub shows 1 MiB of a step. The log has everything._\n";
/// Rows of one table; the log has the others.
const ROWS: usize = 1000;
/// Characters of one cell.
const CELL: usize = 400;
/// Rollouts that are drawn; a page with many more would draw for minutes.
const PICTURES: usize = 8;

/// The whole summary of a command, at most `room` bytes: as many whole lines as fit, and a note where some do not.
pub(super) fn summary(record: &Record, room: usize) -> String {
    let mut text = String::new();
    heading(record, &mut text);
    images(&record.images, &mut text);
    for image in &record.images {
        if let Some(scan) = image.scan.as_ref().filter(|scan| !scan.findings.is_empty()) {
            findings(image, scan, &mut text);
        }
    }
    services(&record.services, &mut text);
    tasks(&record.tasks, &mut text);
    for service in &record.services {
        if let Some(post_mortem) = &service.post_mortem {
            why(service, post_mortem, &mut text);
        }
    }
    let drawn = drawn(&record.services);
    for service in record.services.iter().filter(|service| !service.timeline.is_empty()) {
        timeline(service, drawn.contains(&service.name.as_str()), &mut text);
    }
    cut(text, room)
}

fn cut(mut text: String, room: usize) -> String {
    if text.len() <= room {
        return text;
    }
    let Some(room) = room.checked_sub(CUT.len()) else { return String::new() };
    let end = text.floor_char_boundary(room);
    text.truncate(text[..end].rfind('\n').map_or(0, |newline| newline + 1));
    if !text.matches("```").count().is_multiple_of(2) {
        // Half a picture is none, and its fence would hold the rest of the page.
        text.truncate(text.rfind("```").unwrap_or_default());
    }
    text.push_str(CUT);
    text
}

fn heading(record: &Record, text: &mut String) {
    let Some(end) = &record.end else { return };
    let mark = if end.failure.is_none() { "✅" } else { "❌" };
    let place = record.environment.as_ref().map_or(String::new(), |name| format!(" in {name}"));
    let command = cell(&format!("{}{place}", record.command));
    line(text, &format!("## {mark} {command}: {}, {}\n", record.outcome(), quantity::duration(end.seconds)));
    if let Some(failure) = &end.failure {
        line(text, &format!("Exit code {}.\n", failure.exit_code()));
        // A raw block: nothing in it is Markdown.
        line(text, &format!("<pre>{}</pre>\n", entities(&text_without_help(failure))));
        if !failure.help.is_empty() {
            line(text, &format!("{}\n", cell(&failure.help.join("\n"))));
        }
    }
    if !record.warnings.is_empty() {
        table(text, &["Warnings"], record.warnings.iter().map(|warning| vec![cell(warning)]));
    }
}

fn images(images: &[ImageRecord], text: &mut String) {
    if images.is_empty() {
        return;
    }
    line(text, "### Images\n");
    let rows = images.iter().map(|image| {
        let scan = image.scan.as_ref().map_or(String::new(), |scan| {
            if scan.passed {
                format!("passed ({})", scan.scanner)
            } else {
                format!("refused: {}", count_by_severity(&scan.findings))
            }
        });
        vec![
            cell(&image.name),
            cell(&image.reference),
            image.digest.as_ref().map_or(String::new(), |digest| format!("<code>{digest}</code>")),
            image.size.map_or(String::new(), |(bytes, layers)| {
                let plural = if layers == 1 { "" } else { "s" };
                format!("{} in {layers} layer{plural}", quantity::size(bytes))
            }),
            cell(&scan),
            cell(&[image.outcome()].into_iter().chain(image.remark.as_deref()).gather::<Vec<_>>().join("\n")),
        ]
    });
    table(text, &["Image", "Reference", "Digest", "Size", "Scan", "Outcome"], rows);
}

fn tasks(tasks: &[TaskRecord], text: &mut String) {
    if tasks.is_empty() {
        return;
    }
    line(text, "### Tasks\n");
    let rows = tasks.iter().map(|task| {
        let ended = format!("{}\n{}", task.outcome(), task.exits);
        let ran = quantity::duration(task.seconds);
        vec![cell(&task.name), cell(&task.revision), cell(&task.arn), cell(&task.log), ran, cell(ended.trim_end())]
    });
    table(text, &["Task", "Revision", "ARN", "Log", "Ran", "Outcome"], rows);
}

fn findings(image: &ImageRecord, scan: &Scan, text: &mut String) {
    let ignored = if scan.ignored == 0 { String::new() } else { format!(" ({} ignored)", scan.ignored) };
    let counts = count_by_severity(&scan.findings);
    line(text, &format!("### Findings in {}: {counts}{ignored}\n", cell(&image.name)));
    let rows = scan.findings.iter().map(|finding| {
        let Finding { package, installed, fixed, id, severity, target, title, .. } = finding;
        let link = advisory_url(id).map_or_else(|| cell(id), |url| format!("[{}]({url})", cell(id)));
        let fixed = if fixed.is_empty() { "no fix yet" } else { fixed };
        let [severity, package, installed, fixed, target, title] =
            [severity, package, installed, fixed, target, title].map(cell);
        vec![severity, package, installed, fixed, link, target, title]
    });
    table(text, &["Severity", "Package", "Installed", "Fixed in", "Id", "Target", "Title"], rows);
}

fn services(services: &[ServiceRecord], text: &mut String) {
    if services.is_empty() {
        return;
    }
    line(text, "### Services\n");
    let rows = services.iter().map(|service| {
        let digests: Vec<String> = service.digests.iter().map(|digest| format!("<code>{digest}</code>")).gather();
        let took = if service.seconds > 0.0 { quantity::duration(service.seconds) } else { String::new() };
        vec![
            cell(&service.name),
            cell(&service.cluster),
            cell(&service.revision),
            digests.join("<br>"),
            cell(service.outcome()),
            took,
            cell(&[&service.remarks[..], &service.changes].concat().join("\n")),
        ]
    });
    table(text, &["Service", "Cluster", "Revision", "Digest", "Outcome", "Took", "Changed"], rows);
}

fn why(service: &ServiceRecord, post_mortem: &PostMortem, text: &mut String) {
    let PostMortem { causes, logs, targets, breaker, serving, likely_cause, fix, next } = post_mortem;
    line(text, &format!("### Why {} failed\n", cell(&service.name)));
    let mut point = |name: &str, value: &str| {
        if !value.is_empty() {
            line(text, &format!("- {name}: {}", cell(value)));
        }
    };
    point("Likely cause", likely_cause);
    point("Fix", fix);
    point("Serving now", serving);
    point("Circuit breaker", &breaker.map_or(String::new(), |(count, threshold)| format!("{count} of {threshold}")));
    point("Next", next);
    line(text, "");
    let rows = causes.iter().map(|cause| {
        let reason = cell(&cause.reason);
        vec![cause.tasks.to_string(), cell(&cause.stop_code), reason, cell(&exits(&cause.containers))]
    });
    table(text, &["Tasks", "Stop code", "Reason", "Containers"], rows);
    for tail in logs {
        line(text, &format!("{}\n", cell(&tail.heading())));
        if !tail.lines.is_empty() {
            // A raw block: nothing in it is Markdown, and an empty line would end it.
            let lines = tail.lines.iter().map(|line| if line.is_empty() { " " } else { line });
            line(text, &format!("<pre>{}</pre>\n", entities(&lines.gather::<Vec<_>>().join("\n"))));
        }
    }
    for group in targets {
        line(text, &format!("{}\n", cell(&group.sentence())));
        let rows = group.targets.iter().map(|target| {
            let port = target.port.map_or(String::new(), |port| port.to_string());
            vec![cell(&target.target), port, cell(&target.state), cell(&target.reason), cell(&target.description)]
        });
        table(text, &["Target", "Container port", "State", "Reason", "Description"], rows);
    }
}

/// The services whose rollout is drawn, those that failed before the others.
fn drawn(services: &[ServiceRecord]) -> Vec<&str> {
    let is_bad = |service: &&ServiceRecord| service.outcome.is_some_and(Outcome::is_bad);
    let (bad, good): (Vec<&ServiceRecord>, Vec<_>) = services.iter().partition(is_bad);
    bad.into_iter().chain(good).map(|service| service.name.as_str()).take(PICTURES).gather()
}

fn timeline(service: &ServiceRecord, is_drawn: bool, text: &mut String) {
    line(text, &format!("### Rollout of {}\n", cell(&service.name)));
    if let Some(picture) = picture(service).filter(|_| is_drawn) {
        line(text, &picture.unwrap_or_else(|why| format!("{why}\n")));
    }
    let rows = service.timeline.iter().map(|moment| {
        let what = match &moment.what {
            Happened::Started { deployment, revision } => format!("rollout {deployment} of {revision} started"),
            Happened::Progress(progress) => {
                let Progress { status, desired, pending, running, failed, .. } = progress;
                let (stage, detail) = (shift::stage(progress), shift::detail(progress));
                format!("{status}{stage}: {running} of {desired} running, {pending} pending, {failed} failed{detail}")
            }
            Happened::Message(message) => message.clone(),
            Happened::TaskStopped { task, stop_code, reason, exit_codes } => {
                format!("task {task} stopped, {stop_code}: {reason}\n{}", exits(exit_codes))
            }
            Happened::Ended { outcome, revision } => format!("{}, {revision}", outcome.word()),
        };
        vec![clock(moment.at), cell(&what)]
    });
    table(text, &["Time", "What"], rows);
}

fn clock(at: Duration) -> String {
    format!("{}:{:02}", at.as_secs() / 60, at.as_secs() % 60)
}

fn table(text: &mut String, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    line(text, &format!("| {} |", columns.join(" | ")));
    line(text, &format!("|{}", " --- |".repeat(columns.len())));
    for row in rows.by_ref().take(ROWS) {
        line(text, &format!("| {} |", row.join(" | ")));
    }
    let more = rows.count();
    if more > 0 {
        line(text, &format!("\n… and {more} more, which the log has."));
    }
    line(text, "");
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a String cannot fail");
}

/// Free text for a table's cell or a heading: no character of it is Markdown, HTML, a mention or an end of the row.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for letter in text.trim().chars().take(CELL) {
        match letter {
            '\n' => cell.push_str("<br>"),
            letter if letter.is_control() || acts(letter) => {}
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '@' | '#' | '$' | '!' => {
                write!(cell, "&#{};", u32::from(letter)).expect("writing to a String cannot fail");
            }
            letter => cell.push(letter),
        }
    }
    cell
}

fn entities(text: &str) -> String {
    plain(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::record::samples::{self, Random};

    #[test]
    fn a_release_shows_digest_size_and_verdict() {
        let text = summary(&samples::record(&samples::released()), LIMIT);
        assert!(text.starts_with("## ✅ release: released, 12.5 s\n"), "{text}");
        assert!(text.contains(&format!("<code>{}</code>", samples::digest())), "{text}");
        assert!(text.contains("46.0 MiB in 2 layers"), "{text}");
        assert!(text.contains("passed (trivy 0.69.3)"), "{text}");
        assert!(text.contains("FROM debian:12 is not pinned by digest"), "{text}");
    }

    #[test]
    fn a_refused_image_shows_its_findings_with_nothing_of_them_as_markdown() {
        let text = summary(&samples::record(&samples::refused(3)), LIMIT);
        assert!(text.contains("### Findings in app: 1 CRITICAL, 2 HIGH (1 ignored)"), "{text}");
        assert!(text.contains("[CVE-2026-1000](https://nvd.nist.gov/vuln/detail/CVE-2026-1000)"), "{text}");
        assert!(text.contains("a &#124; pipe, a &#96;tick&#96; and a &#60;tag&#62;"), "{text}");
        assert!(text.contains("no fix yet"), "{text}");
    }

    #[test]
    fn a_rollback_shows_why_and_when() {
        let text = summary(&samples::record(&samples::rolled_back()), LIMIT);
        assert!(text.contains("Exit code 4."), "{text}");
        assert!(text.contains("- Likely cause: the container app exits with 1 at its start"), "{text}");
        assert!(text.contains("- Circuit breaker: 3 of 3"), "{text}");
        assert!(text.contains("| 0:04 | task 0123456789abcdef stopped, EssentialContainerExited: "), "{text}");
        assert!(text.contains("app exited with 1 (no such table)"), "{text}");
    }

    #[test]
    fn ten_thousand_findings_stay_below_the_limit_and_say_what_is_missing() {
        let record = samples::record(&samples::refused(10_000));
        let text = summary(&record, LIMIT);
        assert!(text.len() < LIMIT);
        assert!(text.contains("… and 9000 more"), "the table is capped");
        for room in [0, 10, 100, 500, 5000] {
            let text = summary(&record, room);
            assert!(text.len() <= room, "{} bytes for {room}", text.len());
            assert!(text.is_empty() || text.ends_with(CUT));
        }
    }

    #[test]
    fn a_page_that_is_cut_holds_no_half_of_a_picture() {
        let record = samples::record(&samples::deployed());
        let whole = summary(&record, LIMIT);
        assert!(whole.contains("```mermaid\ngantt\n"), "{whole}");
        for room in 0..whole.len() {
            let text = summary(&record, room);
            assert!(text.len() <= room && text.matches("```").count().is_multiple_of(2), "{room}: {text}");
        }
    }

    #[test]
    fn of_many_rollouts_a_few_are_drawn_and_those_that_failed_first() {
        let mut record = samples::record(&samples::deployed());
        let good = record.services[0].clone();
        record.services = (0..50).map(|n| ServiceRecord { name: format!("svc{n}"), ..good.clone() }).collect();
        record.services[49].outcome = Some(Outcome::RolledBack);
        let text = summary(&record, LIMIT);
        assert_eq!(text.matches("```mermaid").count(), PICTURES);
        assert!(text.contains("title Rollout of svc49\n") && text.contains("### Rollout of svc20\n"), "{text}");
        assert!(!text.contains("title Rollout of svc20\n"));
    }

    #[test]
    fn every_row_has_as_many_cells_as_its_table_whatever_stands_in_them() {
        let mut random = Random(5);
        for _ in 0..500 {
            let mut events = samples::refused(3);
            for event in &mut events {
                if let crate::event::Event::ImageScanned { findings, .. } = event {
                    for finding in findings {
                        finding.title = random.text(20);
                        finding.id = random.text(4);
                        finding.target = random.text(6);
                    }
                }
            }
            let text = summary(&samples::record(&events), LIMIT);
            let table = text.split("### Findings").nth(1).expect("a table of findings");
            let rows: Vec<&str> = table.lines().filter(|line| line.starts_with('|')).collect();
            assert_eq!(rows.len(), 5, "{text}");
            assert!(rows.iter().all(|row| row.matches('|').count() == 8), "{text}");
            assert!(!text.contains("@here") && !text.contains("<!channel>"), "{text}");
        }
    }
}
