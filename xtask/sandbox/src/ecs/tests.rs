//! Rollout stories, told with a clock that is turned by hand.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "json! makes values, and a story reads better without references")]

mod bounds;
mod cluster;
mod configuration;
mod daemon;
mod definition;
mod express;
mod failure;
mod managed_daemon;
mod monitors;
mod refusal;
mod rollout;
mod shift;
mod task;
mod world;
