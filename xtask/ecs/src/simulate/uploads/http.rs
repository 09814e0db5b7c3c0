//! As much of HTTP/1.1 as is needed to get it wrong: requests and answers byte for byte.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

/// The head of a message as it came, its first line and members apart.
#[derive(Clone, Debug)]
pub(super) struct Head {
    first: String,
    members: Vec<(String, String)>,
}

/// One message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub head: Head,
    pub body: Vec<u8>,
}

impl Head {
    /// None where the other end is gone.
    pub(super) fn read(from: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let mut line = || {
            let mut line = String::new();
            from.read_line(&mut line)?;
            io::Result::Ok(line)
        };
        let first = line()?;
        if first.is_empty() {
            return Ok(None);
        }
        let mut members = Vec::new();
        while let line = line()?
            && let Some((name, value)) = line.trim_end().split_once(':')
        {
            members.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Ok(Some(Self { first: first.trim_end().to_owned(), members }))
    }

    pub(super) fn answer(status: u16) -> Self {
        Self { first: format!("HTTP/1.1 {status} said"), members: Vec::new() }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The member says this, or, where that is nothing, is not there.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.members.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.members.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    pub(super) fn length(&self) -> usize {
        self.get("content-length").and_then(|length| length.parse().ok()).unwrap_or_default()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let lines: Vec<String> = self.members.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{}\r\n", self.first, lines.concat()).into_bytes()
    }

    fn words(&self) -> (&str, &str) {
        let mut words = self.first.split(' ');
        (words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    pub(super) fn method(&self) -> &str {
        self.words().0
    }

    pub(super) fn target(&self) -> &str {
        self.words().1
    }

    fn status(&self) -> u16 {
        self.words().1.parse().unwrap_or_default()
    }

    /// `PUT upload`.
    pub(super) fn call(&self) -> String {
        let path = self.target().split('?').next().unwrap_or_default();
        let noun = [
            ("/blobs/uploads/", "upload"),
            ("/blobs/", "blob"),
            ("/manifests/", "manifest"),
            ("/referrers/", "referrers"),
        ];
        let noun = noun.iter().find(|(part, _)| path.contains(part)).map_or("nothing", |(_, noun)| noun);
        let noun = if path.ends_with("/uploads/") { "uploads" } else { noun };
        format!("{} {noun}", self.method())
    }

    /// `/v2/sample/app`.
    pub(super) fn repository(&self) -> &str {
        let parts = ["/blobs/", "/manifests/", "/referrers/"];
        let ends = parts.iter().filter_map(|part| self.target().find(part));
        &self.target()[..ends.min().unwrap_or_default()]
    }

    /// What it is about: a digest where it names one, and else its path.
    pub(super) fn about(&self) -> String {
        let target = self.target().replace("%3A", ":");
        match target.find("sha256:") {
            Some(at) => target[at..].chars().take("sha256:".len() + 64).collect(),
            None => target,
        }
    }
}

impl Message {
    pub(super) fn new(head: Head, body: Vec<u8>) -> Self {
        Self { head: head.with("content-length", &body.len().to_string()), body }
    }

    /// The answer to a request of this method.
    pub(super) fn answer(from: &mut BufReader<TcpStream>, method: &str) -> io::Result<Self> {
        let head = Head::read(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let none = method == "HEAD" || matches!(head.status(), 204 | 304);
        let body = if none { Vec::new() } else { body(from, head.length())? };
        Ok(Self { head, body })
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.head.bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

pub(super) fn body(from: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
