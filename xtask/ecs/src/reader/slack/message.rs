//! What Slack is told: Block Kit, within its limits.
//! Source: Slack's Block Kit reference (header, section, context) and "Formatting text".

use std::fmt::Write;

use serde_json::{Value, json};

use super::SlackConfig;
use super::origin::Origin;
use crate::event::{Finding, Outcome, Progress};
use crate::gather::Gather;
use crate::reader::record::{Happened, ImageRecord, Record, ServiceRecord, advisory_url, count_by_severity, exits};
use crate::reader::shift;
use crate::reader::terminal::text_without_help;
use crate::text::{acts, plain, quantity};

/// Characters of a header's plain text.
const HEADER: usize = 150;
/// Characters of a section's text.
const SECTION: usize = 3000;
/// Characters of one of a section's fields, which may be ten. Slack takes 2,000.
const FIELD: usize = 500;
/// Characters of the longest address that is linked in a field: a link that is cut is none.
const ADDRESS: usize = 400;
/// Blocks of a message.
const BLOCKS: usize = 50;
/// Characters of all blocks together. Slack refuses some 12,000 with `msg_blocks_too_long`, which its reference does not say.
/// Source: slackapi/bolt-js, issues 2509 and 2867, where 11,341 were too many.
const CHARACTERS: usize = 10_000;
/// What a block takes of them beside its text.
const BLOCK: usize = 50;
/// What why something failed may take of blocks and characters; lists of images and services have the rest.
const REASONS: (usize, usize) = (25, 6000);
/// Characters of the text that stands for the message in a notification.
const TEXT: usize = 300;
/// Characters of an error's excerpt; the log has the rest.
const ERROR: usize = 1500;
/// Findings of an image that the message itself names; its thread has more.
const NAMED: usize = 5;

/// One message: `text` is what notifications and screen readers get.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub text: String,
    pub blocks: Vec<Value>,
}

impl Message {
    pub(super) fn payload(&self) -> Value {
        json!({ "text": self.text, "blocks": self.blocks })
    }
}

/// The message while the command runs.
pub(super) fn under_way(record: &Record, origin: &Origin) -> Message {
    let title = format!("⏳ {}{}", capitalised(&record.command), subjects(record));
    let mut page = Page::new(&title);
    page.fields(&fields(record, origin));
    for image in &record.images {
        let state = match (image.released, &image.scan, image.upload) {
            _ if image.released.is_some() || image.left => image.outcome().to_owned(),
            (None, Some(scan), _) if !scan.passed => "refused".to_owned(),
            (_, _, Some((sent, total))) => format!("sent {} of {}", quantity::size(sent), quantity::size(total)),
            (_, Some(_), None) => "scanned".to_owned(),
            (_, None, None) => "building".to_owned(),
        };
        page.line(&format!("*{}* {}: {state}", escape(&image.name), code(image.tag())));
    }
    for service in &record.services {
        let state = match service.timeline.iter().rev().find_map(|moment| progress(&moment.what)) {
            Some(state) if service.outcome.is_none() => state,
            _ => service.outcome().to_owned(),
        };
        page.line(&format!("*{}* on {}: {}", escape(&service.name), escape(&service.cluster), escape(&state)));
    }
    page.finish(&title)
}

/// The message at the command's end.
pub(super) fn end(record: &Record, origin: &Origin, config: &SlackConfig) -> Message {
    let title = title(record);
    let mut page = Page::new(&title);
    page.fields(&fields(record, origin));
    let reasons = reasons(record, config);
    page.leave_room_for(&reasons);
    for image in &record.images {
        page.line(&image_line(image));
    }
    let is_bad = |service: &&ServiceRecord| service.outcome.is_some_and(Outcome::is_bad);
    let (bad, good): (Vec<&ServiceRecord>, Vec<_>) = record.services.iter().partition(is_bad);
    for service in bad.iter().chain(&good) {
        page.line(&service_line(service));
    }
    page.append(reasons);
    page.finish(&title)
}

/// Why the command failed; nothing where it did not.
fn reasons(record: &Record, config: &SlackConfig) -> Page {
    let mut page = Page { room: REASONS.0, left: REASONS.1, is_list: false, ..Page::default() };
    let Some(failure) = record.end.as_ref().and_then(|end| end.failure.as_ref()) else { return page };
    let mention = config.mention_on_failure.as_deref().map(mention).unwrap_or_default();
    page.line(&format!("{mention}Exit code {}", failure.exit_code()));
    page.line(&preformatted(&text_without_help(failure), ERROR));
    if !failure.help.is_empty() {
        page.line(&format!("*Next:* {}", escape(&failure.help.join("\n"))));
    }
    for service in &record.services {
        page.cause(service);
    }
    for image in &record.images {
        page.named_findings(image);
    }
    page.flush();
    page
}

/// What the thread below the last message holds: findings, causes, the rollout's timeline. `None` where there is
/// nothing beyond the message itself.
pub(super) fn details(record: &Record) -> Option<Message> {
    let mut page = Page::default();
    for image in &record.images {
        let Some(scan) = image.scan.as_ref().filter(|scan| !scan.findings.is_empty()) else { continue };
        page.line(&format!("*Findings in {}:* {}", escape(&image.name), count_by_severity(&scan.findings)));
        scan.findings.iter().for_each(|finding| page.line(&finding_line(finding)));
    }
    for service in &record.services {
        if let Some(post_mortem) = &service.post_mortem {
            page.line(&format!("*Stopped tasks of {}*", escape(&service.name)));
            for cause in &post_mortem.causes {
                let exits = exits(&cause.containers);
                let (tasks, stop_code) = (cause.tasks, &cause.stop_code);
                page.line(&escape(&format!("• {tasks} × {stop_code}: {} {exits}", cause.reason)));
            }
            for tail in &post_mortem.logs {
                page.line(&escape(&tail.heading()));
                tail.lines.iter().for_each(|line| page.line(&format!("> {}", escape(line))));
            }
            for group in &post_mortem.targets {
                page.line(&escape(&group.sentence()));
                group.targets.iter().for_each(|target| page.line(&format!("> {}", escape(&target.sentence()))));
            }
        }
        if service.timeline.is_empty() {
            continue;
        }
        page.flush();
        page.line(&format!("*Rollout of {}*", escape(&service.name)));
        for moment in &service.timeline {
            let seconds = moment.at.as_secs();
            let what = escape(&happened(&moment.what));
            page.line(&format!("`{}:{:02}` {what}", seconds / 60, seconds % 60));
        }
    }
    (!page.is_empty()).then(|| page.finish("Details"))
}

fn title(record: &Record) -> String {
    let failed = || format!("{} failed", capitalised(&record.command));
    let (mark, phrase) = match record.outcome() {
        "released" => ("✅", "Released".to_owned()),
        "promoted" => ("✅", "Promoted".to_owned()),
        "left" => ("✅", "Ready, under no tag".to_owned()),
        "deployed" => ("✅", "Deployed".to_owned()),
        "nothing-to-do" => ("✅", "Nothing to do".to_owned()),
        "done" => ("✅", format!("{} done", capitalised(&record.command))),
        "refused" => ("❌", "Refused by the scan".to_owned()),
        "rolled-back" => ("❌", "Rolled back".to_owned()),
        "rollback-failed" => ("❌", "Rollback failed".to_owned()),
        "superseded" => ("⚠️", "Superseded".to_owned()),
        "timed-out" => ("❌", "Timed out".to_owned()),
        "interrupted" => ("⚠️", format!("{} interrupted", capitalised(&record.command))),
        _ => ("❌", failed()),
    };
    format!("{mark} {phrase}{}", subjects(record))
}

/// ` in staging: app 1.4.0, worker 1.4.0`; services where there are any, else images.
fn subjects(record: &Record) -> String {
    let of_service = |service: &ServiceRecord| match service.cluster.as_str() {
        "" => service.name.clone(),
        cluster => format!("{} on {cluster}", service.name),
    };
    let of_image = |image: &ImageRecord| format!("{} {}", image.name, image.tag()).trim_end().to_owned();
    let all: Vec<String> = match record.services.as_slice() {
        [] if record.images.is_empty() => record.tasks.iter().map(|task| task.name.clone()).gather(),
        [] => record.images.iter().map(of_image).gather(),
        services => services.iter().map(of_service).gather(),
    };
    let place = record.environment.as_ref().map_or(String::new(), |name| format!(" in {name}"));
    match all.as_slice() {
        [] => place,
        [_, _, _, _, ..] => format!("{place}: {} and {} more", all[..3].join(", "), all.len() - 3),
        few => format!("{place}: {}", few.join(", ")),
    }
}

fn fields(record: &Record, origin: &Origin) -> Vec<String> {
    let mut fields = Vec::new();
    let mut push = |name: &str, value: String| {
        if !value.is_empty() {
            fields.push(format!("*{name}*\n{value}"));
        }
    };
    push("By", escape(&origin.who));
    push("Repository", escape(&origin.repository));
    push("Commit", link(linkable(&origin.commit_url), origin.commit.get(..12).unwrap_or(&origin.commit)));
    push("Took", record.end.as_ref().map_or(String::new(), |end| quantity::duration(end.seconds)));
    let run = linkable(&origin.run_url);
    push("Run", if run.is_empty() { String::new() } else { link(run, "log") });
    fields
}

fn image_line(image: &ImageRecord) -> String {
    let digest = image.digest.as_ref().map_or(String::new(), |digest| format!("\n`{digest}`"));
    let size = image.size.map_or(String::new(), |(bytes, _)| format!(", {}", quantity::size(bytes)));
    let remark = image.remark.as_ref().map_or(String::new(), |remark| format!(", {}", escape(remark)));
    format!("*{}* {}: {}{size}{remark}{digest}", escape(&image.name), code(image.tag()), image.outcome())
}

fn service_line(service: &ServiceRecord) -> String {
    let mut line = format!("*{}* on {}: {}", escape(&service.name), escape(&service.cluster), service.outcome());
    if !service.revision.is_empty() {
        write!(line, ", {}", escape(&service.revision)).expect("writing to a String cannot fail");
    }
    if service.seconds > 0.0 {
        write!(line, ", {}", quantity::duration(service.seconds)).expect("writing to a String cannot fail");
    }
    for remark in &service.remarks {
        write!(line, ", {}", escape(remark)).expect("writing to a String cannot fail");
    }
    for digest in &service.digests {
        write!(line, "\n`{digest}`").expect("writing to a String cannot fail");
    }
    line
}

fn finding_line(finding: &Finding) -> String {
    let Finding { package, installed, fixed, id, severity, .. } = finding;
    let fixed = if fixed.is_empty() { "no fix yet" } else { fixed };
    let link = advisory_url(id).map_or_else(|| escape(id), |url| link(&url, id));
    format!("• {} {} {} → {}, {link}", escape(severity), escape(package), escape(installed), escape(fixed))
}

fn progress(what: &Happened) -> Option<String> {
    match what {
        Happened::Progress(progress) => {
            let Progress { status, desired, pending, running, failed, .. } = progress;
            let (stage, detail) = (shift::stage(progress), shift::detail(progress));
            Some(format!("{status}{stage}, {running} of {desired} running, {pending} pending, {failed} failed{detail}"))
        }
        _ => None,
    }
}

fn happened(what: &Happened) -> String {
    match what {
        Happened::Started { revision, .. } => format!("rollout of {revision} started"),
        Happened::Progress(_) => progress(what).unwrap_or_default(),
        Happened::Message(message) => message.clone(),
        Happened::TaskStopped { task, stop_code, reason, exit_codes } => {
            format!("task {task} stopped, {stop_code}: {reason} {}", exits(exit_codes))
        }
        Happened::Ended { outcome, revision } => format!("{}, {revision}", outcome.word()),
    }
}

/// Blocks in the making. Lines are packed into sections; what does not fit below the last block is counted.
struct Page {
    blocks: Vec<Value>,
    section: String,
    /// How many blocks there may be. One is kept for the note of what was left out.
    room: usize,
    /// How many characters there may still be.
    left: usize,
    left_out: usize,
    /// Whether what was left out is the end of a list: nothing comes behind it, so that one can tell what is missing.
    is_list: bool,
}

impl Default for Page {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            section: String::new(),
            room: BLOCKS - 1,
            left: CHARACTERS,
            left_out: 0,
            is_list: true,
        }
    }
}

impl Page {
    fn new(title: &str) -> Self {
        let text = fit(&plain(title), HEADER);
        let characters = units(&text);
        let header = json!({ "type": "header", "text": { "type": "plain_text", "text": text, "emoji": true } });
        let mut page = Self::default();
        page.put(header, characters);
        page
    }

    /// A block with so many characters of text.
    fn put(&mut self, block: Value, characters: usize) {
        self.blocks.push(block);
        self.left = self.left.saturating_sub(characters + BLOCK);
    }

    /// Keeps what another page takes.
    fn leave_room_for(&mut self, other: &Self) {
        self.room -= other.blocks.len();
        self.left = self.left.saturating_sub(REASONS.1 - other.left);
    }

    /// The blocks of a page that room was left for.
    fn append(&mut self, other: Self) {
        self.flush();
        self.blocks.extend(other.blocks);
        self.left_out += other.left_out;
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.section.is_empty()
    }

    fn fields(&mut self, fields: &[String]) {
        for ten in fields.chunks(10) {
            let field = |text: &String| json!({ "type": "mrkdwn", "text": fit(text, FIELD) });
            let characters = ten.iter().map(|text| units(text).min(FIELD)).sum();
            self.put(json!({ "type": "section", "fields": ten.iter().map(field).gather::<Vec<_>>() }), characters);
        }
    }

    /// A line of mrkdwn, escaped already.
    fn line(&mut self, line: &str) {
        let line = fit(line, SECTION);
        // Most are counted by their bytes, of which there are never fewer.
        let longer = |count: fn(&str) -> usize| count(&self.section) + 1 + count(&line) > SECTION;
        if longer(str::len) && longer(units) {
            self.flush();
        }
        let begins = self.section.is_empty();
        let taken = units(&line) + if begins { BLOCK } else { 1 };
        let ended = self.is_list && self.left_out > 0;
        if ended || begins && self.blocks.len() >= self.room || taken > self.left {
            self.left_out += 1;
            return;
        }
        self.left -= taken;
        if !begins {
            self.section.push('\n');
        }
        self.section.push_str(&line);
    }

    /// Ends the section under way; the next line begins another.
    fn flush(&mut self) {
        let section = std::mem::take(&mut self.section);
        if !section.trim().is_empty() {
            self.blocks.push(json!({ "type": "section", "text": { "type": "mrkdwn", "text": section } }));
        }
    }

    fn named_findings(&mut self, image: &ImageRecord) {
        let Some(scan) = image.scan.as_ref().filter(|scan| !scan.passed) else { return };
        self.line(&format!("*Findings in {}:* {}", escape(&image.name), count_by_severity(&scan.findings)));
        scan.findings.iter().take(NAMED).for_each(|finding| self.line(&finding_line(finding)));
        if let more @ 1.. = scan.findings.len().saturating_sub(NAMED) {
            self.line(&format!("… and {more} more"));
        }
    }

    fn cause(&mut self, service: &ServiceRecord) {
        let Some(post_mortem) = &service.post_mortem else { return };
        for (name, value) in [
            ("Likely cause", &post_mortem.likely_cause),
            ("Fix", &post_mortem.fix),
            ("Serving now", &post_mortem.serving),
            ("Next", &post_mortem.next),
        ] {
            if !value.is_empty() {
                self.line(&format!("*{name}* ({}): {}", escape(&service.name), escape(value)));
            }
        }
    }

    fn finish(mut self, text: &str) -> Message {
        self.flush();
        if self.left_out > 0 {
            let text = format!("{} further lines are in the log", self.left_out);
            self.blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] }));
        }
        Message { text: fit(&escape(text), TEXT), blocks: self.blocks }
    }
}

/// The three characters that mean something in mrkdwn wherever they stand: without them there is no link, no mention.
/// And no fence: one that is left open would take in the lines after it.
fn escape(text: &str) -> String {
    let text = text.trim().replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = text.replace("```", "'''");
    text.chars().filter(|letter| !acts(*letter) && *letter != '\t').collect()
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{}`", escape(text).replace('`', "'")) }
}

/// A block of text as it is, its end cut to fit.
fn preformatted(text: &str, limit: usize) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    format!("```{}```", fit(&escape(text), limit))
}

fn link(url: &str, text: &str) -> String {
    let text = escape(text).replace('|', "/");
    if url.is_empty() { text } else { format!("<{}|{text}>", url.replace(['<', '>', '|'], "")) }
}

/// An address that a field has room to link; empty for a longer one.
fn linkable(url: &str) -> &str {
    if units(url) > ADDRESS { "" } else { url }
}

/// `U…` and `W…` are members, `S…` a group; a word is one of Slack's own.
fn mention(whom: &str) -> String {
    if !whom.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        return String::new();
    }
    match whom.chars().next() {
        Some('U' | 'W') => format!("<@{whom}> "),
        Some('S') => format!("<!subteam^{whom}> "),
        Some(_) if matches!(whom, "here" | "channel" | "everyone") => format!("<!{whom}> "),
        _ => String::new(),
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Slack's limits, counted the larger way: an emoji is two.
fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// At most `limit` characters, with an ellipsis where something is missing, and no escape cut in half.
fn fit(text: &str, limit: usize) -> String {
    if text.len() <= limit || units(text) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for letter in text.chars() {
        used += letter.len_utf16();
        if used > limit {
            break;
        }
        kept.push(letter);
    }
    for (open, close) in [('&', ';'), ('<', '>')] {
        if let Some(start) = kept.rfind(open)
            && !kept[start..].contains(close)
        {
            kept.truncate(start);
        }
    }
    kept.push('…');
    kept
}

#[cfg(test)]
pub(super) mod tests;
