//! What a rollout that shifts traffic shows besides its numbers.

use std::time::Duration;

use crate::event::{Hook, Progress, Usual};
use crate::gather::Gather;
use crate::time::timestamp;

/// ` BAKE_TIME`, to follow the status; nothing in a rolling rollout.
pub(crate) fn stage(progress: &Progress) -> String {
    if progress.stage.is_empty() { String::new() } else { format!(" {}", progress.stage) }
}

/// `; production 10 %, test 100 %; before: 2 running; at most 12 min of the bake left`, to follow the numbers. In a rolling
/// rollout only what goes wrong is said.
pub(crate) fn detail(progress: &Progress) -> String {
    let mut parts = Vec::new();
    if !progress.stage.is_empty() {
        parts.extend(weights(progress));
        parts.extend(before(progress));
    }
    parts.extend(progress.bake_minutes.map(|minutes| format!("at most {minutes} min of the bake left")));
    parts.extend(progress.hooks.iter().filter_map(hook));
    if !progress.triggered.is_empty() {
        parts.push(format!("in ALARM: {}", progress.triggered.join(", ")));
    }
    parts.iter().fold(String::new(), |text, part| text + "; " + part)
}

/// `; 1:20 left, usually 2:10`, to follow all of that: short enough for a terminal of eighty columns.
pub(crate) fn usual(progress: &Progress) -> String {
    let Some(Usual { seconds, left_seconds }) = progress.usual else { return String::new() };
    let whole = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or_default().as_secs();
    let usually = clock(whole);
    match left_seconds.map(u64::from) {
        None => format!("; usually {usually}"),
        Some(0) => format!("; longer than usual ({usually})"),
        // In whole tens it can be more than all of it.
        Some(left) => format!("; {} left, usually {usually}", clock(left.min(whole))),
    }
}

/// Minutes and seconds, as on a clock.
fn clock(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// What tells one state from another; what only time changes is not among it.
pub(crate) fn news(progress: &Progress) -> String {
    let Progress { status, desired, pending, running, failed, .. } = progress;
    let timeless = Progress { bake_minutes: None, ..progress.clone() };
    format!("{status}{} {desired} {pending} {running} {failed}{}", stage(progress), detail(&timeless))
}

/// The shares of the traffic that the new revision has: `production 10 %, test 100 %`.
pub(crate) fn weights(progress: &Progress) -> Option<String> {
    let target = progress.revisions.first()?;
    let shares = [("production", target.production_weight), ("test", target.test_weight)];
    let shares: Vec<_> =
        shares.iter().filter_map(|(name, weight)| weight.map(|weight| format!("{name} {weight} %"))).gather();
    (!shares.is_empty()).then(|| shares.join(", "))
}

fn before(progress: &Progress) -> Option<String> {
    let running: u32 = progress.revisions.iter().skip(1).map(|revision| revision.running).sum();
    (progress.revisions.len() > 1).then(|| format!("before: {running} running"))
}

fn hook(hook: &Hook) -> Option<String> {
    let what = if hook.target.is_empty() { &hook.id } else { &hook.target };
    match hook.status.as_str() {
        "SUCCEEDED" => None,
        "AWAITING_ACTION" => Some(format!("{} waits for a decision{}", hook.id, deadline(hook))),
        status => Some(format!("hook {what} {status}")),
    }
}

/// ` until 2026-11-27T08:00:00Z, then ROLLBACK`.
pub(crate) fn deadline(hook: &Hook) -> String {
    let Some(expires) = hook.expires else { return String::new() };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float's cast saturates")]
    let until = timestamp(expires as u64);
    let then = if hook.on_timeout.is_empty() { String::new() } else { format!(", then {}", hook.on_timeout) };
    format!(" until {until}{then}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::RevisionProgress;

    fn canary() -> Progress {
        let revision = |running, production_weight| RevisionProgress {
            running,
            production_weight: Some(production_weight),
            test_weight: Some(0.0),
            ..RevisionProgress::default()
        };
        Progress {
            stage: "PRODUCTION_TRAFFIC_SHIFT".into(),
            revisions: vec![revision(4, 0.5), revision(3, 99.5)],
            ..Progress::default()
        }
    }

    #[test]
    fn a_rolling_rollout_shows_nothing_more() {
        let rolling = Progress { revisions: canary().revisions, stage: String::new(), ..Progress::default() };
        assert_eq!((stage(&rolling), detail(&rolling)), (String::new(), String::new()));
    }

    #[test]
    fn what_is_usual_is_shown_with_what_is_left_of_it_and_is_no_news() {
        let at = |left_seconds| Progress { usual: Some(Usual { seconds: 130.0, left_seconds }), ..Progress::default() };
        for (left, text) in [
            (Some(80), "; 1:20 left, usually 2:10"),
            (Some(10), "; 0:10 left, usually 2:10"),
            (Some(0), "; longer than usual (2:10)"),
            (None, "; usually 2:10"),
        ] {
            assert_eq!(usual(&at(left)), text);
            assert_eq!(news(&at(left)), news(&Progress::default()));
        }
        assert_eq!(usual(&Progress::default()), "");
        let short =
            |seconds| Progress { usual: Some(Usual { seconds, left_seconds: Some(60) }), ..Progress::default() };
        assert_eq!(usual(&short(51.4)), "; 0:52 left, usually 0:52");
        assert_eq!(usual(&short(4510.0)), "; 1:00 left, usually 75:10");
    }

    #[test]
    fn weights_and_both_revisions_are_shown() {
        assert_eq!(stage(&canary()), " PRODUCTION_TRAFFIC_SHIFT");
        assert_eq!(detail(&canary()), "; production 0.5 %, test 0 %; before: 3 running");
    }

    #[test]
    fn a_bake_a_pause_a_failed_hook_and_an_alarm_are_shown() {
        let hook = |kind: &str, status: &str| Hook {
            id: "ecs-pause-1".into(),
            kind: kind.into(),
            status: status.into(),
            target: if kind == "PAUSE" { String::new() } else { "arn:smoke".into() },
            expires: Some(1_795_766_400.25),
            on_timeout: "ROLLBACK".into(),
        };
        let progress = Progress {
            bake_minutes: Some(12),
            hooks: vec![hook("PAUSE", "AWAITING_ACTION"), hook("AWS_LAMBDA", "FAILED"), hook("PAUSE", "SUCCEEDED")],
            triggered: vec!["app-5xx".into()],
            stage: "BAKE_TIME".into(),
            ..Progress::default()
        };
        assert_eq!(
            detail(&progress),
            "; at most 12 min of the bake left; ecs-pause-1 waits for a decision until 2026-11-27T08:00:00Z, then \
             ROLLBACK; hook arn:smoke FAILED; in ALARM: app-5xx"
        );
    }
}
