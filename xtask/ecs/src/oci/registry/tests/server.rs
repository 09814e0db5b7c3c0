//! A registry on loopback, small enough to see through, that does what a test tells it to.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::digest::Digest;

/// What a request said, its body not yet read.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub authorization: Option<String>,
    pub length: usize,
}

impl Head {
    pub(super) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.target.contains(part)
    }
}

/// What to do in place of what a registry would.
#[derive(Clone)]
pub(super) enum Fault {
    /// Answer with this status, headers (lines) and body, having read the request whole.
    Answer(u16, &'static str, String),
    /// Read so many bytes of the body, then close the connection.
    CutAfter(usize),
    /// Do what was asked, and close the connection in place of an answer.
    LoseAnswer,
    /// From now on another `Authorization` is the good one.
    Expire(&'static str),
    /// Read nothing more, and say nothing for ever.
    Stall,
}

type When = Box<dyn Fn(&Head) -> bool + Send>;

#[derive(Default)]
pub(super) struct State {
    pub blobs: HashMap<String, Vec<u8>>,
    pub manifests: HashMap<String, (String, Vec<u8>)>,
    /// Every request, in the order they came.
    pub heads: Vec<Head>,
    /// Bodies of blobs that ended before they were complete, by how much of them came.
    pub broken: Vec<usize>,
    /// The `Authorization` that is good; none is needed without.
    pub good: Option<String>,
    /// Whether uploads are believed to be what they say, as some registries do.
    pub trusting: bool,
    /// How a refusal is made.
    pub challenge: String,
    /// Where uploads go; `{host}` is this server's.
    pub location: Option<&'static str>,
    faults: Vec<(When, Fault, usize)>,
}

#[derive(Clone)]
pub(super) struct Server {
    pub host: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let server = Self { host, state: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Head and body are written apart, and the second is not to wait until the first has arrived.
                stream.set_nodelay(true).unwrap();
                let server = serving.clone();
                std::thread::spawn(move || while server.serve(&stream).is_some() {});
            }
        });
        server
    }

    /// The next so many requests that fit meet this fault.
    pub(super) fn fault(&self, times: usize, when: impl Fn(&Head) -> bool + Send + 'static, fault: Fault) {
        self.state().faults.push((Box::new(when), fault, times));
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(super) fn count(&self, method: &str, part: &str) -> usize {
        self.state().heads.iter().filter(|head| head.is(method, part)).count()
    }

    /// One request; `None` when the connection is at its end.
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::with_capacity(1 << 16, stream);
        let head = read_head(&mut reader)?;
        let fault = {
            let mut state = self.state();
            state.heads.push(head.clone());
            let fitting = state.faults.iter_mut().find(|(when, _, times)| *times > 0 && when(&head));
            fitting.map(|(_, fault, times)| {
                *times -= 1;
                fault.clone()
            })
        };
        match fault {
            Some(Fault::Stall) => loop {
                std::thread::park();
            },
            Some(Fault::CutAfter(bytes)) => {
                std::io::copy(&mut reader.take(bytes as u64), &mut std::io::sink()).ok()?;
                return None;
            }
            Some(Fault::Expire(good)) => self.state().good = Some(good.to_owned()),
            _ => {}
        }
        let mut body = Vec::new();
        reader.take(head.length as u64).read_to_end(&mut body).ok();
        if body.len() < head.length {
            self.state().broken.push(body.len());
            return None;
        }
        let (status, headers, body) = match fault {
            Some(Fault::Answer(status, headers, ref body)) => (status, headers.to_owned(), body.clone().into_bytes()),
            _ => self.answer(&head, body),
        };
        if matches!(fault, Some(Fault::LoseAnswer)) {
            return None;
        }
        let length = if head.method == "HEAD" { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let mut stream = stream;
        write!(stream, "HTTP/1.1 {status} Status\r\n{headers}{length}\r\n").ok()?;
        if head.method != "HEAD" {
            stream.write_all(&body).ok()?;
        }
        Some(())
    }

    fn answer(&self, head: &Head, body: Vec<u8>) -> (u16, String, Vec<u8>) {
        let mut state = self.state();
        if let Some(token) = head.target.strip_prefix("/token") {
            let token = format!(r#"{{"token":"for{}"}}"#, token.replace(['?', '&', '=', '%'], "-"));
            return (200, String::new(), token.into_bytes());
        }
        if head.target.starts_with("/storage/") {
            let digest = head.target.trim_start_matches("/storage/");
            return (200, String::new(), state.blobs[digest].clone());
        }
        if state.good.is_some() && state.good != head.authorization {
            return (401, state.challenge.clone(), complaint("UNAUTHORIZED", "authentication required"));
        }
        let last = head.target.rsplit('/').next().unwrap_or_default().to_owned();
        match head.method.as_str() {
            "HEAD" if state.blobs.contains_key(&last) => (200, String::new(), Vec::new()),
            "GET" if head.target.contains("/manifests/") => match state.manifests.get(&last) {
                Some((kind, bytes)) => (200, format!("content-type: {kind}\r\n"), bytes.clone()),
                None => (404, String::new(), complaint("MANIFEST_UNKNOWN", "manifest unknown")),
            },
            "GET" if state.blobs.contains_key(&last) => (307, format!("location: /storage/{last}\r\n"), Vec::new()),
            "POST" => {
                let location = state
                    .location
                    .unwrap_or("/v2/sample/app/blobs/uploads/1?_state=x%3D")
                    .replace("{host}", &self.host);
                // ECR's own: a range that says nothing arrived, whatever did.
                (202, format!("location: {location}\r\nrange: 0-0\r\n"), Vec::new())
            }
            "PUT" if head.target.contains("/manifests/") => {
                let digest = Digest::of(&body).to_string();
                state.manifests.insert(last, (String::new(), body));
                (201, format!("docker-content-digest: {digest}\r\n"), Vec::new())
            }
            "PUT" => {
                let stated = head.target.rsplit("digest=").next().unwrap_or_default().to_owned();
                if !state.trusting && Digest::of(&body).as_str() != stated {
                    return (400, String::new(), complaint("DIGEST_INVALID", "provided digest did not match"));
                }
                state.blobs.insert(stated, body);
                (201, String::new(), Vec::new())
            }
            _ => (404, String::new(), complaint("BLOB_UNKNOWN", "blob unknown")),
        }
    }
}

pub(super) fn complaint(code: &str, message: &str) -> Vec<u8> {
    format!(r#"{{"errors":[{{"code":"{code}","message":"{message}","detail":null}}]}}"#).into_bytes()
}

fn read_head(reader: &mut impl BufRead) -> Option<Head> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let mut head = Head { method: words.next()?.to_owned(), target: words.next()?.to_owned(), ..Head::default() };
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => head.length = value.parse().ok()?,
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                head.authorization = Some(value.to_owned());
            }
            Some(_) => {}
            None => return Some(head),
        }
    }
}
