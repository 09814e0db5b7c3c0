//! Credentials for requests: the caller's as they are, or traded for a bearer token where a registry wants one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::header::WWW_AUTHENTICATE;
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::answer::{Answer, RegistryError};
use super::exchange::{client, collect, lost, request};
use super::location;
use super::retry::{Task, Trouble};
use super::{Credentials, Registry};
use crate::failure::Failure;
use crate::net;

/// The headers in use, one a repository, since bearer tokens are.
pub(super) struct Access {
    credentials: Option<Arc<dyn Credentials>>,
    headers: Mutex<HashMap<String, String>>,
}

impl Access {
    pub fn new(credentials: Option<Arc<dyn Credentials>>) -> Self {
        Self { credentials, headers: Mutex::default() }
    }

    pub fn authorization(&self, key: &str) -> Result<Option<String>> {
        let mut headers = self.headers();
        if let Some(header) = headers.get(key) {
            return Ok(Some(header.clone()));
        }
        let Some(credentials) = &self.credentials else { return Ok(None) };
        let header = credentials.authorization(false).context("no credentials for the registry")?;
        headers.insert(key.to_owned(), header.clone());
        Ok(Some(header))
    }

    fn headers(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.headers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// Replaces the credentials that an answer refused. Of several uploads that are refused at once, the first one
    /// to come here renews, and the others find it done.
    pub(super) fn renew(&self, task: &Task<'_>, answer: &Answer) -> Result<()> {
        let key = task.key();
        let mut headers = self.access.headers();
        if headers.get(&key) != answer.authorization.as_ref() {
            return Ok(());
        }
        let challenge =
            answer.headers.get_all(WWW_AUTHENTICATE).iter().find_map(|value| Challenge::parse(value.to_str().ok()?));
        let header = match (&self.access.credentials, challenge) {
            (credentials, Some(challenge)) => self.trade(task, &challenge, credentials.as_deref())?,
            (Some(credentials), None) => credentials
                .authorization(true)
                .context("the registry refused the token, and no new one could be had")?,
            (None, None) => {
                return Err(RegistryError {
                    doing: task.doing.clone(),
                    repository: task.repository.to_string(),
                    registry: self.host.clone(),
                    cause: answer.to_string(),
                    status: Some(answer.status.as_u16()),
                    code: answer.complaint().code,
                    attempts: 1,
                    fix: "this needs credentials, and none were given".to_owned(),
                }
                .into());
            }
        };
        headers.insert(key, header);
        Ok(())
    }

    /// Gets a bearer token from the place that the challenge names, in exchange for the credentials if there are any.
    /// Source: distribution's token authentication specification.
    fn trade(&self, task: &Task<'_>, challenge: &Challenge, credentials: Option<&dyn Credentials>) -> Result<String> {
        #[derive(Deserialize)]
        struct Grant {
            token: Option<String>,
            access_token: Option<String>,
        }
        let Challenge { realm, scope, .. } = challenge;
        let url = challenge.url();
        let authority = url.parse::<hyper::Uri>().ok().and_then(|url| url.authority().cloned());
        let loopback = authority.is_some_and(|authority| net::is_loopback(authority.as_str()));
        ensure!(
            url.starts_with("https://") || loopback,
            "the registry {} asks to fetch a token from {realm}, without TLS",
            self.host
        );
        let basic = |stale| credentials.map(|credentials| credentials.authorization(stale)).transpose();
        let mut answer = self.ask_for_token(task, &url, basic(false)?.as_deref())?;
        if answer.0 == StatusCode::UNAUTHORIZED && credentials.is_some() {
            answer = self.ask_for_token(task, &url, basic(true)?.as_deref())?;
        }
        let (status, body) = answer;
        ensure!(
            status == StatusCode::OK,
            "{realm} answered {status} when asked for a token for {scope}; check the credentials for {}",
            self.host
        );
        let grant: Option<Grant> = serde_json::from_slice(&body).ok();
        let token = grant.and_then(|grant| grant.token.or(grant.access_token));
        token.map(|token| format!("Bearer {token}")).with_context(|| format!("{realm} answered without a token"))
    }

    fn ask_for_token(&self, task: &Task<'_>, url: &str, basic: Option<&str>) -> Result<(StatusCode, Bytes)> {
        let ask = || -> Result<(StatusCode, Bytes), Trouble> {
            let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
            let request = request(&Method::GET, url, basic, body)?;
            let client = client(request.uri())?;
            self.watch(task, async {
                let response = client.request(request).await.map_err(|error| lost(&error))?;
                Ok((response.status(), collect(response.into_body(), 1 << 20).await?))
            })?
        };
        let place = url.split('?').next().unwrap_or(url);
        ask().map_err(|trouble| match trouble {
            Trouble::Lost(how) => anyhow!("failed to get a token from {place}: {how}"),
            Trouble::Fatal(error) => error.context(format!("failed to get a token from {place}")),
            Trouble::Over | Trouble::Answered(_) => {
                Failure::Interrupted(format!("interrupted while getting a token from {place}")).into()
            }
        })
    }
}

/// `Bearer realm="…",service="…",scope="…"`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: String,
    scope: String,
}

impl Challenge {
    fn url(&self) -> String {
        let parameters = [("service", &self.service), ("scope", &self.scope)];
        parameters
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(self.realm.clone(), |url, (name, value)| location::with_parameter(&url, name, &escape(value)))
    }

    fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let mut challenge = Self::default();
        while let Some((name, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_at(after.find(',').unwrap_or(after.len())),
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "realm" => value.clone_into(&mut challenge.realm),
                "service" => value.clone_into(&mut challenge.service),
                "scope" => value.clone_into(&mut challenge.scope),
                _ => {}
            }
            rest = after.trim_start_matches([',', ' ']);
        }
        (!challenge.realm.is_empty()).then_some(challenge)
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn escape(text: &str) -> String {
    use std::fmt::Write;
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").expect("writing to a String cannot fail");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_read_with_commas_inside_its_quotes() {
        let header = r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push",error="x""#;
        let challenge = Challenge::parse(header).expect("a challenge");
        assert_eq!(challenge.realm, "https://auth.example/token");
        assert_eq!(challenge.scope, "repository:a/b:pull,push");
        assert_eq!(escape(&challenge.scope), "repository%3Aa%2Fb%3Apull%2Cpush");
        assert_eq!(Challenge::parse(r#"Basic realm="x""#), None);
    }
}
