//! Simulated time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment of simulated time, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Instant(pub u64);

impl Instant {
    /// As the AWS JSON protocols write timestamps: seconds since the Unix epoch, with a fraction.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 need 41 bits of the 52")]
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

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

/// A clock that was started. It begins at the real time, so that clients may compare timestamps with their own clock.
#[derive(Debug)]
pub(crate) struct Timeline {
    clock: Clock,
    epoch: u64,
    started: std::time::Instant,
    skipped: u64,
}

impl Timeline {
    pub fn start(clock: Clock) -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { clock, epoch: millis(epoch), started: std::time::Instant::now(), skipped: 0 }
    }

    /// Simulated time.
    pub fn now(&self) -> Instant {
        let elapsed = millis(self.started.elapsed());
        let passed = match self.clock {
            Clock::Real => elapsed,
            Clock::Scaled(factor) => elapsed * u64::from(factor),
            Clock::Manual | Clock::PerLook(_) => 0,
        };
        Instant(self.epoch + passed + self.skipped)
    }

    /// Real time, and what was skipped by hand: a fast rollout must not age the registry tokens of a slow upload.
    pub fn wall(&self) -> Instant {
        Instant(self.epoch + millis(self.started.elapsed()) + self.skipped)
    }

    pub fn skip(&mut self, by: Duration) {
        self.skipped += millis(by);
    }

    /// Somebody looked.
    pub fn look(&mut self) {
        if let Clock::PerLook(step) = self.clock {
            self.skip(step);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let mut timeline = Timeline::start(Clock::Manual);
        let before = timeline.now();
        timeline.look();
        assert_eq!(timeline.now(), before);
        timeline.skip(Duration::from_secs(3));
        assert_eq!(timeline.now().0, before.0 + 3000);
    }

    #[test]
    fn a_clock_per_look_moves_by_its_step_at_every_look() {
        let mut timeline = Timeline::start(Clock::PerLook(Duration::from_millis(700)));
        let before = timeline.now();
        timeline.look();
        timeline.look();
        assert_eq!(timeline.now().0, before.0 + 1400);
    }

    #[test]
    fn timestamps_are_seconds_with_a_fraction() {
        assert!((Instant(1_700_000_000_250).seconds() - 1_700_000_000.25).abs() < f64::EPSILON);
    }
}
