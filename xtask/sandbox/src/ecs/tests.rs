//! Rollout stories, told with a clock that is turned by hand.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod rollout;
mod world;
