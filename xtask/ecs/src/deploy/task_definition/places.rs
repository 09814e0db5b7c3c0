//! Where the members of a document are written: file, line and column of each, by its path.

use serde_json::Value;

use super::json;
use crate::deploy::normal::label;
use crate::failure::Place;
use crate::gather::Gather;

/// The places of one document, or of one that others are laid over: the last that has a member wrote it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<(String, Node)>);

/// A member's name or an element, what it is called in paths, and what is in it.
#[derive(Clone, Debug)]
struct Node {
    at: (usize, usize),
    labels: Vec<String>,
    inside: Vec<Node>,
}

impl Places {
    /// `text` is the JSON that `document` was read from.
    pub(super) fn of(text: &str, file: &str, document: &Value) -> Self {
        let mut scanner = Scanner { text, at: 0 };
        Self(vec![(file.to_owned(), Node { at: (1, 1), labels: Vec::new(), inside: scanner.inside("", document) })])
    }

    pub(in crate::deploy) fn lay_over(&mut self, over: Self) {
        self.0.extend(over.0);
    }

    /// Those of a member, as if it were the whole document.
    pub(super) fn within(mut self, member: &str) -> Self {
        for (_, root) in &mut self.0 {
            if let Some(inner) = root.inside.iter().position(|node| node.labels.iter().any(|label| label == member)) {
                let rest: Vec<Node> = std::mem::take(&mut root.inside);
                root.inside = rest.into_iter().nth(inner).map(|node| node.inside).unwrap_or_default();
            }
        }
        self
    }

    /// The place of a path such as `containerDefinitions[app].environment[LOG].value`.
    pub(crate) fn get(&self, path: &str) -> Option<Place> {
        self.find(&segments(path))
    }

    /// The place of a member by the names and labels on the way to it.
    pub(crate) fn find<S: AsRef<str>>(&self, way: &[S]) -> Option<Place> {
        self.0.iter().rev().find_map(|(file, root)| {
            let end = way.iter().try_fold(root, |node, step| {
                node.inside.iter().find(|inside| inside.labels.iter().any(|label| label == step.as_ref()))
            })?;
            let (line, column) = end.at;
            Some(Place { file: file.clone(), line, column })
        })
    }
}

/// `a.b[c]` as `a`, `b`, `c`.
pub(super) fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, after) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').unwrap_or((inner, "")),
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        segments.push(segment.to_owned());
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    segments
}

/// What paths call an element of the list `name`: by what tells it apart, by its own name, by its number.
fn labels(name: &str, index: usize, element: &Value) -> Vec<String> {
    let told = label(name, element);
    let named = element.get("name").and_then(Value::as_str).map(str::to_owned);
    told.into_iter().chain(named).chain([index.to_string()]).gather()
}

/// Walks through a text that is JSON, along the document that was read from it.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    /// What is inside the value that begins here; `name` is that of its member. Ends behind it.
    fn inside(&mut self, name: &str, value: &Value) -> Vec<Node> {
        match value {
            Value::Object(members) => {
                self.pass("{");
                let nodes = members.iter().map(|(name, value)| {
                    let at = self.place();
                    self.string();
                    self.pass(":");
                    let inside = self.inside(name, value);
                    self.pass(",");
                    Node { at, labels: vec![name.clone()], inside }
                });
                let nodes = nodes.gather();
                self.pass("}");
                nodes
            }
            Value::Array(elements) => {
                self.pass("[");
                let nodes = elements.iter().enumerate().map(|(index, value)| {
                    let at = self.place();
                    let inside = self.inside("", value);
                    self.pass(",");
                    Node { at, labels: labels(name, index, value), inside }
                });
                let nodes = nodes.gather();
                self.pass("]");
                nodes
            }
            Value::String(_) => {
                self.string();
                Vec::new()
            }
            _ => {
                let rest = &self.text[self.at..];
                self.at += rest.find([',', ']', '}', ' ', '\n', '\r', '\t']).unwrap_or(rest.len());
                self.blank();
                Vec::new()
            }
        }
    }

    fn place(&mut self) -> (usize, usize) {
        self.blank();
        json::place(self.text, self.at)
    }

    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    /// One sign, where it is here.
    fn pass(&mut self, sign: &str) {
        self.blank();
        if self.text[self.at..].starts_with(sign) {
            self.at += sign.len();
        }
        self.blank();
    }

    fn string(&mut self) {
        self.blank();
        let mut escaped = false;
        let end = self.text[self.at + 1..].find(|c: char| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.at += end.map_or(self.text.len() - self.at, |end| end + 2);
        self.blank();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "family": "a \"{\\",
  "containerDefinitions": [
    { "image": "x", "name": "app",
      "environment": [{ "name": "A", "value": "1" }, { "value": "[,]", "name": "B" }],
      "portMappings": [ { "containerPort": 80 } ], "command": ["a", "b"] ,
      "dockerLabels": { "com.example.x": "1" } }, {"name":"side","cpu":1 }
  ]
}"#;

    #[test]
    fn each_member_has_its_place_by_whatever_its_path_calls_it() {
        let places = Places::of(TEXT, "td.json", &serde_json::from_str(TEXT).expect("it is JSON"));
        for (path, place) in [
            ("family", "2:3"),
            ("containerDefinitions", "3:3"),
            ("containerDefinitions[app].name", "4:21"),
            ("containerDefinitions[app].environment[A].value", "5:38"),
            ("containerDefinitions[0].environment[B].value", "5:56"),
            ("containerDefinitions[app].portMappings[80].containerPort", "6:27"),
            ("containerDefinitions[app].portMappings[0]", "6:25"),
            ("containerDefinitions[app].command[1]", "6:69"),
            ("containerDefinitions[app].dockerLabels[com.example.x]", "7:25"),
            ("containerDefinitions[side].cpu", "7:66"),
        ] {
            let found = places.get(path).map(|Place { line, column, .. }| format!("{line}:{column}"));
            assert_eq!(found.as_deref(), Some(place), "{path}");
        }
        assert_eq!(places.get("containerDefinitions[other].cpu"), None);
        assert_eq!(places.get("nothing"), None);
    }
}
