//! What an environment changes in a document: a JSON merge patch (RFC 7396), except that the lists whose elements have
//! a name of their own are merged element by element.
//!
//! An element with `"$patch": "delete"` goes, as in a Kubernetes strategic merge patch: `null` cannot stand for it.

use serde_json::{Map, Value};

use crate::gather::Gather;
use crate::text::nearest;

/// The member that tells elements apart, for the lists that are merged; all others are replaced as a whole.
fn merged_by(list: &str) -> Option<&'static str> {
    Some(match list {
        "containerDefinitions" | "environment" | "secrets" | "volumes" | "secretOptions" => "name",
        "mountPoints" => "containerPath",
        "tags" => "key",
        _ => return None,
    })
}

/// What is wrong with a member of an overlay, by its path.
pub(super) type Wrong = (String, String);

/// Lays `over` over the document; everything that cannot be laid over it is told.
pub(in crate::deploy) fn lay_over(document: &mut Value, over: &Value) -> Result<(), Vec<Wrong>> {
    let mut wrong = Vec::new();
    match over {
        Value::Object(members) => object(document, members, "", &mut wrong),
        _ => wrong.push((String::new(), "an overlay is a JSON object".to_owned())),
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn object(under: &mut Value, over: &Map<String, Value>, path: &str, wrong: &mut Vec<Wrong>) {
    if !under.is_object() {
        *under = Value::Object(Map::new());
    }
    let Some(under) = under.as_object_mut() else { return };
    for (name, value) in over {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        match (value, merged_by(name)) {
            (Value::Null, _) => drop(under.shift_remove(name)),
            (Value::Object(members), _) => object(under.entry(name).or_insert(Value::Null), members, &path, wrong),
            (Value::Array(elements), Some(key)) => {
                list(under.entry(name).or_insert_with(|| Value::Array(Vec::new())), elements, (key, &path), wrong);
            }
            _ => drop(under.insert(name.clone(), value.clone())),
        }
    }
}

fn list(under: &mut Value, over: &[Value], (key, path): (&str, &str), wrong: &mut Vec<Wrong>) {
    let Some(under) = under.as_array_mut() else { return };
    for (index, element) in over.iter().enumerate() {
        let (Some(members), Some(name)) = (element.as_object(), element[key].as_str()) else {
            wrong.push((
                format!("{path}[{index}]"),
                format!("an element of `{path}` is told apart by its `{key}`, and this has none"),
            ));
            continue;
        };
        let path = format!("{path}[{name}]");
        let found = under.iter().position(|known| known[key].as_str() == Some(name));
        match (members.get("$patch"), found) {
            (None, Some(found)) => object(&mut under[found], members, &path, wrong),
            (None, None) if key == "name" && path.starts_with("containerDefinitions[") && is_patch(&path, members) => {
                wrong.push((path, no_such("container", name, under, key)));
            }
            (None, None) => {
                let mut new = Value::Null;
                object(&mut new, members, &path, wrong);
                under.push(new);
            }
            (Some(what), Some(found)) if what == "delete" => drop(under.remove(found)),
            (Some(what), None) if what == "delete" => wrong.push((path, no_such("element", name, under, key))),
            (Some(what), _) => {
                wrong.push((format!("{path}.$patch"), format!("`$patch` is {what}, and can be \"delete\" alone")));
            }
        }
    }
}

/// A container without an image changes one that is there.
fn is_patch(path: &str, members: &Map<String, Value>) -> bool {
    path.matches('[').count() == 1 && !members.contains_key("image")
}

fn no_such(what: &str, name: &str, there: &[Value], key: &str) -> String {
    let known: Vec<&str> = there.iter().filter_map(|element| element[key].as_str()).gather();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none at all".to_owned(),
        None => format!("there are `{}`", known.join("`, `")),
    };
    format!("there is no {what} `{name}` that this could change: {hint}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn base() -> Value {
        json!({
            "family": "app", "cpu": "256", "runtimePlatform": { "cpuArchitecture": "ARM64" },
            "containerDefinitions": [
                {
                    "name": "app", "image": "app", "command": ["serve"],
                    "environment": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
                    "secrets": [{ "name": "S", "valueFrom": "x" }],
                    "mountPoints": [{ "sourceVolume": "v", "containerPath": "/data" }],
                },
                { "name": "side", "image": "side" },
            ],
        })
    }

    fn laid(over: &Value) -> Value {
        let mut document = base();
        lay_over(&mut document, over).expect("it can be laid over");
        document
    }

    fn wrong(over: &Value) -> Vec<String> {
        let wrong = lay_over(&mut base(), over).expect_err("it cannot be laid over");
        wrong.into_iter().map(|(path, what)| format!("{path}: {what}")).collect()
    }

    #[test]
    fn members_are_merged_and_null_takes_one_away() {
        let laid = laid(&json!({ "cpu": "1024", "memory": "2048", "runtimePlatform": { "cpuArchitecture": null } }));
        assert_eq!((&laid["cpu"], &laid["memory"], &laid["family"]), (&json!("1024"), &json!("2048"), &json!("app")));
        assert_eq!(laid["runtimePlatform"], json!({}));
    }

    #[test]
    fn named_elements_are_merged_and_other_lists_replaced() {
        let laid = laid(&json!({ "containerDefinitions": [
            { "name": "app", "command": ["serve", "--fast"],
              "environment": [{ "name": "B", "value": "3" }, { "name": "C", "value": "4" }],
              "secrets": [{ "name": "S", "$patch": "delete" }],
              "mountPoints": [{ "containerPath": "/data", "readOnly": true }] },
            { "name": "new", "image": "new", "cpu": 1 },
        ] }));
        let app = &laid["containerDefinitions"][0];
        assert_eq!(
            app["environment"],
            json!([{ "name": "A", "value": "1" }, { "name": "B", "value": "3" }, { "name": "C", "value": "4" }])
        );
        assert_eq!((&app["command"], &app["secrets"]), (&json!(["serve", "--fast"]), &json!([])));
        assert_eq!(app["mountPoints"], json!([{ "sourceVolume": "v", "containerPath": "/data", "readOnly": true }]));
        let names: Vec<_> =
            laid["containerDefinitions"].as_array().into_iter().flatten().map(|it| &it["name"]).collect();
        assert_eq!(names, ["app", "side", "new"]);
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_its_path() {
        assert_eq!(
            wrong(&json!({ "containerDefinitions": [
                { "name": "ap", "cpu": 1 },
                { "cpu": 1 },
                { "name": "side", "$patch": "replace" },
                { "name": "sid", "$patch": "delete" },
            ] })),
            [
                "containerDefinitions[ap]: there is no container `ap` that this could change: did you mean `app`?",
                "containerDefinitions[1]: an element of `containerDefinitions` is told apart by its `name`, and this has none",
                "containerDefinitions[side].$patch: `$patch` is \"replace\", and can be \"delete\" alone",
                "containerDefinitions[sid]: there is no element `sid` that this could change: did you mean `side`?",
            ]
        );
        assert_eq!(wrong(&json!([])), [": an overlay is a JSON object"]);
    }

    #[test]
    fn nothing_laid_over_changes_nothing() {
        assert_eq!(laid(&json!({})), base());
    }
}
