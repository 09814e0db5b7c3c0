//! Rollout stories, told with a clock that is turned by hand.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "json! makes values, and a story reads better without references")]

mod bounds;
mod cluster;
mod daemon;
mod definition;
mod failure;
mod refusal;
mod rollout;
mod task;
mod world;
