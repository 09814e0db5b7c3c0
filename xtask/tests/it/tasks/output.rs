//! What a task writes.

use super::*;

/// A task that has stopped by the first look, and the environment in which each answer about its log is changed by this, which is
/// told how many there were before; and how many there were.
fn with_answers(
    change: impl Fn(usize, &mut Value) + Clone + Send + 'static,
) -> (Workspace, Sandbox, Vec<(String, String)>, Arc<AtomicUsize>) {
    let (workspace, sandbox) = stage_in(sandbox_with_looks_of(300, vec![]), &migrate("exit 0"), "");
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let url = changing(&sandbox, &["GetLogEvents"], move |answer| {
        change(counted.fetch_add(1, Ordering::SeqCst), answer);
    });
    let mut environment = sandbox.environment();
    environment.push(("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS".to_owned(), url));
    (workspace, sandbox, environment, times)
}

/// The run of such a task where so many reads of its log find nothing yet; and how often that was read.
fn read_late(silent: usize) -> (Run, usize) {
    let (workspace, sandbox, environment, times) = with_answers(move |read, answer| {
        if read < silent {
            *answer = json!({ "events": [] });
        }
    });
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let run = workspace.xtask_with(&environment, &["run", "migrate"]);
    assert_eq!(calls(&sandbox, "ecs:DescribeTasks"), 1, "it has stopped by the first look");
    (run, times.load(Ordering::SeqCst))
}

#[test]
fn a_log_is_read_on_after_the_end_until_two_reads_find_nothing() {
    let (run, reads) = read_late(2);
    run.ends(0).says("[migrate] INFO app: done");
    assert_eq!(reads, 5, "one while it ran, one that found nothing, the lines, and two that found nothing");
    let (run, reads) = read_late(3);
    run.ends(0).does_not_say("[migrate]");
    assert_eq!(reads, 3);
}

#[test]
fn ctrl_c_ends_the_reading_of_a_log_that_has_more_after_its_task_has_ended() {
    let (workspace, _sandbox, environment, reads) = with_answers(|read, answer| {
        let line = (read < 5_000).then(|| json!({ "message": format!("line {read}") }));
        answer["events"] = Vec::from_iter(line).into();
    });
    // A look reads twenty pages.
    let run = interrupted_in(&workspace, &environment, &["run", "migrate"], "[migrate] line 40");
    run.ends(0).says("Ended migrate");
    assert!(reads.load(Ordering::SeqCst) < 5_000);
}

#[test]
fn a_log_is_shown_without_what_the_environment_holds_and_its_absence_is_said() {
    let task = format!("{}env = {{ TOKEN = \"correct-horse\" }}\n", migrate("exit 0"));
    let (workspace, sandbox) = stage(&task, "");
    let lines = vec!["::add-mask::x".to_owned(), "the token is correct-horse".to_owned()];
    sandbox.inject(Fault { call: "ecs:RunTask".to_owned(), which: Which::Every, effect: Effect::Say { lines } });
    let run = workspace.xtask(&sandbox, &["run", "migrate"]);
    run.ends(0).says("[migrate] the token is ***").does_not_say("correct-horse");
    let run = workspace.xtask(&sandbox, &["run", "migrate", "--log", "json"]);
    assert!(
        run.stderr.contains(r#""event":"task-output","task":"migrate","line":"the token is ***""#),
        "{}",
        run.stderr
    );

    let effect =
        Effect::Error { status: 400, code: "AccessDeniedException".into(), message: "no".into(), retry_after: None };
    sandbox.inject(Fault { call: "logs:GetLogEvents".to_owned(), which: Which::Every, effect });
    let run = workspace.xtask(&sandbox, &["run", "migrate"]);
    run.ends(0)
        .says("the log of task migrate is not shown: this identity may not read it: it needs `logs:GetLogEvents`");
    assert_eq!(run.stderr.matches("is not shown").count(), 1);

    workspace.write("app/ecs/task-definition.json", &task_definition().to_string());
    workspace.xtask(&sandbox, &["run", "migrate"]).ends(0).says("it has no log configuration");
}
