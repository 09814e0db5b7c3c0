//! YAML, and JSON with it, as plain values that remember their lines.

use saphyr::{LoadableYamlNode, MarkedYaml, Scalar, YamlData};
use serde_json::{Map, Value};

/// A document.
#[derive(Debug)]
pub struct Document {
    pub value: Value,
    /// Paths such as `plugins[0].name`, each with its line.
    lines: Vec<(String, usize)>,
}

impl Document {
    /// The first document of a text; the error says the line.
    pub fn read(text: &str) -> Result<Self, String> {
        let documents = MarkedYaml::load_from_str(text).map_err(|error| error.to_string())?;
        let mut lines = Vec::new();
        let value = documents.first().map_or(Value::Null, |node| plain(node, ("", 1), &mut lines));
        Ok(Self { value, lines })
    }

    pub fn line(&self, path: &str) -> usize {
        self.lines.iter().find(|(known, _)| known == path).map_or(1, |(_, line)| *line)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.value[key].as_str()
    }
}

/// The texts of a list; what else is in it is left out.
pub fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The members of a table as texts: numbers and the like as they are written.
pub fn pairs(value: &Value) -> Vec<(String, String)> {
    let members = value.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), written(value))).collect()
}

/// A value as text.
pub fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A member is on the line of its name, whatever line its value begins on.
fn plain(node: &MarkedYaml<'_>, (path, line): (&str, usize), lines: &mut Vec<(String, usize)>) -> Value {
    lines.push((path.to_owned(), line));
    match &node.data {
        YamlData::Value(scalar) => of_scalar(scalar),
        YamlData::Representation(text, ..) => Value::from(text.as_ref()),
        YamlData::Sequence(items) => {
            let item = |(at, item): (usize, &MarkedYaml<'_>)| {
                plain(item, (&format!("{path}[{at}]"), item.span.start.line()), lines)
            };
            Value::Array(items.iter().enumerate().map(item).collect())
        }
        YamlData::Mapping(members) => {
            let mut object = Map::new();
            for (key, member) in members {
                let line = key.span.start.line();
                let key = match plain(key, ("", line), &mut Vec::new()) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                object.insert(key, plain(member, (&path, line), lines));
            }
            Value::Object(object)
        }
        YamlData::Tagged(_, inner) => plain(inner, (path, line), lines),
        _ => Value::Null,
    }
}

fn of_scalar(scalar: &Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(value) => Value::from(*value),
        Scalar::Integer(number) => Value::from(*number),
        Scalar::FloatingPoint(number) => Value::from(number.into_inner()),
        Scalar::String(text) => Value::from(text.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::Document;

    #[test]
    fn values_remember_their_lines() {
        let document =
            Document::read("# a\nregion: eu-west-1\nplugins:\n  - name: tfstate\n    config:\n      url: s3://b/k\n")
                .expect("YAML");
        assert_eq!(document.text("region"), Some("eu-west-1"));
        assert_eq!((document.line("region"), document.line("plugins[0].config.url")), (2, 6));
        assert_eq!((document.line("plugins"), document.line("plugins[0].config")), (3, 5));
        assert!(Document::read("a: [").is_err());
    }
}
