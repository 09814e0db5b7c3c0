//! What whoever runs containers in earnest needs to know.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::State;
use crate::ecr::Wanted;
use crate::home::Home;
use crate::protocol::ApiError;

/// An image of a registry here.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// Whose registry it is in.
    pub home: Home,
    pub repository: String,
    pub digest: String,
    /// Its manifest, byte by byte.
    pub text: String,
    /// The folder of all blobs, by their digests without `sha256:`.
    pub blobs: PathBuf,
    /// A further path of its program.
    pub link: Option<String>,
}

impl Stored {
    pub fn manifest(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// Its name for guests, without tag or digest.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.home.account, self.home.region, self.repository)
    }
}

impl State {
    /// From now on containers of own images run in earnest, and nobody but a machine makes them.
    pub fn in_earnest(&mut self) {
        self.earnest = true;
        self.services.values_mut().for_each(|ecs| ecs.earnest = true);
    }

    /// An image of one of the registries here; of an index its first one.
    pub fn image(&self, home: &Home, image: &str, digest: &str) -> Result<Stored, String> {
        let own = self.registries.get_key_value(home).into_iter().chain(&self.registries);
        let gone = || format!("CannotPullContainerError: {image}: not found");
        let (home, ecr, name) =
            { own }.find_map(|(home, ecr)| Some((home, ecr, ecr.own(image)?.0))).ok_or_else(gone)?;
        let repository = ecr.repository(name).map_err(|error| error.message)?;
        let found = |digest: &str| repository.resolve(Wanted::Digest(digest)).map(|digest| &repository.images[digest]);
        let (mut digest, mut image) = (digest, found(digest).ok_or_else(gone)?);
        if let Some(child) = image.read.children.first() {
            (digest, image) = (child, found(child).ok_or_else(gone)?);
        }
        Ok(Stored {
            home: home.clone(),
            repository: name.to_owned(),
            digest: digest.to_owned(),
            text: image.manifest.clone(),
            blobs: self.folder.clone(),
            link: self.links.get(name).cloned(),
        })
    }

    /// From now on whoever puts this word before a repository's name, or brings it in place of a token, reads every
    /// registry here; what an image's name then begins with.
    pub fn invite(&mut self, word: &str) -> String {
        self.guest = Some(word.to_owned());
        format!("{}/{word}", self.host)
    }

    /// Whose repository a guest asks for, and the path without the word.
    pub fn guest(&self, path: &str, token: Option<&str>) -> Option<(Home, String)> {
        let word = self.guest.as_deref()?;
        let rest = path.strip_prefix("/v2/")?;
        if rest.is_empty() {
            return (token == Some(word)).then(|| (self.home.clone(), path.to_owned()));
        }
        let (account, rest) = rest.strip_prefix(word)?.strip_prefix('/')?.split_once('/')?;
        let (region, rest) = rest.split_once('/')?;
        Some((Home::new(account, region), format!("/v2/{rest}")))
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
