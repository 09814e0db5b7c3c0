//! `deploy`: plan · task definition · rollout · outcome · post-mortem.

mod cadence;
mod diff;
mod normal;
mod outcome;
mod post_mortem;
mod task_definition;
