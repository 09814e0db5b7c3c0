//! Lookups in a document: which there are, and what they stand for put in their place.

use serde_json::{Number, Value};

use super::places::{Places, segments};
use crate::aws::ecs::{Flaw, OddityKind};
use crate::config::{Answers, told};
use crate::failure::{Ending, Failure, Fault, Place};
use crate::gather::Gather;
use crate::lookup::{self, Lookup, Template};
use crate::sorted::SortedSet;

/// What stands in for a number: a port, a share of a CPU, megabytes, seconds and attempts that ECS takes, all in one.
const STAND_IN: u64 = 10;

/// A text that held lookups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filled {
    /// As they are written.
    pub lookups: Vec<Lookup>,
    pub place: Option<Place>,
    /// What paths call the members on the way to it.
    labels: Vec<String>,
    pointer: String,
}

/// All lookups of a document; what is no lookup although it should be is told by [`fill`].
pub(in crate::deploy) fn lookups(document: &Value) -> SortedSet<Lookup> {
    let mut found = SortedSet::new();
    let mut document = document.clone();
    walk(&mut document, &mut Way::default(), &mut |_, text| {
        let template = lookup::parse(text.as_str().unwrap_or_default()).ok().flatten();
        found.extend(template.iter().flat_map(Template::lookups).map(|(_, lookup)| lookup.clone()));
    });
    found
}

/// Puts the values in their place. Each problem comes with its own ending: the document's fault, or the world's.
pub(in crate::deploy) fn fill(
    document: &mut Value,
    places: &Places,
    answers: &Answers,
) -> Result<Vec<Filled>, Vec<Failure>> {
    let (mut filled, mut problems) = (Vec::new(), Vec::new());
    walk(document, &mut Way::default(), &mut |way, value| {
        let place = places.find(&way.indices);
        let wrong = |message: &str, help: &str| {
            let help = help.lines().map(str::to_owned).gather();
            Fault { message: message.to_owned(), help, place: place.clone(), ..Fault::default() }
        };
        let mut problem = |ending, fault| problems.push(Failure::of_faults(ending, vec![fault], |_| String::new()));
        let template = match lookup::parse(value.as_str().unwrap_or_default()) {
            Ok(Some(template)) => template,
            Ok(None) => return,
            Err(flaw) => return problem(Ending::Usage, wrong(&flaw.message, &flaw.help)),
        };
        let lookups: Vec<Lookup> = template.lookups().map(|(_, lookup)| lookup.clone()).gather();
        let failed = lookups.iter().filter_map(|lookup| answers.get(lookup)?.as_ref().err());
        let failed: Vec<&Failure> = failed.gather();
        if !failed.is_empty() {
            for failure in failed {
                problem(failure.ending, told(failure, &wrong("", "")));
            }
            return;
        }
        match template.fill(|lookup| answers.get(lookup)?.as_ref().ok()) {
            Ok(new) => *value = new,
            Err(flaw) => problem(Ending::Usage, wrong(&flaw.message, &flaw.help)),
        }
        if !lookups.is_empty() {
            filled.push(Filled { lookups, place, labels: way.labels.clone(), pointer: way.pointer() });
        }
    });
    if problems.is_empty() { Ok(filled) } else { Err(problems) }
}

/// Makes what was looked up the type that ECS takes there, where it can be: parameters and variables have no types, and
/// a state has a port as a number where `environment` wants a text. Where names stand in, so does a number or a flag.
pub(in crate::deploy) fn fit(document: &mut Value, filled: &[Filled], flaws: &[Flaw], stand_in: bool) {
    for flaw in flaws {
        let Flaw::Odd(oddity) = flaw else { continue };
        let OddityKind::Type { wanted, .. } = oddity.kind else { continue };
        let way = segments(&oddity.path);
        let Some(found) = filled.iter().find(|filled| filled.labels == way) else { continue };
        let Some(value) = document.pointer_mut(&found.pointer) else { continue };
        let fitting = match (wanted, &*value) {
            ("a string", Value::Number(number)) => Some(Value::from(number.to_string())),
            ("a string", Value::Bool(flag)) => Some(Value::from(flag.to_string())),
            ("a whole number" | "a number", Value::String(_)) if stand_in => Some(Value::from(STAND_IN)),
            ("true or false", Value::String(_)) if stand_in => Some(Value::from(false)),
            ("a whole number", Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
            ("a number", Value::String(text)) => text.parse().ok().and_then(Number::from_f64).map(Value::Number),
            ("true or false", Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        *value = fitting.unwrap_or_else(|| value.take());
    }
}

/// Gives a task the sizes of a small one where names stand in for them: texts to ECS, and yet numbers.
pub(super) fn size(document: &mut Value, filled: &[Filled]) {
    for (pointer, size) in [("/cpu", "256"), ("/memory", "512")] {
        if let (true, Some(value)) = (filled.iter().any(|it| it.pointer == pointer), document.pointer_mut(pointer)) {
            *value = Value::from(size);
        }
    }
}

/// How a value is reached.
#[derive(Default)]
struct Way {
    /// Members by their names, elements by their numbers.
    indices: Vec<String>,
    /// Elements by what paths call them.
    labels: Vec<String>,
}

impl Way {
    /// Source: RFC 6901.
    fn pointer(&self) -> String {
        let steps = self.indices.iter().map(|step| step.replace('~', "~0").replace('/', "~1"));
        [String::new()].into_iter().chain(steps).gather::<Vec<_>>().join("/")
    }
}

/// Every text of a document, in its order.
fn walk(value: &mut Value, way: &mut Way, visit: &mut dyn FnMut(&Way, &mut Value)) {
    let mut inside = |way: &mut Way, index: String, label: String, value: &mut Value| {
        way.indices.push(index);
        way.labels.push(label);
        walk(value, way, visit);
        way.indices.pop();
        way.labels.pop();
    };
    match value {
        Value::String(_) => visit(way, value),
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let named = element.get("name").and_then(Value::as_str).map(str::to_owned);
                inside(way, index.to_string(), named.unwrap_or_else(|| index.to_string()), element);
            }
        }
        Value::Object(members) => {
            for (name, value) in members {
                inside(way, name.clone(), name.clone(), value);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::super::{Loaded, load, lookups};
    use super::*;
    use crate::config::Kind;
    use crate::failure::Result;

    /// A document in a folder of its own, read with what this says of each lookup, by how it is written.
    fn read(text: &str, answer: impl Fn(&str) -> Result<Value>) -> Result<Loaded> {
        let (folder, file) = written(text);
        let answers = lookups(&file, None).into_iter().map(|lookup| {
            let answer = answer(&lookup.to_string());
            (lookup, answer)
        });
        load((&file, None), Kind::Service, folder.path(), Some(&answers.gather()))
    }

    fn written(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("td.json");
        std::fs::write(&file, text).expect("written");
        (folder, file)
    }

    const TEXT: &str = r#"{
  "family": "app-${environment}",
  "cpu": "${tfstate:a.b.cpu}",
  "containerDefinitions": [{
    "name": "app",
    "memory": "${ssm:/memory}",
    "essential": "${ssm:/essential}",
    "command": ["sh", "-c", "echo ${HOME} ${x:-y} $${ssm:/x}"],
    "portMappings": [{ "containerPort": "${tfstate:a.b[\"c\"].port}" }],
    "environment": [
      { "name": "PORT", "value": "${tfstate:a.b[\"c\"].port}" },
      { "name": "URL", "value": "http://${cfn:base.Host}:${tfstate:a.b[\"c\"].port}/" }
    ],
    "links": "${tfstate:a.links}"
  }]
}"#;

    #[test]
    fn values_are_put_where_they_are_looked_up_as_what_ecs_takes_there() {
        let loaded = read(TEXT, |lookup| {
            Ok(match lookup {
                "${environment}" => json!("staging"),
                "${tfstate:a.b.cpu}" => json!(256),
                "${ssm:/memory}" => json!("512"),
                "${ssm:/essential}" => json!("true"),
                "${tfstate:a.b[\"c\"].port}" => json!(8080),
                "${cfn:base.Host}" => json!("h"),
                "${tfstate:a.links}" => json!(["db"]),
                other => panic!("{other}"),
            })
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(
            *loaded.document.value(),
            json!({ "family": "app-staging", "cpu": "256", "containerDefinitions": [{
                "name": "app",
                "memory": 512,
                "essential": true,
                "command": ["sh", "-c", "echo ${HOME} ${x:-y} ${ssm:/x}"],
                "portMappings": [{ "containerPort": 8080 }],
                "environment": [{ "name": "PORT", "value": "8080" }, { "name": "URL", "value": "http://h:8080/" }],
                "links": ["db"],
            }] })
        );
        let places: Vec<_> = loaded.filled.iter().filter_map(|filled| Some(filled.place.as_ref()?.line)).collect();
        assert_eq!(places, [2, 3, 6, 7, 9, 11, 12, 14]);
    }

    #[test]
    fn every_problem_of_a_document_is_told_with_its_place() {
        let failure = read(TEXT, |lookup| match lookup {
            "${ssm:/memory}" => Err(Failure::usage("no such parameter").help("write another")),
            "${cfn:base.Host}" => Err(Failure::world("no route")),
            "${tfstate:a.links}" => Ok(json!(["db"])),
            "${tfstate:a.b[\"c\"].port}" => Ok(json!([8080])),
            other => Ok(json!(other)),
        })
        .expect_err("it is faulty");
        let told: Vec<_> = failure.faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            ["td.json:6:5: no such parameter\nwrite another", "td.json:12:24: no route"],
            "what is a list inside of a text comes when all is answered"
        );
        assert_eq!(failure.ending, Ending::Usage);
        for (text, told) in [
            ("${ssm:/x", "td.json:1:15: the lookup `${ssm:/x` has no end"),
            ("${ssm:/x} and more", "td.json:1:15: ${ssm:/x} is a list inside of a text"),
        ] {
            let text = format!(r#"{{"family":"f","cpu":"{text}","containerDefinitions":[{{"name":"app"}}]}}"#);
            let failure = read(&text, |_| Ok(json!(["a"]))).expect_err("it is faulty").to_string();
            assert!(failure.starts_with(told), "{failure}");
        }
    }

    #[test]
    fn what_cannot_be_what_ecs_takes_is_told_at_its_place() {
        let text = r#"{ "family": "f", "containerDefinitions": [{ "name": "app", "memory": "${ssm:/m}" }] }"#;
        let failure = read(text, |_| Ok(json!("much"))).expect_err("it is no number").to_string();
        assert_eq!(
            failure,
            "td.json:1:60: `containerDefinitions[app].memory` is a string; ECS takes a whole number there"
        );
    }

    #[test]
    fn without_anybody_to_ask_a_document_stays_as_it_is_written() {
        let (folder, file) = written(r#"{ "family": "${ssm:/x}", "containerDefinitions": [{ "name": "app" }] }"#);
        let loaded = load((&file, None), Kind::Service, folder.path(), None).expect("it is a document");
        assert_eq!(loaded.document.value()["family"], "${ssm:/x}");
    }
}
