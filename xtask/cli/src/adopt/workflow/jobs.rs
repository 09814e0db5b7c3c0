//! Jobs as they run: once for each combination of a matrix, and with the inputs that a caller gives.
//! Source: GitHub's documentation, "Running variations of jobs in a workflow" and "Reusing workflows".

use std::path::Path;

use serde_json::Value;
use xtask_ecs::Failure;

use super::step::filled;
use crate::adopt::document;
use crate::adopt::yaml::{Document, pairs, written};
use crate::init::Survey;

/// Variables of the environment by their names, and `matrix.…` and `inputs.…` by theirs; each with what it is, as [`filled`].
pub type Known = Vec<(String, String)>;

/// More legs, or more workflows that call each other, are nobody's.
const MOST: usize = 64;

/// A file, and what is known of its inputs.
pub struct Called {
    pub name: String,
    pub document: Document,
    pub inputs: Known,
}

/// A workflow and those of this repository that its jobs call, as often as they do.
pub fn called(found: &Survey, file: &Path) -> Result<Vec<Called>, Failure> {
    let name = found.name_of(file);
    let first = document(file, &name)?;
    let inputs = inputs(&first.value["on"], &Known::new());
    let mut all = vec![Called { name, document: first, inputs }];
    let mut next = 0;
    while next < all.len() && all.len() < MOST {
        let calls = calls(&all[next]);
        for (path, given) in calls {
            let path = found.git.as_ref().unwrap_or(&found.root).join(path);
            let name = found.name_of(&path);
            let document = document(&path, &name)?;
            let inputs = self::inputs(&document.value["on"], &given);
            all.push(Called { name, document, inputs });
        }
        next += 1;
    }
    Ok(all)
}

/// Paths from the root of the repository, each with what it is given.
fn calls(caller: &Called) -> Vec<(String, Known)> {
    let mut calls = Vec::new();
    for of in caller.document.value["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values()) {
        let Some(path) = of["uses"].as_str().and_then(|uses| uses.strip_prefix("./")) else { continue };
        for leg in legs(&of["strategy"]["matrix"]) {
            let known = [caller.inputs.clone(), leg].concat();
            let given = pairs(&of["with"]).into_iter().map(|(name, value)| (name, filled(&known, &value))).collect();
            calls.push((path.to_owned(), given));
        }
    }
    calls
}

/// What is given, and defaults.
fn inputs(on: &Value, given: &Known) -> Known {
    let mut known = Known::new();
    for trigger in ["workflow_dispatch", "workflow_call"] {
        for (name, of) in on[trigger]["inputs"].as_object().into_iter().flatten() {
            let default = (!of["default"].is_null()).then(|| written(&of["default"]));
            let given = given.iter().find(|(it, _)| it == name).map(|(_, value)| value.clone());
            known.extend(given.or(default).map(|value| (format!("inputs.{name}"), value)));
        }
    }
    known
}

/// The environment of a step: later ones see earlier ones, and all of them the folder that is checked out.
pub fn environment(mut known: Known, levels: &[&Value]) -> Known {
    known.extend(["GITHUB_WORKSPACE", "github.workspace"].map(|name| (name.to_owned(), ".".to_owned())));
    for level in levels {
        let here: Known = pairs(level).into_iter().map(|(name, value)| (name, filled(&known, &value))).collect();
        known.extend(here);
    }
    known
}

/// The combinations of a matrix; one, which knows nothing, where there is none or a run alone knows it.
pub fn legs(matrix: &Value) -> Vec<Known> {
    let members = matrix.as_object().into_iter().flatten();
    let (mut legs, mut axes) = (vec![Vec::<(&str, &Value)>::new()], 0);
    for (axis, values) in
        members.filter(|(name, values)| !["include", "exclude"].contains(&name.as_str()) && values.is_array())
    {
        axes += 1;
        let values = values.as_array().into_iter().flatten();
        legs = values
            .flat_map(|value| legs.iter().map(move |leg| [&leg[..], &[(axis.as_str(), value)]].concat()))
            .collect();
    }
    let fits = |leg: &[(&str, &Value)], entry: &Value| {
        leg.iter().all(|(axis, value)| entry.get(axis).is_none_or(|wanted| wanted == *value))
    };
    let excluded = matrix["exclude"].as_array().into_iter().flatten().collect::<Vec<_>>();
    legs.retain(|leg| !excluded.iter().any(|entry| fits(leg, entry)));
    let combinations = if axes == 0 { 0 } else { legs.len() };
    legs.truncate(if axes == 0 { 0 } else { MOST });
    for entry in matrix["include"].as_array().into_iter().flatten() {
        let more = || entry.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value));
        let mut is_new = true;
        for leg in legs.iter_mut().take(combinations).filter(|leg| fits(leg, entry)) {
            is_new = false;
            let there: Vec<&str> = leg.iter().map(|(name, _)| *name).collect();
            leg.extend(more().filter(|(name, _)| !there.contains(name)));
        }
        if is_new {
            legs.push(more().collect());
        }
    }
    if legs.is_empty() || legs.len() > MOST {
        return vec![Known::new()];
    }
    let known = |leg: Vec<(&str, &Value)>| {
        let mut known = Known::new();
        for (name, value) in leg {
            flat(&format!("matrix.{name}"), value, &mut known);
        }
        known
    };
    legs.into_iter().map(known).collect()
}

/// `service: { name: api }` is `matrix.service.name`.
fn flat(name: &str, value: &Value, known: &mut Known) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                flat(&format!("{name}.{member}"), value, known);
            }
        }
        Value::Array(_) => {}
        // An expression is known at run time alone.
        value => known.push((name.to_owned(), filled(&Known::new(), &written(value)))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_matrix_is_its_combinations_as_github_makes_them() {
        let legs = |matrix: Value| {
            let legs = legs(&matrix).into_iter();
            let line =
                |leg: Known| leg.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
            legs.map(line).collect::<Vec<_>>()
        };
        assert_eq!(legs(json!(null)), [""]);
        assert_eq!(legs(json!({ "service": "${{ fromJSON(needs.a.outputs.b) }}" })), [""]);
        assert_eq!(
            legs(json!({ "service": [{ "name": "api", "port": 80 }, { "name": "web" }] })),
            ["matrix.service.name=api matrix.service.port=80", "matrix.service.name=web"]
        );
        assert_eq!(
            legs(
                json!({ "a": [1, 2], "b": ["x", "y"], "exclude": [{ "a": 2, "b": "x" }], "include": [{ "a": 1, "c": "z" }, { "a": 3 }] })
            ),
            [
                "matrix.a=1 matrix.b=x matrix.c=z",
                "matrix.a=1 matrix.b=y matrix.c=z",
                "matrix.a=2 matrix.b=y",
                "matrix.a=3"
            ]
        );
        assert_eq!(legs(json!({ "include": [{ "s": "api" }, { "s": "web" }] })), ["matrix.s=api", "matrix.s=web"]);
    }
}
