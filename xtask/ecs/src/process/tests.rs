use super::*;

const LONG: Duration = Duration::from_secs(60);

fn sh(script: &str) -> Tool {
    Tool::new("sh", LONG).args(["-c", script])
}

#[test]
fn every_line_of_a_program_that_says_more_than_may_wait_is_told() {
    let mut count = 0;
    let tool = sh("i=0; while [ $i -lt 5000 ]; do echo $i >&2; i=$((i+1)); done");
    let ended = tool.run(&Interrupt::default(), |_| count += 1).expect("it runs");
    assert_eq!((count, ended.tail.last().map(String::as_str)), (5000, Some("4999")));
}

#[test]
fn lines_come_as_they_are_written_and_stdout_is_kept_whole() {
    let mut seen = Vec::new();
    let ended = sh("cat; echo one >&2; echo two >&2; exit 3")
        .stdin(b"given".to_vec())
        .run(&Interrupt::default(), |line| seen.push(line.to_owned()))
        .expect("sh runs");
    assert_eq!(seen, ["one", "two"]);
    assert_eq!(ended.stdout, b"given");
    assert_eq!(ended.status.code(), Some(3));
}

#[test]
fn hidden_variables_do_not_reach_the_program() {
    let ended = sh("echo \"${CARGO_MANIFEST_DIR-none} ${GIVEN-none}\"")
        .hide(&["CARGO_"])
        .env("GIVEN", "yes")
        .run(&Interrupt::default(), |_| {})
        .expect("sh runs");
    assert_eq!(ended.stdout, b"none yes\n");
    let only = Tool::new("env", LONG).only(&["PATH"]).env("GIVEN", "yes");
    let ended = only.run(&Interrupt::default(), |_| {}).expect("env runs");
    let seen = String::from_utf8_lossy(&ended.stdout).into_owned();
    let mut names: Vec<&str> = seen.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["GIVEN", "PATH"]);
}

#[test]
fn a_missing_program_is_its_own_error() {
    let error = Tool::new("no-such-program-here", LONG).run(&Interrupt::default(), |_| {});
    assert!(matches!(error, Err(ToolError::Missing { .. })), "{error:?}");
}

#[test]
fn a_folder_that_is_gone_is_no_missing_program() {
    let error = sh("true").dir("/no/such/folder").run(&Interrupt::default(), |_| {});
    assert!(matches!(error, Err(ToolError::Start { .. })), "{error:?}");
}

#[test]
fn a_flood_on_stderr_and_a_stdin_that_nobody_reads_do_not_block() {
    let mut lines = 0_u32;
    let ended =
        sh("i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done")
            .stdin(vec![b'x'; 4 << 20])
            .run(&Interrupt::default(), |_| lines += 1)
            .expect("sh runs");
    assert_eq!((ended.status.code(), lines, ended.tail.len()), (Some(0), 20_000, TAIL));
}

#[test]
fn a_grandchild_that_writes_on_is_not_read_for_ever() {
    let began = Instant::now();
    // It keeps stderr alone, in a session of its own or not; its parent ends at once.
    let ended = sh("( for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo on >&2; sleep 0.9; done ) >/dev/null & exit 0")
        .run(&Interrupt::default(), |_| {})
        .expect("sh runs");
    assert_eq!(ended.status.code(), Some(0));
    assert!(began.elapsed() < GRACE + 2 * DRAIN + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn the_timeout_and_the_interrupt_stop_grandchildren_too() {
    let error =
        Tool::new("sh", Duration::from_millis(200)).args(["-c", "sleep 600 & wait"]).run(&Interrupt::default(), |_| {});
    assert!(matches!(error, Err(ToolError::TimedOut { .. })), "{error:?}");
    let error = Tool::new("sh", Duration::from_millis(300))
        .args(["-c", "echo so far >&2; sleep 600"])
        .run(&Interrupt::default(), |_| {})
        .expect_err("it is stopped");
    assert!(Failure::from(error).to_string().ends_with("and was stopped\n  | so far"));

    let interrupt = Interrupt::default();
    let trigger = interrupt.clone();
    let error = sh("echo started >&2; sleep 600").run(&interrupt, |_| trigger.set());
    assert!(matches!(error, Err(ToolError::Interrupted { .. })), "{error:?}");
}

#[test]
fn a_program_that_somebody_still_writes_is_started_when_that_is_over() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("program");
    std::fs::copy("/bin/true", &program).expect("a copy");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    let writer = std::fs::OpenOptions::new().append(true).open(&program).expect("open");
    let closing = std::thread::spawn(move || {
        std::thread::sleep(3 * TICK);
        drop(writer);
    });
    let ended = Tool::new(&program, LONG).run(&Interrupt::default(), |_| {}).expect("it starts");
    assert!(ended.status.success());
    closing.join().expect("closed");
}
