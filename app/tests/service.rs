//! The whole program: served, asked, stopped.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Output, Stdio};

struct Running {
    child: Child,
    port: String,
}

impl Running {
    /// Starts the service and waits until it says that it listens.
    fn start() -> Self {
        loop {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let port = free.local_addr().expect("an address").port().to_string();
            drop(free);
            let mut child = app(&port).stderr(Stdio::piped()).spawn().expect("the app starts");
            let mut said = String::new();
            let stderr = child.stderr.as_mut().expect("a pipe");
            BufReader::new(stderr).read_line(&mut said).expect("the app says something");
            let running = Self { child, port };
            // Somebody else may have taken the port meanwhile.
            if said.contains("Address already in use") {
                continue;
            }
            assert!(said.ends_with(&format!("listens on port {}\n", running.port)), "{said}");
            return running;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn app(port: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_app"));
    command.env("PORT", port);
    command
}

fn ask(port: &str) -> Output {
    app(port).arg("--health").output().expect("the app starts")
}

#[test]
fn a_running_service_says_that_it_is_well() {
    let running = Running::start();
    assert!(ask(&running.port).status.success());
}

#[test]
fn nobody_is_not_well() {
    let running = Running::start();
    let port = running.port.clone();
    drop(running);
    let answer = ask(&port);
    assert_eq!(answer.status.code(), Some(1));
    let message = String::from_utf8_lossy(&answer.stderr);
    assert!(message.starts_with(&format!("error: no answer from port {port}")), "{message}");
}

#[test]
fn sigterm_ends_the_service_with_0() {
    let mut running = Running::start();
    // The shell's own kill: not every machine has a program of that name.
    let killed = Command::new("sh").args(["-c", &format!("kill -TERM {}", running.child.id())]).status();
    assert!(killed.expect("sh starts").success());
    assert_eq!(running.child.wait().expect("the app ends").code(), Some(0));
}

#[test]
fn a_wrong_port_or_option_is_said_and_ends_with_1() {
    for (port, argument, said) in [("http", None, "PORT is `http`"), ("8080", Some("--verbose"), "`--verbose`")] {
        let answer = app(port).args(argument).output().expect("the app starts");
        assert_eq!(answer.status.code(), Some(1));
        let message = String::from_utf8_lossy(&answer.stderr);
        assert!(message.contains(said), "{message}");
    }
}
