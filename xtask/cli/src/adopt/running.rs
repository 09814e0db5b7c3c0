//! A task definition that runs somewhere: its images, and how a new document differs from it.

use serde_json::Value;
use xtask_ecs::reference::Home;

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
}

impl Image {
    pub fn of(container: &Value) -> Option<Self> {
        let text = container["image"].as_str()?;
        let (host, rest) = match text.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => (host, rest),
            _ => ("", text),
        };
        let (name, behind) = rest.split_at(rest.find(['@', ':', '$']).unwrap_or(rest.len()));
        let tag = behind.strip_prefix(':').map(|tag| tag.split('@').next().unwrap_or_default().to_owned());
        Some(Self {
            container: container["name"].as_str()?.to_owned(),
            host: host.to_owned(),
            home: Home::of(host),
            repository: name.trim_end_matches('/').to_owned(),
            tag: tag.filter(|tag| !tag.is_empty()),
        })
    }

    /// Without what a deploy puts there.
    pub fn reference(&self) -> String {
        if self.host.is_empty() { self.repository.clone() } else { format!("{}/{}", self.host, self.repository) }
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
pub fn differences(old: &Value, new: &str) -> Vec<String> {
    let mut found = Vec::new();
    let new: Value = serde_json::from_str(new).unwrap_or_default();
    compare(old, &new, "", &mut found);
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
        assert_eq!(of("localhost:5000/api:2"), (owned("localhost:5000"), None, owned("api"), Some(owned("2"))));
    }
}
