//! What docker has for a registry: in `DOCKER_AUTH_CONFIG`, in its configuration, or with the helper that this names; and what
//! buildx is handed.
//! Source: docker CLI, cli/config/configfile, cli/config/credentials and cli/config/memorystore; docker-credential-helpers,
//! README.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::oci::registry::Credentials;
use crate::process::{Tool, cmd, shell};

/// Logins that need no file, and come before those that have one. docker's CLI reads it since 28.3.0, buildx, which signs in by
/// itself, since 0.26.0.
pub(super) const HANDED: &str = "DOCKER_AUTH_CONFIG";

/// A helper may ask a person, or a cloud.
const HELPER: Duration = Duration::from_secs(120);

/// The login for one registry, looked up when the registry wants one.
pub(super) struct DockerLogin {
    host: String,
    interrupt: Interrupt,
    found: Mutex<Found>,
}

#[derive(Clone, Default)]
enum Found {
    #[default]
    NotLookedUp,
    Login(Login),
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Login {
    Password {
        user: String,
        secret: String,
    },
    /// What is traded for tokens, in place of a password.
    Identity(String),
}

impl DockerLogin {
    pub(super) fn new(host: &str, interrupt: &Interrupt) -> Self {
        Self { host: host.to_owned(), interrupt: interrupt.clone(), found: Mutex::default() }
    }

    /// `stale`: a helper may have a newer one.
    fn login(&self, stale: bool) -> Result<Option<Login>> {
        let mut found = self.found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*found {
            Found::Login(login) if !stale => return Ok(Some(login.clone())),
            Found::Nothing if !stale => return Ok(None),
            _ => {}
        }
        let helper = |name: &str, server: &str| ask(name, server, &self.interrupt);
        let handed = std::env::var(HANDED).ok();
        let login = handed_for(handed.as_deref(), &self.host).map_or_else(
            || configuration().map_or(Ok(None), |path| look_up(&path, &self.host, &helper)),
            |login| Ok(Some(login)),
        );
        let login = login.with_context(|| format!("failed to get docker's login for {}", self.host))?;
        *found = login.clone().map_or(Found::Nothing, Found::Login);
        Ok(login)
    }
}

impl Credentials for DockerLogin {
    fn authorization(&self, stale: bool) -> Result<Option<String>> {
        Ok(match self.login(stale)? {
            Some(Login::Password { user, secret }) => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{secret}"))))
            }
            Some(Login::Identity(_)) | None => None,
        })
    }

    fn identity_token(&self) -> Result<Option<String>> {
        Ok(match self.login(false)? {
            Some(Login::Identity(token)) => Some(token),
            Some(Login::Password { .. }) | None => None,
        })
    }
}

/// `$DOCKER_CONFIG/config.json`, or the one in the home folder.
fn configuration() -> Option<PathBuf> {
    let folder = std::env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    Some(folder.or_else(|| Some(std::env::home_dir()?.join(".docker")))?.join("config.json"))
}

/// [`HANDED`] with this login in it, beside those that it has. One that somebody gave for this registry stays.
pub(super) fn hand(handed: Option<&str>, host: &str, authorization: &str) -> Result<String> {
    let ours = authorization.strip_prefix("Basic ").context("the registry's password is of no known kind")?;
    // No other member: docker refuses the whole of what has one.
    let mut auths = json!({ host: { "auth": ours } });
    for (server, auth) in in_hand(handed) {
        auths[server] = json!({ "auth": auth });
    }
    Ok(json!({ "auths": auths }).to_string())
}

fn handed_for(handed: Option<&str>, host: &str) -> Option<Login> {
    let of_it = in_hand(handed).into_iter().find(|(server, _)| is_of(server, host))?;
    password(&of_it.1)
}

/// Each server and its `auth`.
fn in_hand(handed: Option<&str>) -> Vec<(String, String)> {
    let all: Value = handed.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let mut found = Vec::new();
    for (server, entry) in all["auths"].as_object().into_iter().flatten() {
        found.extend(entry["auth"].as_str().map(|auth| (server.clone(), auth.to_owned())));
    }
    found
}

/// Of base64 of `USER:PASSWORD`.
fn password(auth: &str) -> Option<Login> {
    let text = String::from_utf8(STANDARD.decode(auth.trim()).ok()?).ok()?;
    let (user, secret) = text.trim_end_matches('\0').split_once(':')?;
    Some(Login::Password { user: user.to_owned(), secret: secret.to_owned() })
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    auths: BTreeMap<String, Entry>,
    /// Server → the helper that has its login.
    cred_helpers: BTreeMap<String, String>,
    /// The helper for all others.
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    /// Base64 of `USER:PASSWORD`.
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// What a helper answers to `get`.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username")]
    user: String,
    #[serde(rename = "Secret")]
    secret: String,
}

/// Asks a helper for a server's login; `None` where it has none.
type Helper<'a> = &'a dyn Fn(&str, &str) -> Result<Option<Answer>>;

fn look_up(path: &Path, host: &str, helper: Helper<'_>) -> Result<Option<Login>> {
    let text = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.with_context(|| format!("failed to read {}", path.display()))?,
    };
    let configuration: Configuration = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not a configuration of docker", path.display()))?;
    let named = configuration.cred_helpers.iter().find(|(server, _)| is_of(server, host));
    let general = Some((server(host), &configuration.creds_store)).filter(|(_, name)| !name.is_empty());
    if let Some((server, name)) = named.map(|(server, name)| (server.as_str(), name)).or(general)
        && let Some(Answer { user, secret }) = helper(name, server)?
    {
        let identity = user == "<token>";
        return Ok(Some(if identity { Login::Identity(secret) } else { Login::Password { user, secret } }));
    }
    let Some((_, entry)) = configuration.auths.iter().find(|(server, _)| is_of(server, host)) else { return Ok(None) };
    if !entry.identitytoken.is_empty() {
        return Ok(Some(Login::Identity(entry.identitytoken.clone())));
    }
    if entry.auth.is_empty() {
        let Entry { username: user, password: secret, .. } = entry;
        let login = Login::Password { user: user.clone(), secret: secret.clone() };
        return Ok((!user.is_empty()).then_some(login));
    }
    let login = password(&entry.auth);
    login.map(Some).with_context(|| format!("`auth` of {host} in {} is not USER:PASSWORD", path.display()))
}

/// Under which name docker keeps a registry's login.
fn server(host: &str) -> &str {
    if host == "docker.io" { "https://index.docker.io/v1/" } else { host }
}

/// Whether a key of docker's configuration, which may be a URL, is of this registry.
fn is_of(key: &str, host: &str) -> bool {
    let name = key.split_once("://").map_or(key, |(_, rest)| rest);
    let name = name.split('/').next().unwrap_or(name);
    let name = if ["index.docker.io", "registry-1.docker.io"].contains(&name) { "docker.io" } else { name };
    name == host
}

fn ask(name: &str, server: &str, interrupt: &Interrupt) -> Result<Option<Answer>> {
    let program = format!("docker-credential-{name}");
    let sh = shell()?;
    let tool =
        Tool::of(cmd!(sh, "{program} get"), HELPER).stdin(server.as_bytes().to_vec()).hide(&["SLACK_", "XTASK_"]);
    let ended = tool.run(interrupt, |_| {})?;
    let answer = String::from_utf8_lossy(&ended.stdout);
    if ended.status.success() {
        let answer = serde_json::from_str(&answer).with_context(|| format!("{program} answered no login"));
        return answer.map(Some);
    }
    // A helper writes its errors to stdout; this one is part of the protocol.
    if answer.trim() == "credentials not found in native keychain" {
        return Ok(None);
    }
    let said = answer.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).chain(ended.tail);
    Err(Failure::world(format_args!("{program} has no login for {server}")).said(said).into())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    fn found(configuration: &str, host: &str) -> Result<Option<Login>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, configuration).unwrap();
        let helper = |name: &str, server: &str| match name {
            "empty" => Ok(None),
            "identity" => Ok(Some(Answer { user: "<token>".to_owned(), secret: server.to_owned() })),
            _ => Ok(Some(Answer { user: name.to_owned(), secret: server.to_owned() })),
        };
        look_up(&path, host, &helper)
    }

    fn login(user: &str, secret: &str) -> Login {
        Login::Password { user: user.to_owned(), secret: secret.to_owned() }
    }

    #[test]
    fn what_is_handed_comes_before_files_and_keeps_what_somebody_gave() {
        let theirs = r#"{"auths": {"h.example": {"auth": "dTpw"}}}"#;
        assert_eq!(handed_for(Some(theirs), "h.example"), Some(login("u", "p")));
        for (handed, host) in [(Some(theirs), "other.example"), (Some("[]"), "h.example"), (None, "h.example")] {
            assert_eq!(handed_for(handed, host), None, "{handed:?}");
        }
        let ours = |handed: Option<&str>| hand(handed, "ecr.example", "Basic QVdTOnQ=").unwrap();
        for handed in [None, Some(theirs), Some("no JSON"), Some("[]")] {
            let all = ours(handed);
            assert_eq!(handed_for(Some(&all), "ecr.example"), Some(login("AWS", "t")), "{handed:?}");
            assert_eq!(handed_for(Some(&all), "h.example").is_some(), handed == Some(theirs), "{handed:?}");
            assert_eq!(hand(Some(&all), "ecr.example", "Basic b3RoZXI6eA==").unwrap(), all, "one that is there stays");
        }
    }

    #[test]
    fn a_login_is_found_as_docker_finds_it() {
        // `user:pass:word` in base64.
        let auth = r#""auth": "dXNlcjpwYXNzOndvcmQ=""#;
        for (configuration, host, expected) in [
            (
                format!(r#"{{"auths": {{"registry.example": {{{auth}}}}}}}"#),
                "registry.example",
                Some(login("user", "pass:word")),
            ),
            (
                format!(r#"{{"auths": {{"https://registry.example/v2/": {{{auth}}}}}}}"#),
                "registry.example",
                Some(login("user", "pass:word")),
            ),
            (
                format!(r#"{{"auths": {{"127.0.0.1:5000": {{{auth}}}}}}}"#),
                "127.0.0.1:5000",
                Some(login("user", "pass:word")),
            ),
            (
                format!(r#"{{"auths": {{"https://index.docker.io/v1/": {{{auth}}}}}}}"#),
                "docker.io",
                Some(login("user", "pass:word")),
            ),
            (format!(r#"{{"auths": {{"registry.example": {{{auth}}}}}}}"#), "registry.example:5000", None),
            (
                r#"{"auths": {"h.example": {"identitytoken": "it"}}}"#.to_owned(),
                "h.example",
                Some(Login::Identity("it".to_owned())),
            ),
            (
                r#"{"auths": {"h.example": {"username": "u", "password": "p"}}}"#.to_owned(),
                "h.example",
                Some(login("u", "p")),
            ),
            // An entry without anything stands for a login that a store has.
            (r#"{"auths": {"h.example": {}}, "credsStore": "empty"}"#.to_owned(), "h.example", None),
            (r#"{"credsStore": "desktop"}"#.to_owned(), "h.example", Some(login("desktop", "h.example"))),
            (
                r#"{"credsStore": "desktop"}"#.to_owned(),
                "docker.io",
                Some(login("desktop", "https://index.docker.io/v1/")),
            ),
            (r#"{"credsStore": "identity"}"#.to_owned(), "h.example", Some(Login::Identity("h.example".to_owned()))),
            (
                r#"{"credsStore": "desktop", "credHelpers": {"h.example": "ecr-login"}}"#.to_owned(),
                "h.example",
                Some(login("ecr-login", "h.example")),
            ),
            (
                format!(r#"{{"credsStore": "empty", "auths": {{"h.example": {{{auth}}}}}}}"#),
                "h.example",
                Some(login("user", "pass:word")),
            ),
            (r#"{"HttpHeaders": {}}"#.to_owned(), "h.example", None),
        ] {
            assert_eq!(found(&configuration, host).unwrap(), expected, "{configuration} {host}");
        }
        assert_eq!(look_up(Path::new("/nonexistent/config.json"), "h", &|_, _| Ok(None)).unwrap(), None);
        assert!(found("no JSON", "h").unwrap_err().to_string().contains("is not a configuration of docker"));
        assert!(
            found(r#"{"auths": {"h": {"auth": "?"}}}"#, "h").unwrap_err().to_string().contains("is not USER:PASSWORD")
        );
    }
}
