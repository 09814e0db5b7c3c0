//! Deploys against the sandbox, over the network: what is asked of AWS, what is said, and how it ends.

mod endings;
mod planning;
mod stage;
mod updates;
