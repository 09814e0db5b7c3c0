//! What ECS fetches for a task before its containers start.

use serde_json::Value;

use crate::gather::Gather;

/// Where something that a task is given is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Secret,
    Parameter,
    File,
}

/// Something that ECS fetches for a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Such as `containerDefinitions[app].secrets[KEY]`.
    pub place: String,
    pub kind: Stored,
    /// An ARN, or the name of a parameter.
    pub name: String,
}

impl Reference {
    fn of(place: String, written: &str) -> Self {
        let parts: Vec<&str> = written.split(':').gather();
        match parts.get(2) {
            // Behind the secret's own seven parts stand the key, the stage and the version.
            Some(&"secretsmanager") => {
                Self { place, kind: Stored::Secret, name: parts[..parts.len().min(7)].join(":") }
            }
            Some(&"s3") => Self { place, kind: Stored::File, name: written.to_owned() },
            _ => Self { place, kind: Stored::Parameter, name: written.to_owned() },
        }
    }
}

/// What a document's containers are given, each place.
pub(super) fn references(document: &Value) -> Vec<Reference> {
    let mut references = Vec::new();
    for container in document["containerDefinitions"].as_array().into_iter().flatten() {
        let name = container["name"].as_str().unwrap_or_default();
        let mut add = |place: &str, list: &Value, key: &str, value: &str| {
            for (number, item) in list.as_array().into_iter().flatten().enumerate() {
                let Some(written) = item[value].as_str() else { continue };
                let label = item[key].as_str().map_or_else(|| number.to_string(), str::to_owned);
                references.push(Reference::of(format!("containerDefinitions[{name}].{place}[{label}]"), written));
            }
        };
        add("secrets", &container["secrets"], "name", "valueFrom");
        add("logConfiguration.secretOptions", &container["logConfiguration"]["secretOptions"], "name", "valueFrom");
        add("environmentFiles", &container["environmentFiles"], "", "value");
        if let Some(written) = container["repositoryCredentials"]["credentialsParameter"].as_str() {
            references.push(Reference::of(format!("containerDefinitions[{name}].repositoryCredentials"), written));
        }
    }
    references
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_containers_are_given_is_found_in_each_place_and_form() {
        let document = json!({ "containerDefinitions": [{
            "name": "app",
            "secrets": [
                { "name": "A", "valueFrom": "arn:aws:secretsmanager:r:1:secret:db-AbCdEf:password::" },
                { "name": "B", "valueFrom": "/app/key" },
                { "name": "C", "valueFrom": "arn:aws:ssm:r:1:parameter/app/other" },
            ],
            "environmentFiles": [{ "type": "s3", "value": "arn:aws:s3:::bucket/app.env" }],
            "repositoryCredentials": { "credentialsParameter": "arn:aws:secretsmanager:r:1:secret:hub" },
        }] });
        let found: Vec<_> = references(&document).into_iter().map(|it| (it.place, it.kind, it.name)).collect();
        let at = |place: &str| format!("containerDefinitions[app].{place}");
        assert_eq!(
            found,
            [
                (at("secrets[A]"), Stored::Secret, "arn:aws:secretsmanager:r:1:secret:db-AbCdEf".to_owned()),
                (at("secrets[B]"), Stored::Parameter, "/app/key".to_owned()),
                (at("secrets[C]"), Stored::Parameter, "arn:aws:ssm:r:1:parameter/app/other".to_owned()),
                (at("environmentFiles[0]"), Stored::File, "arn:aws:s3:::bucket/app.env".to_owned()),
                (at("repositoryCredentials"), Stored::Secret, "arn:aws:secretsmanager:r:1:secret:hub".to_owned()),
            ]
        );
    }
}
