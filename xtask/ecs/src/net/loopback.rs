//! An HTTP server on loopback for tests: each connection gets the next answer of a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

/// What a client sent.
#[derive(Debug)]
pub(crate) struct Request {
    /// `POST /path HTTP/1.1`.
    pub line: String,
    /// Names in lowercase.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What the server does with one connection.
pub(crate) enum Answer {
    /// Status, further headers (each ending in CRLF), body.
    Full(u16, String, Vec<u8>),
    /// Announces the first number of bytes, sends this body, and closes.
    Truncated(usize, Vec<u8>),
    /// Announces the number of bytes, sends these, and then nothing, with the connection open.
    Stalls(usize, Vec<u8>),
    /// Reads the request and says nothing.
    Silent,
}

impl Answer {
    pub(crate) fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self::Full(200, String::new(), body.into())
    }

    pub(crate) fn status(status: u16, headers: &str) -> Self {
        Self::Full(status, headers.to_owned(), b"no".to_vec())
    }
}

/// Where the server listens, and the requests it has taken, as they come.
pub(crate) struct Server {
    pub address: SocketAddr,
    pub requests: Receiver<Request>,
}

impl Server {
    /// Serves one connection for each answer, then closes its socket, so that a further one is refused.
    pub(crate) fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            // Connections that were left open end with this thread's owner, the test's process.
            for answer in script {
                let Ok((stream, _)) = listener.accept() else { return };
                if let Some(request) = request(&stream) {
                    drop(sender.send(request));
                    serve(stream, answer);
                }
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().map(|_| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(':') {
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.and_then(|(_, length)| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line: first, headers, body })
}

fn serve(mut stream: TcpStream, answer: Answer) {
    let head = |status: u16, headers: &str, length: usize| {
        format!("HTTP/1.1 {status} Test\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n")
    };
    let (head, body, open) = match answer {
        Answer::Full(status, headers, body) => (head(status, &headers, body.len()), body, false),
        Answer::Truncated(length, body) => (head(200, "", length), body, false),
        Answer::Stalls(length, body) => (head(200, "", length), body, true),
        Answer::Silent => (String::new(), Vec::new(), true),
    };
    // A client that went away is a client's matter.
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)));
    if open {
        std::mem::forget(stream);
    }
}
