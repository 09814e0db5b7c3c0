//! Text from elsewhere, made harmless for a log that GitHub's runner reads.
//!
//! The runner acts on every line of a log that looks like a command, whoever wrote it: a build step that prints
//! `::add-mask::` or `##[set-output name=digest]…` would be obeyed.

use std::borrow::Cow;

use crate::event::Event;
use crate::gather::Gather;

const BREAK: char = '\u{200b}';

/// The event as it may be printed: an invisible character takes the command out of a line that is one.
pub(super) fn defused(event: &Event) -> Cow<'_, Event> {
    let mut copy = event.clone();
    let mut changed = false;
    for text in texts(&mut copy) {
        if let Cow::Owned(safe) = defuse(text) {
            *text = safe;
            changed = true;
        }
    }
    if changed { Cow::Owned(copy) } else { Cow::Borrowed(event) }
}

/// The same text, with no line that the runner would act on.
pub(super) fn defuse(text: &str) -> Cow<'_, str> {
    if !text.contains("::") && !text.contains("##[") {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive(['\n', '\r']) {
        let start = line.len() - line.trim_start().len();
        let line = if line[start..].starts_with("::") {
            Cow::Owned(format!("{}:{BREAK}{}", &line[..start], &line[start + 1..]))
        } else {
            Cow::Borrowed(line)
        };
        safe.push_str(&line.replace("##[", &format!("##{BREAK}[")));
    }
    if safe == text { Cow::Borrowed(text) } else { Cow::Owned(safe) }
}

/// The members that may hold what a builder, a container, a scanner's database or AWS wrote.
fn texts(event: &mut Event) -> Vec<&mut String> {
    match event {
        Event::BuildOutput { line, .. } | Event::TaskOutput { line, .. } => vec![line],
        Event::Note { message, .. } | Event::Warning { message, .. } | Event::ServiceMessage { message, .. } => {
            vec![message]
        }
        Event::Retrying { what, error, .. } => vec![what, error],
        Event::TaskDefinitionChange { before, after, .. } => before.iter_mut().chain(after).gather(),
        Event::ImageScanned { findings, .. } => findings
            .iter_mut()
            .flat_map(|finding| {
                [
                    &mut finding.package,
                    &mut finding.installed,
                    &mut finding.fixed,
                    &mut finding.id,
                    &mut finding.target,
                    &mut finding.title,
                ]
            })
            .gather(),
        Event::TaskStopped { reason, exit_codes, .. } | Event::TaskEnded { reason, exit_codes, .. } => {
            exit_codes.iter_mut().map(|exit| &mut exit.reason).chain([reason]).gather()
        }
        Event::PostMortem { post_mortem, .. } => {
            let causes = post_mortem
                .causes
                .iter_mut()
                .flat_map(|cause| cause.containers.iter_mut().map(|exit| &mut exit.reason).chain([&mut cause.reason]));
            let logs = post_mortem.logs.iter_mut().flat_map(|tail| tail.lines.iter_mut().chain([&mut tail.note]));
            let targets = post_mortem.targets.iter_mut().flat_map(|group| &mut group.targets);
            let targets = targets.map(|target| &mut target.description);
            let causes = causes.chain(logs).chain(targets);
            causes.chain([&mut post_mortem.likely_cause, &mut post_mortem.fix, &mut post_mortem.next]).gather()
        }
        Event::CommandFinished { failure: Some(failure), .. } => failure.texts_mut(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::command::runner;
    use super::*;
    use crate::reader::record::samples::Random;

    #[test]
    fn nothing_that_a_build_prints_is_a_command() {
        let mut random = Random(11);
        let mut defused_some = false;
        for _ in 0..5000 {
            let text = random.text(12);
            let safe = defuse(&text);
            assert_eq!(runner::commands(&safe), [""; 0], "{text:?} became {safe:?}");
            assert_eq!(safe.replace(BREAK, ""), text.replace(BREAK, ""), "only the break is added");
            defused_some |= !runner::commands(&text).is_empty();
        }
        assert!(defused_some, "the generator makes commands at all");
    }

    #[test]
    fn an_ordinary_event_is_not_copied() {
        let line = "#5 [2/3] RUN cargo build --bin app::main".to_owned();
        let event = Event::BuildOutput { image: "app".to_owned(), line };
        assert!(matches!(defused(&event), Cow::Borrowed(_)));
        let line = "  ::set-output name=digest::sha256:0".to_owned();
        let event = Event::BuildOutput { image: "app".to_owned(), line };
        let Event::BuildOutput { line, .. } = defused(&event).into_owned() else { panic!("the same kind of event") };
        assert_eq!(line, "  :\u{200b}:set-output name=digest::sha256:0");
    }
}
