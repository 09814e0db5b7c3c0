//! A task definition that runs somewhere: its images, and how a new document differs from it.

use serde_json::Value;
use xtask_ecs::reference::{Home, Named};

/// What a container runs.
pub struct Image {
    pub container: String,
    /// The registry's host; empty where none is written.
    pub host: String,
    /// Of a registry of ECR's.
    pub home: Option<Home>,
    pub repository: String,
    /// `None` where there is none, or a digest alone.
    pub tag: Option<String>,
    /// A lookup stands for a part of it, or for all.
    pub is_looked_up: bool,
}

impl Image {
    pub fn of(container: &Value) -> Option<Self> {
        let text = container["image"].as_str()?;
        let Named { host, path, tag, .. } = Named::of(text);
        // A lookup alone is registry and repository, and perhaps the tag.
        let is_known = host.is_some() || !path.starts_with("${") || !path.ends_with('}');
        let host = host.unwrap_or_default();
        Some(Self {
            container: container["name"].as_str()?.to_owned(),
            host: if is_known { host } else { path }.to_owned(),
            home: Home::of(host),
            repository: if is_known { path } else { "" }.to_owned(),
            tag: tag.filter(|tag| !tag.is_empty()).map(str::to_owned),
            is_looked_up: text.contains("${"),
        })
    }

    /// Without what a deploy puts there.
    pub fn reference(&self) -> String {
        let parts = [&*self.host, &*self.repository];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/")
    }
}

/// Members whose own are named by whoever writes them.
const FREE: [&str; 4] = ["dockerLabels", "driverOpts", "labels", "options"];

/// What says nothing: lists that nobody filled, texts that are empty where ECS wants one of its words, no CPU for containers.
/// Values of variables may be empty, and so may what has names of a team's own.
pub fn leave_out_empty(value: &mut Value) {
    match value {
        Value::Object(members) => {
            let named = members.iter_mut().filter(|(name, _)| !FREE.contains(&name.as_str()));
            named.for_each(|(_, value)| leave_out_empty(value));
            members.retain(|name, value| {
                let says_nothing = match value {
                    Value::Array(items) => items.is_empty(),
                    Value::String(text) => text.is_empty() && name != "value",
                    other => name == "cpu" && *other == 0,
                };
                !says_nothing
            });
        }
        Value::Array(items) => items.iter_mut().for_each(leave_out_empty),
        _ => {}
    }
}

/// A deploy puts the digest there: what stood for the tag would only have to be looked up.
pub fn without_tags(document: &mut Value, ours: impl Fn(&Image) -> bool) {
    for container in document["containerDefinitions"].as_array_mut().into_iter().flatten() {
        if let Some(image) = Image::of(container).filter(|image| ours(image)) {
            container["image"] = Value::from(image.reference());
        }
    }
}

/// Where two documents differ, by paths.
pub fn differences(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare(old, new, "", &mut found);
    found
}

fn compare(old: &Value, new: &Value, path: &str, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            for name in before.keys().chain(after.keys().filter(|name| !before.contains_key(*name))) {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                compare(&old[name], &new[name], &path, found);
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (at, (before, after)) in before.iter().zip(after).enumerate() {
                compare(before, after, &format!("{path}[{at}]"), found);
            }
        }
        _ if old == new => {}
        _ => found.push(format!("{path}: {old} → {new}; a deploy pins it by digest")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_is_taken_apart_wherever_it_is() {
        let of = |text: &str| {
            let image = Image::of(&json!({ "name": "a", "image": text })).expect("a name and an image");
            (image.host, image.home.map(|home| home.region), image.repository, image.tag)
        };
        let owned = |text: &str| text.to_owned();
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        assert_eq!(
            of(&format!("{ecr}/shop/api:1.4.0")),
            (owned(ecr), Some(owned("eu-west-1")), owned("shop/api"), Some(owned("1.4.0")))
        );
        assert_eq!(of(&format!("{ecr}/shop/api:1@sha256:0")).3.as_deref(), Some("1"));
        assert_eq!(of(&format!("{ecr}/shop/api@sha256:0")).3, None);
        assert_eq!(of("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/api").1.as_deref(), Some("cn-north-1"));
        assert_eq!(of("123456789012.dkr-ecr.eu-west-1.on.aws/api").1.as_deref(), Some("eu-west-1"));
        assert_eq!(of("nginx:1.25"), (owned(""), None, owned("nginx"), Some(owned("1.25"))));
        assert_eq!(of("org/api"), (owned(""), None, owned("org/api"), None));
        assert_eq!(of("${env:IMAGE}"), (owned("${env:IMAGE}"), None, owned(""), None));
        assert_eq!(
            of("${tfstate:aws_ecr_repository.a.repository_url}:${env:TAG}"),
            (owned("${tfstate:aws_ecr_repository.a.repository_url}"), None, owned(""), Some(owned("${env:TAG}")))
        );
        assert_eq!(of("${ssm:/a/b}:latest"), (owned("${ssm:/a/b}"), None, owned(""), Some(owned("latest"))));
        assert_eq!(
            of("${env:ID}.dkr.ecr.eu-west-1.amazonaws.com/${env:STAGE:-x}/api:1"),
            (owned("${env:ID}.dkr.ecr.eu-west-1.amazonaws.com"), None, owned("${env:STAGE:-x}/api"), Some(owned("1")))
        );
        assert_eq!(of("${env:HOST}/api:1"), (owned("${env:HOST}"), None, owned("api"), Some(owned("1"))));
        assert_eq!(of("${env:HOST}/${env:NAME}").2, "${env:NAME}");
        assert_eq!(of("localhost:5000/api:2"), (owned("localhost:5000"), None, owned("api"), Some(owned("2"))));
    }
}
