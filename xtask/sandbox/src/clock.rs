//! Simulated time.

use std::time::Duration;

/// A moment of simulated time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(pub u64);

/// How simulated time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// As real time does.
    Real,
    /// So many times as fast as real time.
    Scaled(u32),
    /// Not at all, until [`crate::Sandbox::advance`].
    Manual,
    /// Not at all, but for so much at every ECS call that only looks (`Describe…`, `List…`).
    PerLook(Duration),
}
