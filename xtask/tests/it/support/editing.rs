//! A server on loopback that passes calls of AWS's APIs on to a sandbox and changes words in some of the answers: what
//! AWS may say and the sandbox never does.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use serde_json::Value;
use xtask_sandbox::Sandbox;

/// Serves until the test ends. In answers to these operations `from` becomes `to`.
pub fn editing(sandbox: &Sandbox, operations: &'static [&'static str], from: &str, to: &str) -> String {
    let (from, to) = (from.to_owned(), to.to_owned());
    passing_on(sandbox, operations, move |body| body.replace(&from, &to))
}

/// Serves until the test ends. Answers to these operations are changed like this.
pub fn changing(
    sandbox: &Sandbox,
    operations: &'static [&'static str],
    change: impl Fn(&mut Value) + Clone + Send + 'static,
) -> String {
    passing_on(sandbox, operations, move |body| {
        let mut answer = serde_json::from_str(body).expect("an answer is JSON");
        change(&mut answer);
        answer.to_string()
    })
}

fn passing_on(
    sandbox: &Sandbox,
    operations: &'static [&'static str],
    edit: impl Fn(&str) -> String + Clone + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let behind: SocketAddr = sandbox.address().to_string().parse().unwrap();
    thread::spawn(move || {
        for caller in listener.incoming() {
            let edit = edit.clone();
            thread::spawn(move || pass_on(caller.unwrap(), behind, operations, &edit));
        }
    });
    format!("http://{address}")
}

/// One connection, exchange by exchange, to its end.
fn pass_on(caller: TcpStream, behind: SocketAddr, operations: &[&str], edit: &impl Fn(&str) -> String) -> Option<()> {
    let server = TcpStream::connect(behind).ok()?;
    let (mut to_caller, mut to_server) = (caller.try_clone().ok()?, server.try_clone().ok()?);
    let (mut caller, mut server) = (BufReader::new(caller), BufReader::new(server));
    loop {
        let request = message(&mut caller)?;
        to_server.write_all(&request).ok()?;
        let mut answer = message(&mut server)?;
        let target = String::from_utf8_lossy(&request).into_owned();
        if operations.iter().any(|operation| target.contains(&format!(".{operation}\r\n"))) {
            answer = edited(&answer, edit);
        }
        to_caller.write_all(&answer).ok()?;
    }
}

/// With another body, and the length that it has.
fn edited(answer: &[u8], edit: &impl Fn(&str) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head ends");
    let body = edit(body);
    let lines = head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("content-length:"));
    let head: Vec<&str> = lines.collect();
    format!("{}\r\ncontent-length: {}\r\n\r\n{body}", head.join("\r\n"), body.len()).into_bytes()
}

/// Head and body, as they came; `None` at the end of the connection.
fn message(from: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        bytes.extend_from_slice(line.as_bytes());
        if let Some((name, value)) =
            line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        {
            length = value.trim().parse().unwrap_or_else(|_| panic!("{name} is a number"));
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let head = bytes.len();
    bytes.resize(head + length, 0);
    from.read_exact(&mut bytes[head..]).ok()?;
    Some(bytes)
}
