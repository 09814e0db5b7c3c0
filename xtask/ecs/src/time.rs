//! The clock as people write it, chance, and the pauses between attempts.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::pin::pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[cfg(feature = "rehearse")]
pub(crate) mod turned;

/// Now, by the clock that every wait and every deadline of a deploy goes by: the real one, unless it is turned by hand.
pub(crate) fn instant() -> Instant {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        return clock.instant();
    }
    Instant::now()
}

/// How long ago that was.
pub(crate) fn since(moment: Instant) -> Duration {
    instant().saturating_duration_since(moment)
}

/// The time since the Unix epoch.
pub(crate) fn since_epoch() -> Duration {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        return clock.since_epoch();
    }
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Seconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    since_epoch().as_secs()
}

/// Waits so long in the midst of asynchronous work.
pub(crate) async fn sleep(duration: Duration) {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        return clock.nap(duration).await;
    }
    tokio::time::sleep(duration).await;
}

/// What this comes to; `None` where it does not within so long.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut end) = (pin!(future), pin!(sleep(limit)));
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// How often somebody who waits looks whether it is to stop. Where time stands until all have come to rest a look costs more,
/// and whoever interrupts is in no hurry.
pub(crate) fn look() -> Duration {
    #[cfg(feature = "rehearse")]
    if turned::clock().is_some() {
        return Duration::from_secs(2);
    }
    Duration::from_millis(50)
}

/// Has those who begin at once do so each in its turn, where the clock is turned by hand: in the same order each time.
pub(crate) fn in_turn(place: usize) {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        let until = clock.passed() + Duration::from_micros(place as u64);
        while let left = until.saturating_sub(clock.passed())
            && !left.is_zero()
        {
            clock.doze(left);
        }
    }
    #[cfg(not(feature = "rehearse"))]
    let _ = place;
}

/// Locks what others lock for as long as a call takes.
pub(crate) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        while let Err(std::sync::TryLockError::WouldBlock) = of.try_lock() {
            clock.doze(Duration::from_millis(25));
        }
    }
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until somebody says that this has changed, and at most until the next look.
pub(crate) fn changed<'a, T>(said: &Condvar, of: &'a Mutex<T>, now: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        clock.doze_without(look(), now);
        return of.lock().unwrap_or_else(PoisonError::into_inner);
    }
    let _ = of;
    said.wait_timeout(now, look()).unwrap_or_else(PoisonError::into_inner).0
}

/// Says that this has changed.
pub(crate) fn say(what: &Condvar) {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        clock.wake_all();
    }
    what.notify_all();
}

/// The day, `YYYY-MM-DD`, UTC.
pub(crate) fn today() -> String {
    timestamp(now())[..10].to_owned()
}

/// `YYYY-MM-DDThh:mm:ssZ`. Source: RFC 3339; the calendar arithmetic is Howard Hinnant's `civil_from_days`.
pub(crate) fn timestamp(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// How many days from one day (`YYYY-MM-DD`) to another; `None` where one of them is none.
pub(crate) fn days_between(from: &str, to: &str) -> Option<i64> {
    Some(day_number(to)? - day_number(from)?)
}

/// Days since the Unix epoch. The calendar arithmetic is Howard Hinnant's `days_from_civil`.
fn day_number(day: &str) -> Option<i64> {
    let number = |part: Option<&str>| part.filter(|part| part.bytes().all(|b| b.is_ascii_digit()))?.parse::<i64>().ok();
    let mut parts = day.split('-');
    let (year, month, day) = (number(parts.next())?, number(parts.next())?, number(parts.next())?);
    if parts.next().is_some() || !(1..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// A number from 0 to 1, another each time.
pub(crate) fn chance() -> f64 {
    #[cfg(feature = "rehearse")]
    if let Some(clock) = turned::clock() {
        return clock.chance();
    }
    let bits = RandomState::new().build_hasher().finish() >> 32;
    f64::from(u32::try_from(bits).unwrap_or_default()) / f64::from(u32::MAX)
}

/// How often something is tried, and how long the pauses between the attempts are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The first pause; each further one is twice as long.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The longest pause that a server may ask for (`Retry-After`): one that asks for more is not waited for.
    pub asked: Duration,
}

impl Default for Backoff {
    /// Six attempts over about half a minute; two minutes at a server's wish.
    fn default() -> Self {
        Self {
            attempts: 6,
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
            asked: Duration::from_secs(120),
        }
    }
}

impl Backoff {
    /// The pause after so many attempts, which a server may have asked for; `None` where there is no further attempt.
    pub(crate) fn pause(&self, attempts: u32, asked: Option<Duration>) -> Option<Duration> {
        let pause = asked.unwrap_or_else(|| self.own_pause(attempts, chance()));
        (attempts < self.attempts && asked.is_none_or(|asked| asked <= self.asked)).then_some(pause)
    }

    /// Between half and all of a time that doubles, so that clients that failed together do not come back together.
    fn own_pause(&self, attempts: u32, chance: f64) -> Duration {
        let full = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(self.longest);
        full.mul_f64(0.5 + chance / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_over_months_and_leap_years() {
        assert_eq!(days_between("1970-01-01", "2026-11-27"), Some(20_784));
        assert_eq!(days_between("2024-02-28", "2024-03-01"), Some(2));
        assert_eq!(days_between("2026-03-01", "2026-02-28"), Some(-1));
        for wrong in ["", "2026-13-01", "2026-1", "2026-01-01-01", "+2026-01-01", "today"] {
            assert_eq!(days_between(wrong, "2026-01-01"), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_written_as_date_does() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(timestamp(1_795_420_799), "2026-11-23T07:59:59Z");
    }

    #[test]
    fn what_is_there_comes_before_the_end_of_the_time_and_what_never_comes_does_not_outlast_it() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        assert_eq!(runtime.block_on(within(Duration::ZERO, std::future::ready(1))), Some(1));
        assert_eq!(runtime.block_on(within(Duration::ZERO, std::future::pending::<u8>())), None);
    }

    #[test]
    fn chance_is_from_0_to_1_and_another_each_time() {
        let chances: Vec<f64> = (0..8).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        assert!(chances.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1e-6), "{chances:?}");
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_vary() {
        for (attempts, full) in [(1, 0.5), (2, 1.0), (3, 2.0), (10, 15.0), (40, 15.0)] {
            for (chance, part) in [(0.0, 0.5), (1.0, 1.0)] {
                let pause = Backoff::default().own_pause(attempts, chance).as_secs_f64();
                assert!((full * part - pause).abs() < 1e-6, "{attempts}: {pause}");
            }
        }
    }

    #[test]
    fn there_is_no_pause_after_the_last_attempt_and_none_as_long_as_nobody_waits() {
        let backoff = Backoff::default();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert!(backoff.pause(5, None).is_some());
        assert_eq!(backoff.pause(6, None), None);
        assert_eq!(backoff.pause(1, seconds(120)), seconds(120));
        assert_eq!(backoff.pause(1, seconds(121)), None);
    }
}
