//! A small HTTP service. `app` serves; `app --health` asks the one that serves whether it is well.

mod health;
mod server;

use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        None => serve(),
        Some("--health") => port().and_then(health::check),
        Some(other) => Err(format!("`{other}` is no option; there is only --health")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log(&format!("error: {message}"));
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), String> {
    let port = port()?;
    server::stop_on_sigterm().map_err(|error| format!("failed to listen for SIGTERM: {error}"))?;
    let listener =
        TcpListener::bind(("0.0.0.0", port)).map_err(|error| format!("failed to listen on port {port}: {error}"))?;
    log(&format!("app {} listens on port {port}", env!("CARGO_PKG_VERSION")));
    server::serve(&listener);
    Ok(())
}

/// The port of the environment variable PORT; 8080 where it is not set.
fn port() -> Result<u16, String> {
    parse_port(std::env::var("PORT").ok().as_deref())
}

fn parse_port(value: Option<&str>) -> Result<u16, String> {
    match value {
        None | Some("") => Ok(8080),
        Some(value) => match value.parse() {
            Ok(port) if port != 0 => Ok(port),
            _ => Err(format!("PORT is `{value}`, which is no port number (1 to 65535)")),
        },
    }
}

/// One line on stderr, where container logs are collected from. A reader that went away is no reason to stop.
fn log(line: &str) {
    drop(writeln!(std::io::stderr(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::parse_port;

    #[test]
    fn the_port_comes_from_the_environment_and_is_8080_otherwise() {
        assert_eq!(parse_port(None), Ok(8080));
        assert_eq!(parse_port(Some("")), Ok(8080));
        assert_eq!(parse_port(Some("9000")), Ok(9000));
        for wrong in ["http", "0", "65536", "-1"] {
            let message = parse_port(Some(wrong)).expect_err("not a port");
            assert!(message.contains(wrong), "{message}");
        }
    }
}
