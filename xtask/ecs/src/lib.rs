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

pub mod config;
pub mod event;
pub mod extend;
pub mod failure;
pub mod gate;
pub mod interrupt;
pub mod release;

// The rooms behind the front door: for the tests, the examples and the curious; no promise about them.
#[doc(hidden)]
pub mod aws;
#[doc(hidden)]
pub mod binary;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod commit;
#[doc(hidden)]
pub mod deploy;
#[doc(hidden)]
pub mod digest;
#[doc(hidden)]
pub mod image;
#[doc(hidden)]
pub mod net;
#[doc(hidden)]
pub mod oci;
#[doc(hidden)]
pub mod process;
#[doc(hidden)]
pub mod reader;
#[doc(hidden)]
pub mod reference;
#[cfg(feature = "rehearse")]
#[doc(hidden)]
pub mod rehearse;
#[doc(hidden)]
pub mod time;
#[doc(hidden)]
pub mod tools;
#[doc(hidden)]
pub mod workflows;

mod cause;
mod context;
#[cfg(test)]
mod docs;
mod gzip;
mod stage;
mod text;

pub use context::{Command, Context};
pub use extend::Xtask;
pub use failure::Failure;
pub use stage::Ended;

/// The Rust of the pages that people read, compiled as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/EXTENDING.md")]
mod pages {}
