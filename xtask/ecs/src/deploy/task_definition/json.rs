//! A document's text: UTF-8, and JSON in which an object has each member once.
//!
//! serde_json takes the last of two members of one name, without a word; so do the tools around ECS.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What keeps a text from being read, at line and column from 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flaw {
    pub place: (usize, usize),
    pub message: String,
}

fn flaw<T>(place: (usize, usize), message: &str) -> Result<T, Flaw> {
    Err(Flaw { place, message: message.to_owned() })
}

/// The text of a file, without the byte-order mark that some editors write.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, Flaw> {
    const UTF_8: &[u8] = b"\xEF\xBB\xBF";
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") || bytes.contains(&0) {
        return flaw((1, 1), "the file is in UTF-16; save it in UTF-8");
    }
    let bytes = if bytes.starts_with(UTF_8) { bytes[UTF_8.len()..].to_vec() } else { bytes };
    String::from_utf8(bytes).or_else(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..good]);
        flaw(place(&before, before.len()), "the file is not in UTF-8 from here on; save it in UTF-8")
    })
}

/// The document of this text.
pub(super) fn parse(text: &str) -> Result<Value, Flaw> {
    serde_json::from_str(text).map(|Strict(value)| value).or_else(|error| {
        let at = offset(text, error.line(), error.column());
        let said = error.to_string();
        let said = said.split(" at line ").next().unwrap_or_default();
        let rest = &text[at..];
        if error.is_data() {
            // The reader stands at the end of the member's name.
            let name_ends = text[..=at].rfind('"').unwrap_or_default();
            return flaw(place(text, text[..name_ends].rfind('"').unwrap_or_default()), said);
        }
        let hint = ["//", "/*", "#"].iter().any(|mark| rest.starts_with(mark));
        let hint = if hint { "; JSON has no comments, leave it out" } else { "" };
        flaw((error.line(), error.column()), &format!("not valid JSON: {said}{hint}"))
    })
}

/// Line and column, from 1.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The byte that serde_json means; its columns count bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A value whose objects have each member once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Once).map(Self)
    }
}

struct Once;

impl<'de> Visitor<'de> for Once {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(A::Error::custom(format_args!("the member `{name}` is there twice in one object")));
            }
            let Strict(value) = members.next_value()?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(bytes: &[u8]) -> Result<Value, String> {
        let read = text(bytes.to_vec()).and_then(|text| parse(&text));
        read.map_err(|Flaw { place: (line, column), message }| format!("td.json:{line}:{column}: {message}"))
    }

    #[test]
    fn what_is_json_is_read_as_it_is() {
        let text = r#"{ "a": [null, true, -1, 18446744073709551615, 0.5, "ü\n"], "b": { "a": {} } }"#;
        assert_eq!(read(text.as_bytes()), Ok(serde_json::from_str(text).expect("it is JSON")));
        assert_eq!(read(b"\xEF\xBB\xBF{ \"a\": 1 }\r\n"), Ok(json!({ "a": 1 })), "editors write such a mark");
    }

    #[test]
    fn what_is_none_is_told_with_its_place() {
        let utf16: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (bytes, expected) in [
            (&b"{\n  \"cpu\": 1,\n  \"cpu\": 2\n}"[..], "td.json:3:3: the member `cpu` is there twice in one object"),
            (
                b"[{ \"a\": { \"x\": 1, \"y\": 2, \"x\": 3 } }]",
                "td.json:1:27: the member `x` is there twice in one object",
            ),
            (
                b"{\n  // why\n  \"a\": 1\n}",
                "td.json:2:3: not valid JSON: key must be a string; JSON has no comments, leave it out",
            ),
            (
                b"{ \"a\": 1 /* why */ }",
                "td.json:1:10: not valid JSON: expected `,` or `}`; JSON has no comments, leave it out",
            ),
            (b"# why\n{}", "td.json:1:1: not valid JSON: expected value; JSON has no comments, leave it out"),
            (b"{ \"a\": 1, }", "td.json:1:11: not valid JSON: trailing comma"),
            (b"", "td.json:1:0: not valid JSON: EOF while parsing a value"),
            (b"{\n \"a\": \"\xFF\" }", "td.json:2:8: the file is not in UTF-8 from here on; save it in UTF-8"),
            (&utf16, "td.json:1:1: the file is in UTF-16; save it in UTF-8"),
            (&[&b"\xFF\xFE"[..], &utf16].concat(), "td.json:1:1: the file is in UTF-16; save it in UTF-8"),
        ] {
            assert_eq!(read(bytes), Err(expected.to_owned()), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
