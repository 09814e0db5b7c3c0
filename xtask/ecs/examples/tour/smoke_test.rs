//! The test endpoint is asked while a blue/green rollout pauses; only where it answers well is the traffic shifted.

use std::io::{Read, Write};
use std::net::TcpStream;

use xtask_ecs::Xtask;
use xtask_ecs::deploy::Answer;

pub fn with(xtask: Xtask) -> Xtask {
    xtask.at_pause("post-test-traffic-shift", |_, rollout| {
        let mut endpoint = TcpStream::connect(std::env::var("TEST_ENDPOINT")?)?;
        endpoint.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        endpoint.read_to_string(&mut answer)?;
        let status = answer.lines().next().unwrap_or_default();
        let refused = || Answer::RollBack(format!("the test endpoint of {} answers {status}", rollout.revision));
        Ok(if status.contains(" 200 ") { Answer::Continue } else { refused() })
    })
}
