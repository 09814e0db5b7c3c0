//! The question a container asks itself: an image without a shell has no curl either.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);
const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Asks the service on this port of the loopback address for /health.
///
/// # Errors
/// A sentence, where nobody answers within two seconds or the answer is not 200.
pub fn check(port: u16) -> Result<(), String> {
    let answer = ask(port).map_err(|error| format!("no answer from port {port}: {error}"))?;
    let status = answer.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) == Some("200") {
        Ok(())
    } else {
        Err(format!("port {port} answered `{status}` instead of 200"))
    }
}

fn ask(port: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        (listener, port)
    }

    #[test]
    fn the_service_is_well_while_it_serves() {
        let (listener, port) = listen();
        std::thread::spawn(move || crate::server::serve(&listener));
        assert_eq!(check(port), Ok(()));
    }

    #[test]
    fn silence_and_other_answers_are_not_well() {
        let (listener, port) = listen();
        let unwell = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a connection");
            stream.read_exact(&mut [0; REQUEST.len()]).expect("a request");
            stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").expect("the client listens");
        });
        let message = check(port).expect_err("503 is not well");
        assert!(message.contains("503"), "{message}");
        unwell.join().expect("the listener does not panic");
        assert!(check(port).expect_err("nobody listens").starts_with("no answer from port"));
    }
}
