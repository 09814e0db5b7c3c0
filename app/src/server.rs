//! Requests in, responses out: HTTP/1.1 (RFC 9112), one request a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How many connections are served at once; the others wait in the kernel's queue.
const WORKERS: usize = 16;
/// How long a client may stay silent before its connection is closed.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
/// The largest request head that is read, in bytes.
const LARGEST_HEAD: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;

/// Ends the process, with 0, as soon as SIGTERM comes. The first process of a container has no default action for
/// it, so without this ECS would wait for its stop timeout and kill.
pub fn stop_on_sigterm() -> std::io::Result<()> {
    let armed = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGTERM, 0, armed).map(drop)
}

/// Serves connections until the process ends.
pub fn serve(listener: &TcpListener) {
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    match listener.accept() {
                        // A client that went away is the client's business.
                        Ok((stream, _)) => drop(converse(stream)),
                        // Mostly a shortage of file descriptors, which passes when other connections end.
                        Err(_) => std::thread::sleep(PAUSE),
                    }
                }
            });
        }
    });
}

fn converse(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        if let Some(response) = respond(&head) {
            return stream.write_all(&response);
        }
        let length = stream.read(&mut chunk)?;
        if length == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&chunk[..length]);
    }
}

/// The response to a request whose head is complete, or not a request at all; `None` while more must be read.
fn respond(head: &[u8]) -> Option<Vec<u8>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if head.len() <= LARGEST_HEAD => return None,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Some(response(
                "431 Request Header Fields Too Large",
                TEXT,
                "the request head is too large\n",
                true,
            ));
        }
        Err(error) => return Some(response("400 Bad Request", TEXT, &format!("{error}\n"), true)),
    }
    let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
    let path = target.split('?').next().unwrap_or_default();
    let body = method != "HEAD";
    Some(match (method, path) {
        ("GET" | "HEAD", "/health") => response("200 OK", JSON, HEALTH, body),
        ("GET" | "HEAD", "/") => response("200 OK", TEXT, "hello\n", body),
        (_, "/health" | "/") => response("405 Method Not Allowed", METHODS, "only GET and HEAD\n", true),
        _ => response("404 Not Found", TEXT, "nothing here\n", body),
    })
}

const HEALTH: &str = concat!(r#"{"status":"ok","version":""#, env!("CARGO_PKG_VERSION"), "\"}\n");
const JSON: &str = "Content-Type: application/json";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8";
const METHODS: &str = "Content-Type: text/plain; charset=utf-8\r\nAllow: GET, HEAD";

fn response(status: &str, header: &str, body: &str, with_body: bool) -> Vec<u8> {
    let length = body.len();
    let body = if with_body { body } else { "" };
    format!("HTTP/1.1 {status}\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(request: &str) -> String {
        String::from_utf8(respond(request.as_bytes()).expect("the head is complete")).expect("responses are text")
    }

    #[test]
    fn health_says_ok_and_the_version() {
        let answer = answer("GET /health HTTP/1.1\r\nHost: app\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("Content-Type: application/json\r\n"), "{answer}");
        let body = format!("{{\"status\":\"ok\",\"version\":\"{}\"}}\n", env!("CARGO_PKG_VERSION"));
        assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        assert!(answer.contains(&format!("Content-Length: {}\r\n", body.len())), "{answer}");
    }

    #[test]
    fn the_root_says_hello_whatever_the_query() {
        assert!(answer("GET /?name=value HTTP/1.1\r\n\r\n").ends_with("\r\n\r\nhello\n"));
    }

    #[test]
    fn head_has_the_length_and_no_body() {
        let answer = answer("HEAD / HTTP/1.1\r\n\r\n");
        assert!(answer.contains("Content-Length: 6\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn other_paths_and_methods_are_refused_each_in_its_way() {
        assert!(answer("GET /admin HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        let refused = answer("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
        assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("\r\nAllow: GET, HEAD\r\n"), "{refused}");
    }

    #[test]
    fn a_head_is_waited_for_until_it_is_complete_wrong_or_too_large() {
        assert_eq!(respond(b""), None);
        assert_eq!(respond(b"GET /health HTTP/1.1\r\nHost: a"), None);
        assert!(answer("\x01\x02\r\n\r\n").starts_with("HTTP/1.1 400 "));
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LARGEST_HEAD));
        assert!(answer(&long).starts_with("HTTP/1.1 431 "));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X: x\r\n".repeat(MOST_HEADERS + 1));
        assert!(answer(&many).starts_with("HTTP/1.1 431 "));
    }
}
