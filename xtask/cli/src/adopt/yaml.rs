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

    pub fn has(&self, path: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == path)
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

/// What is merged in by `<<` gives way to what is written. A member is on the line of its name, whatever line its value begins on.
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
            let (mut object, mut merged) = (Map::new(), Vec::new());
            for (key, member) in members {
                let line = key.span.start.line();
                let key = match plain(key, ("", line), &mut Vec::new()) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                if key == "<<" {
                    merged.push(member);
                    continue;
                }
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                object.insert(key, plain(member, (&path, line), lines));
            }
            for more in merged {
                let maps = match &more.data {
                    YamlData::Sequence(maps) => maps.iter().collect(),
                    _ => vec![more],
                };
                for map in maps {
                    let Value::Object(map) = plain(map, (path, line), lines) else { continue };
                    for (name, value) in map {
                        object.entry(name).or_insert(value);
                    }
                }
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
    use serde_json::json;

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

    #[test]
    fn what_an_anchor_names_is_merged_in_where_nothing_else_is_written() {
        let text = "x: &x\n  build: .\n  environment: &e { A: 1, B: 1 }\ny: &y { user: u }\nservices:\n  web:\n    <<: [*x, *y]\n    environment:\n      <<: *e\n      B: 2\n  job:\n    <<: *x\n    build: job\n";
        let document = Document::read(text).expect("YAML");
        let services = &document.value["services"];
        assert_eq!(services["web"], json!({ "environment": { "B": 2, "A": 1 }, "build": ".", "user": "u" }));
        assert_eq!(services["job"]["build"], "job");
        assert_eq!((document.line("services.web.environment.B"), document.line("services.web.build")), (10, 2));
    }
}
