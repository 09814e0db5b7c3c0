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
/// Nobody's matrix has so many combinations: GitHub runs 256 jobs of one at most.
const LARGEST: usize = 4096;

/// A combination: what each axis is.
type Leg<'a> = Vec<(&'a str, &'a Value)>;

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
    let axes: Vec<(&str, &Vec<Value>)> = members
        .filter(|(name, _)| !["include", "exclude"].contains(&name.as_str()))
        .filter_map(|(name, values)| Some((name.as_str(), values.as_array()?)))
        .collect();
    if axes.iter().map(|(_, values)| values.len()).try_fold(1_usize, usize::checked_mul).is_none_or(|it| it > LARGEST) {
        return vec![Known::new()];
    }
    let mut legs = vec![Leg::new()];
    for (axis, values) in &axes {
        let with = |value| legs.iter().map(move |leg| [&leg[..], &[(*axis, value)]].concat());
        legs = values.iter().flat_map(with).collect();
    }
    let entries = |name: &str| matrix[name].as_array().into_iter().flatten().filter_map(Value::as_object);
    legs.retain(|leg| {
        !entries("exclude").any(|entry| entry.iter().all(|(name, value)| leg.contains(&(name.as_str(), value))))
    });
    legs.truncate(if axes.is_empty() { 0 } else { legs.len() });
    let mut added: Vec<Leg<'_>> = legs.iter().map(|_| Leg::new()).collect();
    let mut further = Vec::new();
    for entry in entries("include") {
        let more: Leg<'_> = entry.iter().map(|(name, value)| (name.as_str(), value)).collect();
        // What a leg has of the matrix itself has to be the same; what another entry added gives way.
        let fits =
            |leg: &Leg<'_>| leg.iter().all(|(axis, value)| entry.get(*axis).is_none_or(|wanted| wanted == *value));
        let mut is_new = true;
        for (leg, added) in legs.iter().zip(&mut added).filter(|(leg, _)| fits(leg)) {
            is_new = false;
            added.retain(|(name, _)| !entry.contains_key(*name));
            added.extend(more.iter().filter(|it| !leg.contains(it)));
        }
        further.extend(is_new.then_some(more));
    }
    let mut legs: Vec<Leg<'_>> = legs.into_iter().zip(added).map(|(leg, added)| [leg, added].concat()).collect();
    legs.extend(further);
    if legs.is_empty() || legs.len() > MOST {
        return vec![Known::new()];
    }
    let known = |leg: Leg<'_>| {
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
        // What one entry adds, a later one changes; an exclusion has to fit with all that it names.
        let colours = json!({ "a": [1], "b": ["x", "y"], "exclude": [{ "d": 1 }],
            "include": [{ "c": "green" }, { "b": "y", "c": "pink" }] });
        assert_eq!(legs(colours), ["matrix.a=1 matrix.b=x matrix.c=green", "matrix.a=1 matrix.b=y matrix.c=pink"]);
        let ten: Vec<usize> = (0..10).collect();
        assert_eq!(legs(json!({ "a": ten, "b": ten, "c": ten, "d": ten, "e": ten, "f": ten, "g": ten })), [""]);
        assert_eq!(legs(json!({ "a": ten, "b": ten })), [""], "of a hundred none is left out");
    }
}
