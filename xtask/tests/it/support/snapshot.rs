//! What people read, kept as files under tests/snapshots and compared word for word.
//!
//! `SNAPSHOTS=overwrite cargo test` writes them anew; the difference is then read before it is committed.

use std::path::Path;

use regex::Regex;

/// What differs from run to run, and what is shown for it; in this order.
const REDACTED: [(&str, &str); 14] = [
    (r#"/[^\s"'`|]*?/\.tmp\w{6}"#, "[FOLDER]"),
    (r"127\.0\.0\.1:\d{5}", "127.0.0.1:[PORT]"),
    (r"xtask-[0-9a-f]{32}", "xtask-[RANDOM]"),
    (r"\b[0-9a-f]{64}\b", "[DIGEST]"),
    (r"(\(|app )[0-9a-f]{12}\b", "${1}[DIGEST]"),
    (r"\b[0-9a-f]{32}\b", "[TASK]"),
    (r"(ecs-svc/)\d+|(service-deployment/sample/app/)\w+", "$1$2[ID]"),
    (r" *\d+\.\d+ s\b| *\d+ min \d+ s\b", " [SECONDS] s"),
    (r#"("(time|seconds)": ?)[0-9.e-]+"#, "${1}[SECONDS]"),
    (r"\| \d+:\d\d \|", "| [TIME] |"),
    (r"blob sha256:\[DIGEST\] \(\d+ B\)", "blob sha256:[DIGEST] ([SIZE])"),
    (r"os error \d+", "os error [NUMBER]"),
    (r"ecs-pause-[0-9a-f]{30}", "ecs-pause-[ID]"),
    (r"until \d{4}-\d\d-\d\dT[0-9:]{8}Z", "until [WHEN]"),
];

/// Compares a text with the file of this name.
#[track_caller]
pub fn compare(name: &str, text: &str) {
    let seen = redacted(text);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots").join(name);
    let assert = snapbox::Assert::new().action_env(snapbox::assert::DEFAULT_ACTION_ENV);
    assert.eq(seen, snapbox::Data::read_from(&file, None).raw());
}

/// A text with the same for each of what differs from run to run.
pub fn redacted(text: &str) -> String {
    REDACTED.into_iter().fold(text.to_owned(), |text, (pattern, shown)| replace(&text, pattern, shown))
}

/// A run on a clock that nobody turns, without what depends on how busy the machine is: the looks at the rollout, whether
/// a task that ECS stops was seen before it had an exit code (the post-mortem groups by it), how many tasks had failed when
/// the breaker or `fail-fast` ended the rollout and which of the two was first, and where a retry of the upload stands among the scan's lines.
pub fn without_pace(run: &str) -> String {
    let looks = r"(?m)^( +(Rollout|Stopped|Stopping) .*\n| +\(service app\) .*\n)+";
    let run = replace(run, looks, "             [the rollout, look by look]\n");
    let run = replace(&run, r"(health checks; container app:) (did not run|exit code 0)", "$1 [ENDED]");
    let run = replace(&run, r"(?m)^( +)\d+ tasks? (.*\[ENDED\]\n)( +\d+ tasks? .*\[ENDED\]\n)*", "$1[COUNT] tasks $2");
    let run = replace(&run, r"(?m)^ +\d+ tasks? ServiceSchedulerInitiated: Scaling .*\n", "");
    let run = replace(&run, r"\d+ tasks? (TaskFailedToStart|EssentialContainerExited)", "[COUNT] tasks $1");
    let run = replace(&run, r"circuit breaker: \d+ failed", "circuit breaker: [COUNT] failed");
    let ended = r"(rolled it back: |last good revision: ).*?(; it was stopped at once|, and the rollback failed too|circuit breaker threshold was exceeded(, and the rollback failed too)?)";
    let run = replace(&run, ended, "$1[THE BREAKER OR FAIL-FAST]");
    replace(&run, r"(?m)^(    Scanning (?s:.*?))(warning: upload .*\n)", "$2$1")
}

fn replace(text: &str, pattern: &str, by: &str) -> String {
    Regex::new(pattern).expect("the pattern is sound").replace_all(text, by).into_owned()
}
