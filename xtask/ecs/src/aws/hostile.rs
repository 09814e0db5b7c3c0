//! For [`crate::hostile`]: what answers in AWS's place, or AWS itself, may say.

use super::xml;

pub(crate) fn xml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(root) = xml::parse(text) {
        assert!(!root.name.is_empty());
        assert_eq!(root, root.clone());
    }
}

/// What GetLogEvents and FilterLogEvents answer.
pub(crate) fn log(bytes: &[u8]) {
    let Ok(answer) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let named = answer["events"].as_array().map_or(0, Vec::len);
    let messages = super::logs::messages(&answer);
    assert!(messages.len() <= named);
    let (events, next) = super::logs::found(answer);
    assert_eq!((events.len(), next.is_some_and(|next| next.len() > bytes.len())), (named, false));
    let kept: Vec<&String> = events.iter().map(|event| &event.message).filter(|text| !text.is_empty()).collect();
    assert_eq!(kept, messages.iter().filter(|text| !text.is_empty()).collect::<Vec<_>>());
}
