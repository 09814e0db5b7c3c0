//! The sandbox from outside, over the network: one program, because linking is most of what a test costs.
#![expect(clippy::unwrap_used, reason = "a test may end there")]

mod accounts;
mod client;
mod earnest;
mod ecr;
mod faults;
mod logs;
mod lookups;
mod order;
mod registry;
mod rehearsals;
mod repositories;
mod roles;
mod shift;
mod signer;
mod stage;
mod targets;
mod terraform;
