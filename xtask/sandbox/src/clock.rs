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

    /// As requests are signed with it: `20261127T044538Z`.
    pub fn basic(self) -> String {
        let (year, month, day, hour, minute, second) = self.parts();
        format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    /// The moment of such a text.
    pub(crate) fn of_basic(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let number = |range: std::ops::Range<usize>| digits.get(range)?.parse::<u64>().ok();
        let (year, month, day) = (number(0..4)?, number(4..6)?, number(6..8)?);
        // Days from the civil calendar, March first: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
        let days = years * 365 + years / 4 - years / 100 + years / 400 + (153 * months + 2) / 5 + day - 1;
        let seconds = (days - DAYS_TO_EPOCH) * 86_400 + number(8..10)? * 3600 + number(10..12)? * 60 + number(12..14)?;
        Some(Self(seconds * 1000))
    }

    /// As XML answers date: `2026-11-27T04:45:38Z`. Source: ISO 8601.
    pub(crate) fn iso(self) -> String {
        let (year, month, day, hour, minute, second) = self.parts();
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }

    /// As HTTP dates an answer: `Fri, 27 Nov 2026 04:45:38 GMT`. Source: RFC 9110, section 5.6.7.
    pub(crate) fn http(self) -> String {
        const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day, hour, minute, second) = self.parts();
        let weekday = DAYS[usize::try_from(self.0 / 86_400_000 % 7).unwrap_or_default()];
        let month = MONTHS[usize::try_from(month - 1).unwrap_or_default()];
        format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }

    /// Year, month, day, hour, minute and second of the civil calendar, by the same algorithms.
    fn parts(self) -> (u64, u64, u64, u64, u64, u64) {
        let (days, second) = (self.0 / 86_400_000 + DAYS_TO_EPOCH, self.0 / 1000 % 86_400);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * march + 2) / 5 + 1;
        let month = if march < 10 { march + 3 } else { march - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        (year, month, day, second / 3600, second / 60 % 60, second % 60)
    }
}

/// From 1 March of the year 0 to 1 January 1970.
const DAYS_TO_EPOCH: u64 = 719_468;

/// How simulated time passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// As real time does.
    Real,
    /// So many times as fast as real time.
    Scaled(u32),
    /// Not at all, until [`crate::Sandbox::advance`].
    Manual,
    /// Not at all, but for so much at every ECS call that only looks (`Describe…`, `List…`), and not where it asks for
    /// rollouts that are over alone.
    PerLook(Duration),
}

/// A clock that was started. It begins at the real time, so that clients may compare timestamps with their own clock.
#[derive(Debug)]
pub(crate) struct Timeline {
    clock: Clock,
    epoch: u64,
    started: std::time::Instant,
    skipped: u64,
    /// What looks and a world that was to come to rest have brought on: it ages no credentials.
    passed: u64,
}

impl Timeline {
    pub fn start(clock: Clock) -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { clock, epoch: millis(epoch), started: std::time::Instant::now(), skipped: 0, passed: 0 }
    }

    /// Simulated time.
    pub fn now(&self) -> Instant {
        let elapsed = millis(self.started.elapsed());
        let passed = match self.clock {
            Clock::Real => elapsed,
            Clock::Scaled(factor) => elapsed * u64::from(factor),
            Clock::Manual | Clock::PerLook(_) => 0,
        };
        Instant(self.epoch + passed + self.passed + self.skipped)
    }

    /// Real time, and what was skipped by hand: a fast rollout must not age the registry tokens of a slow upload.
    pub fn wall(&self) -> Instant {
        Instant(self.epoch + millis(self.started.elapsed()) + self.skipped)
    }

    pub fn skip(&mut self, by: Duration) {
        self.skipped += millis(by);
    }

    /// Simulated time alone goes on.
    pub fn pass(&mut self, by: Duration) {
        self.passed += millis(by);
    }

    /// Somebody looked.
    pub fn look(&mut self) {
        if let Clock::PerLook(step) = self.clock {
            self.pass(step);
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
    fn a_moment_is_spelt_as_requests_and_answers_spell_it() {
        for (seconds, basic, http) in [
            (0, "19700101T000000Z", "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_399, "20000228T235959Z", "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_868_800, "20000301T000000Z", "Wed, 01 Mar 2000 00:00:00 GMT"),
            (1_795_754_738, "20261127T044538Z", "Fri, 27 Nov 2026 04:45:38 GMT"),
        ] {
            let moment = Instant(seconds * 1000);
            assert_eq!((moment.basic().as_str(), moment.http().as_str()), (basic, http));
            assert_eq!(Instant::of_basic(basic), Some(moment));
        }
        assert_eq!(Instant::of_basic("yesterday"), None);
    }

    #[test]
    fn timestamps_are_seconds_with_a_fraction() {
        assert!((Instant(1_700_000_000_250).seconds() - 1_700_000_000.25).abs() < f64::EPSILON);
    }
}
