//! What whoever runs containers in earnest needs to know.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::State;
use crate::ecr::Wanted;
use crate::home::Home;
use crate::protocol::ApiError;

impl State {
    /// From now on containers of own images run in earnest, and nobody but a machine makes them.
    pub fn in_earnest(&mut self) {
        self.earnest = true;
        self.services.values_mut().for_each(|ecs| ecs.earnest = true);
    }

    /// The manifest of an image, of an index that of its first image, the folder of all blobs, and a further path of its program.
    pub fn image(&self, home: &Home, image: &str, digest: &str) -> Result<(Value, PathBuf, Option<String>), String> {
        let own = self.registries.get(home).into_iter().chain(self.registries.values());
        let gone = || format!("CannotPullContainerError: {image}: not found");
        let (ecr, name) = { own }.find_map(|ecr| Some((ecr, ecr.own(image)?.0))).ok_or_else(gone)?;
        let repository = ecr.repository(name).map_err(|error| error.message)?;
        let found = |digest: &str| repository.resolve(Wanted::Digest(digest)).map(|digest| &repository.images[digest]);
        let mut image = found(digest).ok_or_else(gone)?;
        if let Some(child) = image.read.children.first() {
            image = found(child).ok_or_else(gone)?;
        }
        let manifest = serde_json::from_str(&image.manifest).map_err(|error| error.to_string())?;
        Ok((manifest, self.folder.clone(), self.links.get(name).cloned()))
    }

    /// What `valueFrom` of a container's secret stands for: a parameter, or a secret or a key of its JSON.
    /// Source: Amazon ECS Developer Guide, "Pass sensitive data to an Amazon ECS container".
    pub fn secret(&mut self, home: &Home, from: &str) -> Result<String, String> {
        let failed = |what: &str, error: String| {
            format!(
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: \
                 unable to retrieve secret from {what}: service call has been retried 1 time(s): {error}"
            )
        };
        let parts: Vec<&str> = from.split(':').collect();
        if parts.get(2) != Some(&"secretsmanager") {
            let asked = json!({ "Name": from, "WithDecryption": true });
            let found = self.call(home, ("ssm", "GetParameter"), asked, None);
            let found =
                found.map_err(|error| failed("ssm", format!("invalid ssm parameters: {from}: {}", error.message)))?;
            return Ok(found["Parameter"]["Value"].as_str().unwrap_or_default().to_owned());
        }
        let arn = parts[..parts.len().min(7)].join(":");
        let found = self.call(home, ("secretsmanager", "GetSecretValue"), json!({ "SecretId": arn }), None);
        let found = found.map_err(|ApiError { code, message, .. }| {
            failed("asm", format!("failed to fetch secret {arn} from secrets manager: {code}: {message}"))
        })?;
        let value = found["SecretString"].as_str().unwrap_or_default().to_owned();
        let Some(key) = parts.get(7).filter(|key| !key.is_empty()) else { return Ok(value) };
        let object: Value = serde_json::from_str(&value).unwrap_or_default();
        match &object[*key] {
            Value::Null => Err(failed("asm", format!("retrieved secret did not contain json key {key}"))),
            Value::String(text) => Ok(text.clone()),
            other => Ok(other.to_string()),
        }
    }
}
