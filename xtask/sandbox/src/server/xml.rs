//! Answers in XML: a member is an element, an item of a list is an element `member`.

use std::fmt::Write;

use serde_json::Value;

/// A whole document, whose root has this namespace and these elements.
pub(super) fn document(root: &str, namespace: &str, elements: &str) -> String {
    format!("<{root} xmlns=\"{namespace}\">{elements}</{root}>")
}

/// An element of this name; none for null.
pub(super) fn element(name: &str, value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, name, value);
    text
}

fn write(text: &mut String, name: &str, value: &Value) {
    if value.is_null() {
        return;
    }
    text.extend(["<", name, ">"]);
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| write(text, name, value)),
        Value::Array(items) => items.iter().for_each(|item| write(text, "member", item)),
        Value::String(words) => escape(text, words),
        other => write!(text, "{other}").expect("a string takes everything"),
    }
    text.extend(["</", name, ">"]);
}

fn escape(text: &mut String, words: &str) {
    for letter in words.chars() {
        match letter {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            // Otherwise a parser would make it a line feed.
            '\r' => text.push_str("&#xD;"),
            _ => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_elements_and_items_are_members() {
        let value = json!({"Count": 3, "Names": ["a&b", {"Deep": "<\"x\">"}], "None": null, "Set": true});
        let text = "<Root><Count>3</Count><Names><member>a&amp;b</member><member><Deep>&lt;&quot;x&quot;&gt;</Deep>\
            </member></Names><Set>true</Set></Root>";
        assert_eq!(element("Root", &value), text);
    }
}
