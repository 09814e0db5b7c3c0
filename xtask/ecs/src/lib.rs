//! Ship containers to Amazon ECS from a crate in your own workspace.

pub mod aws;
pub mod binary;
pub mod cli;
pub mod commit;
pub mod config;
pub mod deploy;
pub mod event;
pub mod extend;
pub mod failure;
pub mod interrupt;
mod nearest;
pub mod net;
pub mod oci;
pub mod process;
mod quantity;
pub mod reader;
#[cfg(feature = "rehearse")]
pub mod rehearse;
pub mod release;
pub mod tools;
pub mod workflows;

pub use extend::{Command, Context, Stage, Xtask};
pub use failure::Failure;
