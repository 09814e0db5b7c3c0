//! Ship containers to Amazon ECS from a crate in your own workspace.
//!
//! A repository's `xtask/src/main.rs` is [`Xtask::new().run()`](Xtask), with what the repository adds: its own
//! [`Command`]s, hooks around the stages, and notifiers that read the [`event`] stream. What those may use is the
//! [`Context`]: the validated [`config`], AWS, the event stream, the [`interrupt`]. How a command ends other than well,
//! and the exit code of each ending, is a [`Failure`].
//!
//! ```no_run
//! use xtask_ecs::Xtask;
//!
//! fn main() -> std::process::ExitCode {
//!     Xtask::new()
//!         .before_deploy(|context, _plan| {
//!             context.events().note("Checking", "the change calendar");
//!             Ok(())
//!         })
//!         .run()
//! }
//! ```
//!
//! Data goes one way, and each step is a type that the next one takes:
//!
//! ```text
//! Cargo.toml → Config → Plan → (Layout → Verdict → Release) → (Revision → Rollout → Outcome)
//! ```
//!
//! [`gate::Passed`] is the proof in the middle: the tag takes one, and only the scan gate makes one.

#![warn(missing_docs, unnameable_types, unreachable_pub)]

pub mod commit;
pub mod config;
pub mod deploy;
pub mod digest;
pub mod event;
pub mod failure;
pub mod gate;
pub mod interrupt;
pub mod oci;
pub mod process;
pub mod reference;
pub mod release;

mod aws;
mod beside;
mod binary;
mod cause;
mod cli;
mod context;
#[cfg(test)]
mod docs;
mod evidence;
mod extend;
mod gather;
mod gzip;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod hostile;
mod image;
mod lookup;
mod net;
mod operate;
mod partial;
mod platform;
mod policy;
mod promote;
mod reader;
#[cfg(feature = "rehearse")]
mod rehearse;
#[cfg(feature = "rehearse")]
mod simulate;
mod sorted;
mod sources;
mod stage;
mod text;
mod time;
mod tools;
mod workflows;

pub use context::{Command, Context};
pub use extend::Xtask;
pub use failure::{Ending, Failure};
pub use sources::Asking;
pub use stage::Ended;

/// The Rust of the pages that people read, compiled as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/EXTENDING.md")]
mod pages {}
