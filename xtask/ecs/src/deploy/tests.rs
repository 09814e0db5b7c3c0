//! Deploys against the sandbox, over the network: what is asked of AWS, what is said, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

mod alike;
mod endings;
mod many;
mod one_off;
mod planning;
mod stage;
mod updates;
