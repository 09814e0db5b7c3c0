//! For [`crate::hostile`]: messages.

use serde_json::Value;

use super::SlackConfig;
use super::message::{details, end, under_way};
use super::origin::Origin;
use crate::event::Event;
use crate::reader::record::samples;
use crate::text::acts;

/// The message of the end, as JSON.
pub(crate) fn shown(events: &[Event]) -> String {
    let record = samples::record(events);
    let (origin, config) = (Origin::default(), SlackConfig::default());
    let messages = [Some(under_way(&record, &origin)), Some(end(&record, &origin, &config)), details(&record)];
    for message in messages.into_iter().flatten() {
        assert!(message.blocks.len() <= 50);
        assert!(is_plain(&message.text), "{:?}", message.text);
        message.blocks.iter().for_each(block);
    }
    Value::from(end(&record, &origin, &config).blocks).to_string()
}

/// A text that means something is of one kind alone: no fence in it is left open.
fn block(value: &Value) {
    match value {
        Value::Object(members) if members.get("type").is_some_and(|kind| kind == "mrkdwn") => {
            let text = members["text"].as_str().unwrap_or_default();
            assert!(is_plain(text), "{text:?}");
            assert!(text.matches("```").count().is_multiple_of(2), "{text:?}");
            assert!(text.chars().map(char::len_utf16).sum::<usize>() <= 3000, "{text:?}");
        }
        Value::Object(members) if members.get("type").is_some_and(|kind| kind == "plain_text") => {
            let text = members["text"].as_str().unwrap_or_default();
            assert!(!text.contains(acts) && text.chars().map(char::len_utf16).sum::<usize>() <= 150, "{text:?}");
        }
        Value::Object(members) => members.values().for_each(block),
        Value::Array(elements) => elements.iter().for_each(block),
        _ => {}
    }
}

/// No link but to an advisory, no mention, nothing that acts on the text around it.
fn is_plain(text: &str) -> bool {
    let rest = text.replace("<https://", "");
    !rest.contains("<!")
        && !rest.contains("<@")
        && !rest.contains("<#")
        && !rest.contains('<')
        && !text.contains(|letter: char| letter == '\t' || acts(letter))
}
