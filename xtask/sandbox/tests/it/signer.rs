//! Signed requests, as an SDK signs them.
//! Source: AWS Identity and Access Management User Guide, "Create a signed AWS API request".

use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};
use serde_json::Value;
use xtask_sandbox::Sandbox;

use crate::client::{Reply, read, send, service_name};

/// What a request is signed with.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub key: String,
    pub secret: String,
    pub token: Option<String>,
}

/// A request before it is signed.
pub struct Request<'a> {
    pub service: &'a str,
    pub region: &'a str,
    pub method: &'a str,
    pub target: &'a str,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

impl<'a> Request<'a> {
    fn post(service: &'a str, headers: &'a [(&'a str, &'a str)], body: &'a [u8]) -> Self {
        Self { service, region: "ap-northeast-1", method: "POST", target: "/", headers, body }
    }
}

impl Credentials {
    /// A user's, whose secret nobody checks.
    pub fn user(key: &str) -> Self {
        Self { key: key.to_owned(), secret: "nobody knows".to_owned(), token: None }
    }

    /// A call of an API whose protocol is JSON.
    pub fn call(
        &self,
        sandbox: &Sandbox,
        service: &str,
        operation: &str,
        input: &Value,
    ) -> Result<Value, (String, String)> {
        let target = format!("{}.{operation}", service_name(service));
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
        let reply = self.send(sandbox, &Request::post(service, &headers, input.to_string().as_bytes()));
        read(&reply, service, operation)
    }

    /// A call of an API whose protocol is Query.
    pub fn query(&self, sandbox: &Sandbox, service: &str, operation: &str, parameters: &[(&str, &str)]) -> Reply {
        let form = form(operation, parameters);
        self.send(sandbox, &Request::post(service, &[FORM], form.as_bytes()))
    }

    pub fn send(&self, sandbox: &Sandbox, request: &Request<'_>) -> Reply {
        let Request { service, region, method, target, headers, body } = *request;
        let date = sandbox.now().basic();
        let scope = format!("{}/{region}/{service}/aws4_request", &date[..8]);
        let host = sandbox.registry();
        let mut signed = vec![("host", host.as_str()), ("x-amz-date", &date)];
        signed.extend(self.token.as_deref().map(|token| ("x-amz-security-token", token)));
        let lines = signed.iter().fold(String::new(), |lines, (name, value)| format!("{lines}{name}:{value}\n"));
        let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{}", hash(body));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
        let key = scope.split('/').fold(format!("AWS4{}", self.secret).into_bytes(), |key, part| hmac(&key, part));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.key,
            hex(&hmac(&key, &text))
        );
        let mut all = headers.to_vec();
        all.push(("authorization", &authorization));
        // The host is written by whoever sends.
        all.extend(signed.into_iter().skip(1));
        send(sandbox, method, target, &all, body).unwrap()
    }
}

pub const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

/// The body of a call in the Query protocol.
pub fn form(operation: &str, parameters: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"));
    parameters.iter().fold(format!("Action={operation}&Version=1"), |mut form, (name, value)| {
        write!(form, "&{name}={}", encode(value)).unwrap();
        form
    })
}

/// The text of the first element of this name.
pub fn element<'a>(reply: &'a Reply, name: &str) -> &'a str {
    let text = std::str::from_utf8(&reply.body).unwrap();
    let inside = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inside.map_or("", |(inside, _)| inside)
}

fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
