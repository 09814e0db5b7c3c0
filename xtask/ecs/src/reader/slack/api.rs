//! Slack's two doors: an incoming webhook, and the Web API with a bot token.
//! Source: Slack's "Sending messages using incoming webhooks", "Rate limits", chat.postMessage, chat.update.

use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use serde_json::{Value, json};

use super::message::Message;
use crate::net;
use crate::time::Backoff;

const API: &str = "https://slack.com/api/";
/// An answer of Slack's is a few hundred bytes, with an edited message a few thousand.
const ANSWER: usize = 1024 * 1024;
/// Attempts that Slack did not ask for; a Slack that is not there is not waited for until the deadline.
const ATTEMPTS: u32 = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Where messages go.
pub(super) enum Endpoint {
    Webhook(Webhook),
    Bot(Bot),
}

/// Posts; never edits. Whoever knows the address may write: it is a secret.
pub(super) struct Webhook {
    address: Uri,
    secret: String,
}

/// Posts, edits, and writes in threads.
pub(super) struct Bot {
    api: String,
    token: String,
    channel: String,
}

/// A message that can be edited. `channel` is the id that Slack gave back, whatever was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Posted {
    pub channel: String,
    pub ts: String,
}

impl Endpoint {
    /// `None` where nothing is set; an error where something is set that cannot be used.
    pub(super) fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Option<Result<Self, String>> {
        let get = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        match (get("SLACK_BOT_TOKEN"), get("SLACK_CHANNEL"), get("SLACK_WEBHOOK_URL")) {
            (Some(token), Some(channel), _) => {
                let api = get("SLACK_API_URL").unwrap_or(API.to_owned());
                let checked = address("SLACK_API_URL", &api).and_then(|_| {
                    HeaderValue::from_str(&token).map_err(|_| "SLACK_BOT_TOKEN has characters no token has".to_owned())
                });
                let api = format!("{}/", api.trim_end_matches('/'));
                Some(checked.map(|_| Self::Bot(Bot { api, token, channel })))
            }
            (_, _, Some(secret)) => {
                let checked = address("SLACK_WEBHOOK_URL", &secret).and_then(incoming);
                Some(checked.map(|address| Self::Webhook(Webhook { address, secret })))
            }
            (Some(_), None, None) => {
                Some(Err("SLACK_BOT_TOKEN is set, but SLACK_CHANNEL is not: give it the channel's \
                 id, from the channel's details in Slack"
                    .to_owned()))
            }
            (None, _, None) => None,
        }
    }
}

/// Only an encrypted address is sent a secret, or this machine itself, in tests.
fn address(name: &str, text: &str) -> Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|_| format!("{name} is not an address"))?;
    let host = uri.host().unwrap_or_default();
    let loopback = net::is_loopback(host);
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if loopback => Ok(uri),
        _ => Err(format!("{name} must begin with https://")),
    }
}

/// What starts a workflow in Slack takes the variables of that workflow and no message.
fn incoming(address: Uri) -> Result<Uri, String> {
    match ["/triggers/", "/workflows/"].iter().find(|start| address.path().starts_with(**start)) {
        None => Ok(address),
        Some(start) => Err(format!(
            "SLACK_WEBHOOK_URL starts a workflow of Slack (`{start}…`), which takes no message: make an incoming webhook \
             (`/services/…`), or set SLACK_BOT_TOKEN and SLACK_CHANNEL"
        )),
    }
}

impl Webhook {
    pub(super) fn post(&self, message: &Message, deadline: Instant) -> anyhow::Result<()> {
        let body = serde_json::to_vec(&message.payload()).context("the message has no JSON")?;
        let call = Call { address: &self.address, token: None, body, repeatable: false };
        let answer = call.send(deadline).map_err(|error| redact(&error, &self.secret))?;
        ensure!(answer.starts_with(b"ok"), "Slack's webhook answered {:?}", excerpt(&answer));
        Ok(())
    }
}

impl Bot {
    /// A new message, in the thread of another where one is given.
    pub(super) fn post(&self, message: &Message, thread: Option<&Posted>, deadline: Instant) -> anyhow::Result<Posted> {
        let mut payload = message.payload();
        payload["channel"] = json!(thread.map_or(&self.channel, |posted| &posted.channel));
        payload["unfurl_links"] = json!(false);
        if let Some(posted) = thread {
            payload["thread_ts"] = json!(posted.ts);
        }
        let answer = self.call("chat.postMessage", &payload, deadline)?;
        let member = |name: &str| answer[name].as_str().map(str::to_owned);
        let (Some(channel), Some(ts)) = (member("channel"), member("ts")) else {
            bail!("Slack took the message and did not say where it is");
        };
        Ok(Posted { channel, ts })
    }

    pub(super) fn update(&self, message: &Message, posted: &Posted, deadline: Instant) -> anyhow::Result<()> {
        let mut payload = message.payload();
        payload["channel"] = json!(posted.channel);
        payload["ts"] = json!(posted.ts);
        self.call("chat.update", &payload, deadline).map(drop)
    }

    fn call(&self, method: &str, payload: &Value, deadline: Instant) -> anyhow::Result<Value> {
        let address = format!("{}{method}", self.api).parse().context("SLACK_API_URL is not an address")?;
        let body = serde_json::to_vec(payload).context("the message has no JSON")?;
        let repeatable = method == "chat.update";
        let call = Call { address: &address, token: Some(&self.token), body, repeatable };
        let answer = call.send(deadline).map_err(|error| redact(&error, &self.token))?;
        let answer: Value = serde_json::from_slice(&answer)
            .map_err(|_| anyhow!("Slack's {method} answered {:?}, which is no JSON", excerpt(&answer)))?;
        if answer["ok"] == true {
            return Ok(answer);
        }
        let error = answer["error"].as_str().unwrap_or("no reason");
        bail!("Slack's {method} answered {error}{}", likely_fix(error))
    }
}

fn likely_fix(error: &str) -> &'static str {
    match error {
        "channel_not_found" => "; SLACK_CHANNEL takes the channel's id, and a private channel wants the app invited",
        "not_in_channel" => "; invite the app to the channel",
        "is_archived" => "; the channel is archived",
        "missing_scope" => "; the app needs the scope chat:write",
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" => {
            "; SLACK_BOT_TOKEN is no token of an installed app"
        }
        _ => "",
    }
}

/// One request, repeated while that can help and the deadline allows.
struct Call<'a> {
    address: &'a Uri,
    token: Option<&'a str>,
    body: Vec<u8>,
    /// Doing it twice is as good as once, so that a lost answer may be asked for again.
    repeatable: bool,
}

/// What one attempt came to.
enum Attempt {
    Answer(Bytes),
    Again(anyhow::Error, Option<Duration>),
    Over(anyhow::Error),
}

impl Call<'_> {
    fn send(&self, deadline: Instant) -> anyhow::Result<Bytes> {
        let deadline = tokio::time::Instant::from_std(deadline);
        net::wait(async {
            let backoff = Backoff { attempts: ATTEMPTS, first: FIRST_PAUSE, ..Backoff::default() };
            let mut unasked = 1;
            loop {
                let attempt = tokio::time::timeout_at(deadline, self.attempt()).await;
                let (error, wanted) = match attempt {
                    Ok(Attempt::Answer(answer)) => return Ok(answer),
                    Ok(Attempt::Over(error)) => return Err(error),
                    Ok(Attempt::Again(error, wanted)) => (error, wanted),
                    Err(_) => bail!("Slack did not answer in time"),
                };
                let Some(pause) = wanted.or_else(|| backoff.pause(unasked, None)) else { return Err(error) };
                let until = tokio::time::Instant::now() + pause;
                if until >= deadline {
                    return Err(error);
                }
                unasked += u32::from(wanted.is_none());
                tokio::time::sleep_until(until).await;
            }
        })
    }

    async fn attempt(&self) -> Attempt {
        match self.exchange().await {
            Ok((status, answer, _)) if status.is_success() => Attempt::Answer(answer),
            Ok((StatusCode::TOO_MANY_REQUESTS, _, wanted)) => {
                let wanted = wanted.unwrap_or(Duration::from_secs(1));
                let error = anyhow!("Slack answered 429 and asked for {} s of patience", wanted.as_secs());
                Attempt::Again(error, Some(wanted))
            }
            Ok((status, answer, wanted)) => {
                let error = anyhow!("Slack answered {}: {:?}", status.as_u16(), excerpt(&answer));
                if status.is_server_error() { Attempt::Again(error, wanted) } else { Attempt::Over(error) }
            }
            Err((error, never_sent)) if never_sent || self.repeatable => Attempt::Again(error, None),
            Err((error, _)) => Attempt::Over(error),
        }
    }

    /// The error says whether the request cannot have reached Slack.
    async fn exchange(&self) -> Result<(StatusCode, Bytes, Option<Duration>), (anyhow::Error, bool)> {
        let never_sent = |error: anyhow::Error| (error, true);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(self.address)
            .header(CONTENT_TYPE, "application/json; charset=utf-8");
        if let Some(token) = self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Full::new(Bytes::from(self.body.clone())).map_err(|never| match never {}).boxed_unsync();
        let request = request.body(body).map_err(|error| never_sent(error.into()))?;
        let client = net::client().context("no HTTP client").map_err(never_sent)?;
        let response = client.request(request).await.map_err(|error| {
            let never_sent = error.is_connect();
            (anyhow::Error::new(error).context("Slack cannot be reached"), never_sent)
        })?;
        let status = response.status();
        let wanted = net::retry_after(response.headers());
        let answer = Limited::new(response.into_body(), ANSWER).collect().await;
        let answer = answer.map_err(|error| (anyhow!("Slack's answer broke off: {error}"), false))?;
        Ok((status, answer.to_bytes(), wanted))
    }
}

/// Nobody below puts the secret into a message; should a library ever do, it ends here.
fn redact(error: &anyhow::Error, secret: &str) -> anyhow::Error {
    anyhow!("{}", format!("{error:#}").replace(secret, "***"))
}

fn excerpt(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).trim().chars().take(200).collect()
}
