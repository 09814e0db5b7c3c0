//! Credentials for requests: the caller's as they are, or traded for a bearer token where a registry wants one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::{Context, Result, anyhow, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Method, StatusCode};
use serde::Deserialize;

use super::answer::{Answer, RegistryError};
use super::exchange::{client, collect, lost, request};
use super::location;
use super::retry::{Task, Trouble};
use super::{Credentials, Registry};
use crate::failure::Failure;
use crate::gather::Gather;
use crate::net;
use crate::time;

/// The headers in use, one a repository, since bearer tokens are.
pub(super) struct Access {
    credentials: Option<Arc<dyn Credentials>>,
    /// The caller's own, which is the same for every repository.
    own: Mutex<Option<String>>,
    headers: Mutex<HashMap<String, String>>,
}

impl Access {
    pub(super) fn new(credentials: Option<Arc<dyn Credentials>>) -> Self {
        Self { credentials, own: Mutex::default(), headers: Mutex::default() }
    }

    pub(super) fn authorization(&self, key: &str) -> Result<Option<String>> {
        let mut headers = self.headers();
        if let Some(header) = headers.get(key) {
            return Ok(Some(header.clone()));
        }
        let header = self.own(false)?;
        if let Some(header) = &header {
            headers.insert(key.to_owned(), header.clone());
        }
        Ok(header)
    }

    /// What the caller's credentials make, asked for once and again where it is `stale`.
    fn own(&self, stale: bool) -> Result<Option<String>> {
        let Some(credentials) = &self.credentials else { return Ok(None) };
        let mut own = time::lock(&self.own);
        if own.is_none() || stale {
            *own = credentials.authorization(stale).context("no credentials for the registry")?;
        }
        Ok(own.clone())
    }

    fn headers(&self) -> MutexGuard<'_, HashMap<String, String>> {
        time::lock(&self.headers)
    }
}

impl Registry {
    /// Gets the credentials before they are needed.
    pub(crate) fn sign_in(&self) -> Result<()> {
        self.access.own(false).map(drop)
    }

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
        let credentials = self.access.credentials.as_deref();
        let header = if let Some(challenge) = challenge {
            self.trade(task, &challenge, credentials)?
        } else {
            self.access.own(true)?.ok_or_else(|| self.wants_login(task, answer))?
        };
        headers.insert(key, header);
        Ok(())
    }

    fn wants_login(&self, task: &Task<'_>, answer: &Answer) -> RegistryError {
        RegistryError {
            doing: task.doing.clone(),
            repository: task.repository.to_string(),
            registry: self.host.clone(),
            cause: answer.to_string(),
            status: Some(answer.status.as_u16()),
            code: answer.complaint().code,
            attempts: 1,
            fix: format!(
                "this needs credentials, and none were given; `docker login {}` leaves some that are used",
                self.host
            ),
        }
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
        let url = challenge.question().url;
        let authority = url.parse::<hyper::Uri>().ok().and_then(|url| url.authority().cloned());
        let loopback = authority.is_some_and(|authority| net::is_loopback(authority.as_str()));
        ensure!(
            url.starts_with("https://") || loopback,
            "the registry {} asks to fetch a token from {realm}, without TLS",
            self.host
        );
        let basic = |stale| match credentials {
            Some(credentials) => credentials.authorization(stale),
            None => Ok(None),
        };
        let identity = credentials.map(Credentials::identity_token).transpose()?.flatten();
        let (status, body) = if let Some(identity) = identity {
            self.ask_for_token(task, challenge.exchange(&identity), None)?
        } else {
            let answer = self.ask_for_token(task, challenge.question(), basic(false)?.as_deref())?;
            if answer.0 == StatusCode::UNAUTHORIZED && credentials.is_some() {
                self.ask_for_token(task, challenge.question(), basic(true)?.as_deref())?
            } else {
                answer
            }
        };
        ensure!(
            status == StatusCode::OK,
            "{realm} answered {status} when asked for a token for {scope}; check the credentials for {}",
            self.host
        );
        let grant: Option<Grant> = serde_json::from_slice(&body).ok();
        let token = grant.and_then(|grant| grant.token.or(grant.access_token));
        token.map(|token| format!("Bearer {token}")).with_context(|| format!("{realm} answered without a token"))
    }

    fn ask_for_token(&self, task: &Task<'_>, question: Question, basic: Option<&str>) -> Result<(StatusCode, Bytes)> {
        let Question { url, form } = question;
        let ask = || -> Result<(StatusCode, Bytes), Trouble> {
            let method = if form.is_some() { Method::POST } else { Method::GET };
            let body =
                Full::new(form.clone().unwrap_or_default().into()).map_err(|never| match never {}).boxed_unsync();
            let mut request = request(&method, &url, basic, body)?;
            if form.is_some() {
                let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
                request.headers_mut().insert(CONTENT_TYPE, kind);
            }
            let client = client(request.uri())?;
            self.watch(task, async {
                let response = client.request(request).await.map_err(|error| lost(&error))?;
                Ok((response.status(), collect(response.into_body(), 1 << 20).await?))
            })?
        };
        let place = url.split('?').next().unwrap_or(&url);
        ask().map_err(|trouble| match trouble {
            Trouble::Lost(how) => anyhow!("failed to get a token from {place}: {how}"),
            Trouble::Fatal(error) => error.context(format!("failed to get a token from {place}")),
            Trouble::Over | Trouble::Answered(_) => {
                Failure::interrupted(format_args!("interrupted while getting a token from {place}")).into()
            }
        })
    }
}

/// `Bearer realm="…",service="…",scope="…"`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge {
    pub realm: String,
    service: String,
    scope: String,
}

/// How a token is asked for.
pub(super) struct Question {
    pub url: String,
    /// What is posted, where something is.
    pub form: Option<String>,
}

impl Challenge {
    pub(super) fn question(&self) -> Question {
        let parameters = [("service", &self.service), ("scope", &self.scope)];
        let url = parameters
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(self.realm.clone(), |url, (name, value)| location::with_parameter(&url, name, &escape(value)));
        Question { url, form: None }
    }

    /// Source: distribution's "Token Authentication Specification", OAuth2, refresh token format.
    pub(super) fn exchange(&self, identity: &str) -> Question {
        let fields = [
            ("grant_type", "refresh_token"),
            ("service", &self.service),
            ("scope", &self.scope),
            ("client_id", "xtask-ecs"),
            ("refresh_token", identity),
        ];
        let form: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", escape(value))).gather();
        Question { url: self.realm.clone(), form: Some(form.join("&")) }
    }

    pub(super) fn parse(header: &str) -> Option<Self> {
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
