//! A server on loopback that answers as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// A request.
pub struct Asked {
    pub path: String,
    pub body: String,
    headers: Vec<String>,
}

impl Asked {
    pub fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case(wanted).then_some(value)
        })
    }
}

/// Status, media type, body.
pub type Answer = (u16, &'static str, Vec<u8>);

/// Answers one request a connection, one after another; returns `HOST:PORT`.
pub fn serve(answer: impl Fn(&Asked) -> Answer + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be listened on");
    let host = listener.local_addr().expect("it has an address").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A caller may leave before it has its answer.
            exchange(stream, &answer).unwrap_or_default();
        }
    });
    host
}

fn exchange(mut stream: TcpStream, answer: &impl Fn(&Asked) -> Answer) -> Option<()> {
    let mut from = BufReader::new(stream.try_clone().ok()?);
    let mut lines = (&mut from).lines().map_while(Result::ok);
    let first = lines.next()?;
    let headers = lines.take_while(|line| !line.is_empty()).collect();
    let mut asked = Asked { path: first.split(' ').nth(1)?.to_owned(), body: String::new(), headers };
    let length = asked.header("content-length").map_or(0, |length| length.parse().expect("a number"));
    from.take(length).read_to_string(&mut asked.body).ok()?;
    let (status, kind, body) = answer(&asked);
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}
