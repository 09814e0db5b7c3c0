//! The service's own document: read like a task definition's, and beside the service as it is.

use serde_json::{Map, Value};

use super::diff::Change;
use super::normal::text_of;
use super::task_definition::{self, Text, at, fault, fill, invalid, overlay};
use crate::aws::ecs::{Oddity, ServiceDocument, is_for_good, rolls_out};
use crate::config::{Answers, Config, Definition, Service};
use crate::failure::{Failure, Fault, Result};
use crate::gather::Gather;
use crate::lookup::Lookup;
use crate::sorted::SortedSet;

/// A document, and the members of it that ECS may know and this tool does not.
#[derive(Debug)]
pub(crate) struct Written {
    pub document: ServiceDocument,
    pub warnings: Vec<Fault>,
}

/// What a deploy changes of a service beside its task definition and its number of tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Settings {
    pub changes: Vec<Change>,
    /// What UpdateService is sent: each member that changes, with what the service has of it and nobody wrote.
    pub members: Map<String, Value>,
    /// What the service has of them now, where it has something.
    pub before: Map<String, Value>,
    /// Whether one of them starts a rollout.
    pub rolls_out: bool,
}

/// The lookups of a service's document; none of a file that cannot be read, which [`read`] tells of.
pub(crate) fn lookups(definition: &Definition) -> SortedSet<Lookup> {
    task_definition::lookups(&definition.file, definition.overlay.as_deref())
}

/// Reads the document with these values for its lookups, or with what stands in for them; without any they stay as they are
/// written. Every problem is in one failure, with file, line and column where it has one.
pub(crate) fn read(
    config: &Config,
    definition: &Definition,
    answers: Option<&Answers>,
    stand_in: bool,
) -> Result<Written> {
    let name = |file: &std::path::Path| file.strip_prefix(&config.root).unwrap_or(file).display().to_string();
    let base = Text::read(&definition.file, name(&definition.file), "service definition")?;
    let over = definition.overlay.as_ref().map(|file| Text::read(file, name(file), "overlay")).transpose()?;
    let Text { name, mut document, mut places } = base;
    if let Some(over) = over {
        let wrong = overlay::lay_over(&mut document, &over.document).err().unwrap_or_default();
        if !wrong.is_empty() {
            let faults = wrong.into_iter().map(|(path, what)| at(&over.name, over.places.get(&path), what)).gather();
            return Err(invalid(faults, &over.name));
        }
        places.lay_over(over.places);
    }
    let filled = answers.map_or(Ok(Vec::new()), |answers| fill::fill(&mut document, &places, answers));
    let filled = filled.map_err(Failure::together)?;
    if let (false, Err(flaws)) = (filled.is_empty(), ServiceDocument::written(document.clone(), definition.kind)) {
        fill::fit(&mut document, &filled, &flaws, stand_in);
    }
    let (document, odd) = ServiceDocument::written(document, definition.kind)
        .map_err(|flaws| invalid(flaws.into_iter().map(|flaw| fault(&places, &name, flaw)).gather(), &name))?;
    let warning = |Oddity { path, .. }: &Oddity| {
        let message = format!("this tool does not know the member `{path}`; it is sent to ECS as it is written");
        at(&name, places.get(path), message)
    };
    Ok(Written { document, warnings: odd.iter().map(warning).gather() })
}

/// What a document changes of a service that exists: the members that somebody wrote, and nothing else.
///
/// Fails (exit 2) where a member differs that a service keeps for good.
pub(super) fn settings(service: &Service, document: &ServiceDocument, live: &Value) -> Result<Settings> {
    let (mut settings, mut for_good) = (Settings::default(), Vec::new());
    for (name, wanted) in document.members() {
        let has = live.get(name);
        // What ECS does not tell, such as the tags that this identity may not see, cannot differ.
        if is_for_good(name) && (name == "tags" || has.is_none_or(Value::is_null)) {
            continue;
        }
        let mut changes = Vec::new();
        compare(&format!("service.{name}"), wanted, has, &mut changes);
        if changes.is_empty() {
            continue;
        }
        if is_for_good(name) {
            for_good.extend(changes.into_iter().map(|change| {
                let (before, after) = (change.before.unwrap_or_default(), change.after.unwrap_or_default());
                format!("`{}` is {before}, and {after} is written", &change.path["service.".len()..])
            }));
            continue;
        }
        // Every update of a daemon is a deployment.
        settings.rolls_out |= rolls_out(name) || service.is_daemon();
        settings.members.insert(name.clone(), laid_over(has, wanted));
        if let Some(has) = has.filter(|has| !has.is_null()) {
            settings.before.insert(name.clone(), has.clone());
        }
        settings.changes.extend(changes);
    }
    if for_good.is_empty() {
        return Ok(settings);
    }
    let message = format!("service {} keeps for good what it was created with: {}", service.name, for_good.join("; "));
    Err(Failure::usage(message).help("write what it has, or create another service"))
}

/// Where what is written differs from what is there. Of an object only what is written counts, and of lists the order does not.
fn compare(path: &str, wanted: &Value, has: Option<&Value>, found: &mut Vec<Change>) {
    let has = has.filter(|has| !has.is_null());
    match (wanted, has) {
        (Value::Object(members), Some(Value::Object(theirs))) => {
            for (name, value) in members {
                compare(&format!("{path}.{name}"), value, theirs.get(name), found);
            }
        }
        _ if alike(wanted, has) => {}
        _ => found.push(Change { path: path.to_owned(), before: has.map(text_of), after: Some(text_of(wanted)) }),
    }
}

fn alike(wanted: &Value, has: Option<&Value>) -> bool {
    match (wanted, has) {
        (Value::Object(members), Some(Value::Object(theirs))) => {
            members.iter().all(|(name, value)| alike(value, theirs.get(name).filter(|it| !it.is_null())))
        }
        (Value::Array(wanted), Some(Value::Array(has))) => {
            let mut left: Vec<&Value> = has.iter().gather();
            let taken = wanted
                .iter()
                .all(|one| left.iter().position(|it| alike(one, Some(it))).map(|at| left.swap_remove(at)).is_some());
            taken && left.is_empty()
        }
        (wanted, Some(has)) => wanted == has,
        (wanted, None) => says_nothing(wanted),
    }
}

/// Whether this says what leaving it out says.
fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_u64() == Some(0),
        // Of `propagateTags`. Source: Amazon ECS API Reference, UpdateService.
        Value::String(text) => text.is_empty() || text == "NONE",
        Value::Array(elements) => elements.is_empty(),
        Value::Object(members) => members.values().all(says_nothing),
    }
}

/// What is written, and beside it what the service has and nobody wrote: UpdateService takes a member as a whole.
fn laid_over(has: Option<&Value>, wanted: &Value) -> Value {
    let (Some(Value::Object(has)), Value::Object(wanted)) = (has, wanted) else { return wanted.clone() };
    let mut all = has.clone();
    for (name, value) in wanted {
        let inside = laid_over(has.get(name), value);
        all.insert(name.clone(), inside);
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::config::Kind;

    fn settled(wanted: &Value, live: &Value) -> Result<Settings> {
        settings(&Service::of_family("app"), &ServiceDocument::written(wanted.clone(), Kind::Service).unwrap().0, live)
    }

    fn live() -> Value {
        json!({
            "serviceName": "app", "desiredCount": 7, "launchType": "FARGATE", "platformVersion": "LATEST",
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-a", "subnet-b"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED" } },
            "deploymentConfiguration": { "maximumPercent": 200, "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
            "loadBalancers": [{ "targetGroupArn": "arn:tg", "containerName": "app", "containerPort": 80 }],
            "enableECSManagedTags": true,
        })
    }

    #[test]
    fn what_is_not_written_is_nobodys_business_and_order_is_none() {
        let same = json!({
            "desiredCount": 2,
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": ["subnet-b", "subnet-a"] } },
            "deploymentConfiguration": { "deploymentCircuitBreaker": { "rollback": true } },
            "loadBalancers": [{ "containerPort": 80, "containerName": "app" }],
            "enableExecuteCommand": false, "propagateTags": "NONE", "healthCheckGracePeriodSeconds": 0,
            "placementStrategy": [], "launchType": "FARGATE", "tags": [{ "key": "team", "value": "a" }],
        });
        assert_eq!(settled(&same, &live()).unwrap(), Settings::default());
    }

    #[test]
    fn a_member_that_differs_is_sent_with_what_the_service_has_of_it_beside_that() {
        let wanted = json!({ "deploymentConfiguration": { "maximumPercent": 150 }, "enableExecuteCommand": true });
        let settings = settled(&wanted, &live()).unwrap();
        assert_eq!(
            Value::Object(settings.members),
            json!({ "deploymentConfiguration": { "maximumPercent": 150, "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": { "enable": true, "rollback": true } }, "enableExecuteCommand": true })
        );
        assert!(!settings.rolls_out);
        let told: Vec<_> = settings.changes.iter().map(|it| (it.path.as_str(), it.before.as_deref())).collect();
        assert_eq!(
            told,
            [("service.deploymentConfiguration.maximumPercent", Some("200")), ("service.enableExecuteCommand", None)]
        );
    }

    #[test]
    fn one_subnet_more_or_fewer_starts_a_rollout() {
        for subnets in [json!(["subnet-a"]), json!(["subnet-a", "subnet-b", "subnet-c"])] {
            let wanted = json!({ "networkConfiguration": { "awsvpcConfiguration": { "subnets": subnets } } });
            let settings = settled(&wanted, &live()).unwrap();
            assert!(settings.rolls_out);
            let sent = &settings.members["networkConfiguration"]["awsvpcConfiguration"];
            assert_eq!((&sent["subnets"], &sent["securityGroups"]), (&subnets, &json!(["sg-1"])));
        }
    }

    #[test]
    fn what_a_service_keeps_for_good_is_refused_with_both_values() {
        let failure = settled(&json!({ "launchType": "EC2" }), &live()).unwrap_err().to_string();
        assert!(failure.contains("`launchType` is FARGATE, and EC2 is written"), "{failure}");
    }
}
