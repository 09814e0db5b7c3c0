//! How long to wait between two looks at a rollout.

use std::time::Duration;

/// Looks in a row at the shortest pause before it grows.
const QUICK: u32 = 6;

/// What the last looks were like.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// Looks in a row that found nothing new, since the last change.
    pub unchanged: u32,
    /// All tasks that are wanted have been started: the end may come soon.
    pub all_started: bool,
    /// All tasks that are wanted run: the end comes next.
    pub all_running: bool,
}

/// The next pause: `poll` at the start, after each change and near the end; up to 3 times as long in the middle, so
/// that a task that cannot start is seen within five seconds at a poll of one, and up to twice while the last tasks start. `chance` is from 0 to 1 and moves it by a tenth either way, so that
/// many rollouts at once do not look in step.
pub(super) fn pause(poll: Duration, pace: Pace, chance: f64) -> Duration {
    let longest = match (pace.all_running, pace.all_started) {
        (true, _) => 1.0,
        (_, true) => 2.0,
        _ => 3.0,
    };
    let grown = 1.25_f64.powf(f64::from(pace.unchanged.saturating_sub(QUICK).min(20)));
    poll.mul_f64(grown.min(longest) * (0.9 + 0.2 * chance))
}

/// Many rollouts look in step, so that one call serves twenty of them: the pause until the step that is nearest to its
/// end. The steps of fifty, which three calls serve, are as long as two pauses of `poll`.
pub(super) fn in_step(pause: Duration, poll: Duration, rollouts: usize, at: Duration) -> Duration {
    if rollouts < 2 {
        return pause;
    }
    let calls = u32::try_from(rollouts.div_ceil(ROLLOUTS)).unwrap_or(u32::MAX);
    let step = (poll * calls * 2 / 3).max(poll);
    let wanted = at + pause.saturating_sub(step / 2).max(step / 8);
    let steps = wanted.as_nanos().div_ceil(step.as_nanos().max(1));
    (step * u32::try_from(steps).unwrap_or(u32::MAX)).saturating_sub(at)
}

/// How long what was seen of a service holds where its rollout has not changed since: all that one call tells of ten.
pub(super) fn patience(poll: Duration, rollouts: usize) -> Duration {
    let calls = u32::try_from(rollouts.div_ceil(SERVICES)).unwrap_or(u32::MAX);
    if rollouts < 2 { Duration::ZERO } else { poll * calls * 4 }
}

/// Service deployments in one DescribeServiceDeployments, and services in one DescribeServices.
const ROLLOUTS: usize = 20;
const SERVICES: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rollout_pauses_as_long_as_it_likes_and_many_look_at_the_same_moments() {
        let second = Duration::from_secs(1);
        let at = |millis| Duration::from_millis(millis);
        assert_eq!(in_step(at(1100), second, 1, at(300)), at(1100));
        for (rollouts, pause, now, then) in [
            (2, 1100, 10_100, 11_000),
            (20, 900, 10_250, 11_000),
            (20, 3000, 10_250, 13_000),
            (50, 900, 10_250, 12_000),
            (50, 1100, 11_990, 14_000),
            (50, 3000, 10_250, 14_000),
        ] {
            let wakes = at(now) + in_step(at(pause), second, rollouts, at(now));
            assert_eq!(wakes, at(then), "{rollouts} after {pause} at {now}");
        }
    }

    #[test]
    fn fifty_rollouts_without_news_ask_less_than_twice_a_second() {
        let second = Duration::from_secs(1);
        let step = in_step(second, second, 50, Duration::ZERO).as_secs_f64();
        let patience = patience(second, 50).as_secs_f64();
        let (rollouts, services, lists) = (3.0 / step, 5.0 / patience, 1.0 / patience);
        assert!(rollouts + services + lists < 2.0, "{step} {patience}");
    }

    const POLL: Duration = Duration::from_secs(1);

    #[test]
    fn looks_become_rarer_in_the_middle_and_quick_again_near_the_end() {
        let at = |unchanged, all_started, all_running| {
            pause(POLL, Pace { unchanged, all_started, all_running }, 0.5).as_secs_f64()
        };
        let near = |left: f64, right: f64| assert!((left - right).abs() < 1e-9, "{left} and {right}");
        near(at(0, false, false), 1.0);
        near(at(6, false, false), 1.0);
        assert!(at(9, false, false) > 1.5);
        near(at(100, false, false), 3.0);
        near(at(100, true, false), 2.0);
        near(at(100, true, true), 1.0);
    }

    /// Looks through a rollout whose tasks start at 1 s, run at `running` and are called complete at `complete`; how
    /// long after that the look comes that sees it. All in seconds.
    fn noticed_after(running: f64, complete: f64, chances: &mut impl Iterator<Item = f64>) -> f64 {
        let (mut now, mut last, mut unchanged) = (0.0, 0, 0);
        loop {
            if now >= complete {
                return now - complete;
            }
            let state = u8::from(now >= 1.0) + u8::from(now >= running);
            unchanged = if state == last { unchanged + 1 } else { 0 };
            last = state;
            let pace = Pace { unchanged, all_started: state >= 1, all_running: state == 2 };
            now += pause(POLL, pace, chances.next().unwrap_or(0.5)).as_secs_f64();
        }
    }

    #[test]
    fn the_end_is_noticed_within_a_second_and_a_half_as_a_rule() {
        // A fixed sequence that is spread evenly: multiples of the golden ratio.
        let mut chances = (1..).map(|n| (f64::from(n) * 0.618_033_988_75).fract());
        let mut delays = Vec::new();
        for tenths in 0..200 {
            let running = 12.0 + f64::from(tenths) * 0.37;
            for steady in [0.2, 3.0, 20.0, 60.0] {
                delays.push(noticed_after(running, running + steady, &mut chances));
            }
        }
        delays.sort_by(f64::total_cmp);
        let median = delays[delays.len() / 2];
        assert!(median <= 1.0, "{median}");
        assert!(delays[delays.len() - 1] <= 2.2, "{delays:?}");
    }

    #[test]
    fn jitter_is_a_tenth_either_way() {
        assert_eq!(pause(POLL, Pace::default(), 0.0), Duration::from_millis(900));
        assert_eq!(pause(POLL, Pace::default(), 1.0), Duration::from_millis(1100));
    }
}
