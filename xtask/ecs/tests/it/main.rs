//! The library from outside: one program, because linking is most of what a test costs.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

mod dependencies;
mod examples;
mod platforms;
mod rooms;
#[path = "../sample/mod.rs"]
mod sample;
mod waits;
