//! A client of a few lines: one connection a request, everything in memory.

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

/// An answer, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of a registry's error.
    pub fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// Sends one request and reads the answer to its end; an answer that is cut is an error.
pub fn send(sandbox: &Sandbox, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", sandbox.registry());
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", body.len()).unwrap();
    let mut stream = TcpStream::connect(sandbox.address())?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    parse(&bytes, method == "HEAD").ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

fn parse(bytes: &[u8], head_only: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = text.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect();
    let reply = Reply { status, headers, body: bytes[end + 4..].to_vec() };
    let length = reply.header("content-length").parse().unwrap_or(0);
    (head_only || reply.body.len() == length).then_some(reply)
}

/// A signed call of an API: its output, or the exception's name and message.
pub fn call(sandbox: &Sandbox, service: &str, operation: &str, input: &Value) -> Result<Value, (String, String)> {
    call_as(sandbox, Some("AKIATEST"), service, operation, input)
}

pub fn call_as(
    sandbox: &Sandbox,
    key: Option<&str>,
    service: &str,
    operation: &str,
    input: &Value,
) -> Result<Value, (String, String)> {
    let reply = raw_call(sandbox, key, service, operation, input).unwrap();
    read(&reply, service, operation)
}

/// A call to another region.
pub fn call_in(
    sandbox: &Sandbox,
    region: &str,
    service: &str,
    operation: &str,
    input: &Value,
) -> Result<Value, (String, String)> {
    call_with(sandbox, ("AKIATEST", region), service, operation, input)
}

/// A call with an access key, to a region.
pub fn call_with(
    sandbox: &Sandbox,
    (key, region): (&str, &str),
    service: &str,
    operation: &str,
    input: &Value,
) -> Result<Value, (String, String)> {
    let scope = format!("{key}/20260101/{region}/{service}/aws4_request");
    read(&signed_call(sandbox, Some(&scope), service, operation, input).unwrap(), service, operation)
}

pub fn read(reply: &Reply, service: &str, operation: &str) -> Result<Value, (String, String)> {
    let answer = reply.json();
    if reply.status == 200 {
        assert_eq!(xtask_sandbox::oddity(service, operation, &answer), None, "{answer}");
        return Ok(answer);
    }
    let text = |member: &str| answer[member].as_str().unwrap_or_default().to_owned();
    Err((text("__type"), text("message")))
}

pub fn raw_call(
    sandbox: &Sandbox,
    key: Option<&str>,
    service: &str,
    operation: &str,
    input: &Value,
) -> io::Result<Reply> {
    let scope = key.map(|key| format!("{key}/20260101/ap-northeast-1/{service}/aws4_request"));
    signed_call(sandbox, scope.as_deref(), service, operation, input)
}

/// A call without input that is signed at this time, in seconds since the Unix epoch.
pub fn call_at(sandbox: &Sandbox, seconds: u64, service: &str, operation: &str) -> Reply {
    let date = xtask_sandbox::Instant(seconds * 1000).basic();
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential=AKIATEST/{}/ap-northeast-1/{service}/aws4_request", &date[..8]);
    let target = format!("{}.{operation}", service_name(service));
    let headers = [("x-amz-target", target.as_str()), ("x-amz-date", &date), ("authorization", &authorization)];
    send(sandbox, "POST", "/", &headers, b"{}").unwrap()
}

pub fn service_name(service: &str) -> &'static str {
    match service {
        "ecr" => "AmazonEC2ContainerRegistry_V20150921",
        "ssm" => "AmazonSSM",
        "logs" => "Logs_20140328",
        "application-autoscaling" => "AnyScaleFrontendService",
        "secretsmanager" => "secretsmanager",
        _ => "AmazonEC2ContainerServiceV20141113",
    }
}

fn signed_call(
    sandbox: &Sandbox,
    scope: Option<&str>,
    service: &str,
    operation: &str,
    input: &Value,
) -> io::Result<Reply> {
    let target = format!("{}.{operation}", service_name(service));
    let mut headers = vec![("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target.as_str())];
    let authorization =
        scope.map(|scope| format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
    if let Some(authorization) = &authorization {
        headers.push(("authorization", authorization));
    }
    send(sandbox, "POST", "/", &headers, input.to_string().as_bytes())
}

/// A registry client with a token.
pub struct Registry<'a> {
    pub sandbox: &'a Sandbox,
    pub authorization: String,
}

impl<'a> Registry<'a> {
    pub fn of(sandbox: &'a Sandbox) -> Self {
        Self::with(sandbox, ("AKIATEST", "ap-northeast-1"))
    }

    /// Of the account of an access key, in a region.
    pub fn with(sandbox: &'a Sandbox, who: (&str, &str)) -> Self {
        let answer = call_with(sandbox, who, "ecr", "GetAuthorizationToken", &json!({})).unwrap();
        let token = answer["authorizationData"][0]["authorizationToken"].as_str().unwrap();
        Self { sandbox, authorization: format!("Basic {token}") }
    }

    pub fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Reply> {
        let mut all = vec![("authorization", self.authorization.as_str())];
        all.extend(headers);
        send(self.sandbox, method, target, &all, body)
    }

    pub fn get(&self, target: &str) -> Reply {
        self.send("GET", target, &[], b"").unwrap()
    }

    pub fn head(&self, target: &str) -> Reply {
        self.send("HEAD", target, &[], b"").unwrap()
    }

    /// Begins an upload; answers the path to go on at.
    pub fn begin(&self, name: &str) -> String {
        let reply = self.send("POST", &format!("/v2/{name}/blobs/uploads/"), &[], b"").unwrap();
        assert_eq!(reply.status, 202, "{reply:?}");
        path_of(reply.header("location"))
    }

    /// Uploads a blob in one PUT; answers its digest.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let reply = self.finish(&self.begin(name), &digest, bytes).unwrap();
        assert_eq!((reply.status, reply.header("docker-content-digest")), (201, digest.as_str()));
        digest
    }

    pub fn finish(&self, upload: &str, digest: &str, bytes: &[u8]) -> io::Result<Reply> {
        self.send("PUT", &format!("{upload}?digest={}", digest.replace(':', "%3A")), &[], bytes)
    }

    pub fn put_manifest(&self, name: &str, reference: &str, manifest: &Value) -> Reply {
        let media_type = manifest["mediaType"].as_str().unwrap();
        let target = format!("/v2/{name}/manifests/{reference}");
        self.send("PUT", &target, &[("content-type", media_type)], manifest.to_string().as_bytes()).unwrap()
    }
}

/// The path of an absolute URL.
pub fn path_of(url: &str) -> String {
    let rest = url.strip_prefix("http://").unwrap();
    rest[rest.find('/').unwrap()..].to_owned()
}

pub fn digest(bytes: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut text = "sha256:".to_owned();
    hash.as_ref().iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text
}

pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The manifest of an image of this config and these layers.
pub fn manifest(config: &[u8], layers: &[&[u8]]) -> Value {
    let layer = |bytes: &&[u8]| descriptor("application/vnd.oci.image.layer.v1.tar+gzip", bytes);
    json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

pub fn descriptor(media_type: &str, bytes: &[u8]) -> Value {
    json!({"mediaType": media_type, "digest": digest(bytes), "size": bytes.len()})
}

/// A sandbox with the repository `sample/app`.
pub fn sandbox() -> Sandbox {
    with_repository(xtask_sandbox::Options::default())
}

pub fn with_repository(options: xtask_sandbox::Options) -> Sandbox {
    let sandbox = Sandbox::start(options).unwrap();
    sandbox.ecr("CreateRepository", json!({"repositoryName": "sample/app"})).unwrap();
    sandbox
}

/// Uploads and tags an image whose only layer is `content`; answers the manifest.
pub fn release(registry: &Registry, tag: &str, content: &[u8]) -> Value {
    registry.upload("sample/app", b"{}");
    registry.upload("sample/app", content);
    let manifest = manifest(b"{}", &[content]);
    let reply = registry.put_manifest("sample/app", tag, &manifest);
    assert_eq!(reply.status, 201, "{reply:?}");
    manifest
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
