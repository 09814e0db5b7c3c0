//! The ECS simulation: a pure state machine. No HTTP, no threads, no clock of its own.
//!
//! Time comes in with every call. Everything that happens between two calls (a task changes its state, the service
//! scheduler looks, a breaker trips) is a discrete event with an exact simulated time, so the same calls at the same
//! times give the same answers.
//!
//! Three rooms for three questions: `state` is what is remembered, `life` what happens next, `api` what is answered.

mod api;
mod json;
mod life;
mod state;
#[cfg(test)]
mod tests;
mod timing;

pub use api::{Call, Caller};
pub(crate) use api::{Condition, READ_ONLY, Registered, asks_what_has_been, looks, oddity};
pub use life::Images;
pub use state::Ecs;
pub(crate) use state::behaviour::NextRun;
pub use state::behaviour::{Behaviour, Tasks, Trouble};
pub(crate) use state::earnest;
pub(crate) use state::log::Line;
