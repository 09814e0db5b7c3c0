//! For [`crate::hostile`]: what answers in AWS's place, or AWS itself, may say.

use super::xml;

pub(crate) fn xml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(root) = xml::parse(text) {
        assert!(!root.name.is_empty());
        assert_eq!(root, root.clone());
    }
}
