use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::event::Hook;
use crate::reader::record::{Moment, samples::Random};

fn revision(running: u32, weight: Option<f64>) -> RevisionProgress {
    RevisionProgress { desired: 2, running, production_weight: weight, ..RevisionProgress::default() }
}

fn look(status: &str, stage: &str, new: (u32, Option<f64>), before: (u32, Option<f64>)) -> Progress {
    Progress {
        status: status.into(),
        stage: stage.into(),
        desired: 2,
        running: new.0,
        revisions: vec![revision(new.0, new.1), revision(before.0, before.1)],
        ..Progress::default()
    }
}

fn seconds(looks: Vec<(u64, Progress)>) -> Vec<(Duration, Progress)> {
    looks.into_iter().map(|(at, progress)| (Duration::from_secs(at), progress)).collect()
}

fn happened(at: u64, what: Happened) -> Moment {
    Moment { at: Duration::from_secs(at), what }
}

/// A canary whose alarm goes off during its bake.
fn canary() -> ServiceRecord {
    let looks = vec![
        (2, look("IN_PROGRESS", "SCALE_UP", (0, Some(0.0)), (2, Some(100.0)))),
        (8, look("IN_PROGRESS", "SCALE_UP", (2, Some(0.0)), (2, Some(100.0)))),
        (10, look("IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", (2, Some(5.0)), (2, Some(95.0)))),
        (70, look("IN_PROGRESS", "BAKE_TIME", (2, Some(100.0)), (2, Some(0.0)))),
        (
            90,
            Progress {
                triggered: vec!["app-5xx".into()],
                ..look("ROLLBACK_IN_PROGRESS", "PRODUCTION_TRAFFIC_SHIFT", (2, Some(0.0)), (2, Some(100.0)))
            },
        ),
    ];
    let ended = Happened::Ended { outcome: Outcome::RolledBack, revision: "app:1".into() };
    ServiceRecord {
        name: "app".into(),
        revision: "app:2".into(),
        outcome: Some(Outcome::RolledBack),
        course: seconds(looks),
        timeline: vec![happened(100, ended)],
        ..ServiceRecord::default()
    }
}

fn drawn(service: &ServiceRecord) -> String {
    picture(service).expect("something was seen").expect("it is small")
}

#[test]
fn stages_weights_and_both_revisions_stand_over_one_axis_and_the_failure_where_it_was() {
    assert_eq!(
        drawn(&canary()),
        "```mermaid\n\
         gantt\n    \
             title Rollout of app\n    \
             dateFormat YYYY-MM-DD HH:mm:ss.SSS\n    \
             axisFormat %H:%M:%S\n    \
             todayMarker off\n    \
             section Stage\n    \
             SCALE_UP :done, 2001-01-01 00:00:02.000, 2001-01-01 00:00:10.000\n    \
             PRODUCTION_TRAFFIC_SHIFT :done, 2001-01-01 00:00:10.000, 2001-01-01 00:01:10.000\n    \
             BAKE_TIME :crit, 2001-01-01 00:01:10.000, 2001-01-01 00:01:30.000\n    \
             ROLLBACK_IN_PROGRESS PRODUCTION_TRAFFIC_SHIFT :crit, done, 2001-01-01 00:01:30.000, 2001-01-01 00:01:40.000\n    \
             section Traffic\n    \
             production 0 #37; :2001-01-01 00:00:02.000, 2001-01-01 00:00:10.000\n    \
             production 5 #37; :2001-01-01 00:00:10.000, 2001-01-01 00:01:10.000\n    \
             production 100 #37; :2001-01-01 00:01:10.000, 2001-01-01 00:01:30.000\n    \
             production 0 #37; :2001-01-01 00:01:30.000, 2001-01-01 00:01:40.000\n    \
             section app#58;2\n    \
             0 of 2 :active, 2001-01-01 00:00:02.000, 2001-01-01 00:00:08.000\n    \
             2 of 2 :active, 2001-01-01 00:00:08.000, 2001-01-01 00:01:40.000\n    \
             section before\n    \
             2 :done, 2001-01-01 00:00:02.000, 2001-01-01 00:01:40.000\n    \
             section Failures\n    \
             alarm app-5xx :crit, milestone, 2001-01-01 00:01:30.000, 2001-01-01 00:01:30.000\n    \
             rolled-back, app#58;1 :crit, milestone, 2001-01-01 00:01:40.000, 2001-01-01 00:01:40.000\n\
         ```\n"
    );
}

#[test]
fn a_rolling_rollout_has_no_traffic_and_a_good_one_no_failures() {
    let rolling = ServiceRecord {
        name: "app".into(),
        outcome: Some(Outcome::Deployed),
        course: seconds(vec![
            (1, look("IN_PROGRESS", "", (0, None), (2, None))),
            (9, look("SUCCESSFUL", "", (2, None), (0, None))),
        ]),
        timeline: vec![happened(9, Happened::Ended { outcome: Outcome::Deployed, revision: "app:2".into() })],
        ..ServiceRecord::default()
    };
    let text = drawn(&rolling);
    assert!(text.contains("    IN_PROGRESS :done, 2001-01-01 00:00:01.000, 2001-01-01 00:00:09.000\n"), "{text}");
    assert!(
        !text.contains("section Traffic") && !text.contains("section Failures") && !text.contains("crit"),
        "{text}"
    );
}

#[test]
fn without_a_look_there_is_no_picture() {
    assert!(picture(&ServiceRecord { course: Vec::new(), ..canary() }).is_none());
}

#[test]
fn two_hundred_tasks_are_a_few_bars_with_their_ranges() {
    let looks = (0..=200).map(|n| (u64::from(n), look("IN_PROGRESS", "", (n, None), (200 - n, None)))).collect();
    let text = drawn(&ServiceRecord { course: seconds(looks), ..canary() });
    assert!(text.contains("    1 to 25 of 2 :active, "), "{text}");
    assert!(text.lines().count() < 40, "{text}");
}

#[test]
fn a_rollout_with_too_many_changes_is_told_as_that() {
    let looks =
        (0..100).map(|n| (n, look("IN_PROGRESS", if n % 2 == 0 { "ONE" } else { "TWO" }, (2, None), (2, None))));
    let why = picture(&ServiceRecord { course: seconds(looks.collect()), ..canary() }).expect("something was seen");
    assert_eq!(why.expect_err("it is large"), "A picture of this rollout would have 103 rows; the table has it all.");
}

#[test]
fn many_tasks_that_stop_are_counted_and_a_hook_is_named_once() {
    let stopped = |n: u64| {
        let task = format!("{n:032x}");
        let (stop_code, reason) = ("EssentialContainerExited".into(), String::new());
        happened(n, Happened::TaskStopped { task, stop_code, reason, exit_codes: Vec::new() })
    };
    let mut service = canary();
    service.timeline.splice(0..0, (0..9).map(stopped));
    let hook =
        Hook { status: "FAILED".into(), target: "arn:aws:lambda:eu-west-1:1:function:smoke".into(), ..Hook::default() };
    for (_, look) in &mut service.course[3..] {
        look.hooks = vec![hook.clone()];
    }
    let text = drawn(&service);
    assert_eq!(text.matches("    task 00000000 EssentialContainerExited :crit").count(), 5, "{text}");
    assert!(text.contains("rolled-back, app#58;1, after 4 more tasks stopped :crit"), "{text}");
    assert_eq!(text.matches("    hook smoke FAILED :crit, milestone, 2001-01-01 00:01:10.000").count(), 1, "{text}");
}

#[test]
fn a_long_rollout_is_counted_in_days() {
    let looks = vec![(60, look("IN_PROGRESS", "BAKE_TIME", (2, None), (2, None)))];
    let ended = Happened::Ended { outcome: Outcome::Deployed, revision: "app:2".into() };
    let text = drawn(&ServiceRecord { course: seconds(looks), timeline: vec![happened(100_000, ended)], ..canary() });
    assert!(text.contains("axisFormat day %-d, %H:%M\n") && text.contains("2001-01-02 03:46:40.000\n"), "{text}");
}

/// Names that others gave, as they would break a picture or put something else into the page.
fn hostile() -> Vec<ServiceRecord> {
    let mut random = Random(15);
    let words = KEYWORDS.map(|keyword| format!("{} monday :x", keyword.to_uppercase()));
    let fixed = [
        "",
        "```",
        "%%{init: {}}%%",
        "2001-01-01",
        "a;b#c",
        "</pre><script>",
        "---",
        "a\n    section b",
        "\u{fb02}°°58¶ß",
    ];
    let names = words.into_iter().chain(fixed.map(str::to_owned)).chain((0..200).map(|_| random.text(12)));
    let record = |name: String| {
        let mut service = canary();
        service.course[1].1.stage.clone_from(&name);
        service.course[4].1.triggered = vec![name.clone()];
        service.revision = format!("{name}:7");
        service.name = name;
        service
    };
    names.map(record).collect()
}

#[test]
fn a_hostile_name_stays_in_its_line_and_is_nothing_but_text() {
    for service in hostile() {
        let text = drawn(&service);
        assert_eq!(text.matches("```").count(), 2, "{text}");
        let rows = text.lines().filter(|line| line.contains(" :"));
        assert!(rows.clone().count() >= 12, "{text}");
        for row in rows.map(str::trim_start).filter(|row| !row.starts_with("title ")) {
            let (what, data) = row.split_once(" :").expect("it has both");
            assert!(!what.contains([':', '%', '"', '`', '<', '{', '}']) && data.is_ascii(), "{row}");
            let first = what.to_lowercase();
            assert!(!KEYWORDS.iter().any(|keyword| first.starts_with(keyword)), "{row}");
        }
    }
}

#[test]
#[ignore = "needs real parts: cargo xtask ci"]
fn mermaid_reads_every_row_of_every_picture_as_it_was_meant() {
    let mut services = hostile();
    services.push(canary());
    let pictures: Vec<String> = services.iter().map(drawn).collect();
    for ((service, picture), read) in services.iter().zip(&pictures).zip(parsed(&pictures)) {
        let rows: Vec<String> = picture
            .lines()
            .filter_map(|line| line.trim_start().split_once(" :").filter(|(_, data)| data.contains("2001-01-")))
            .map(|(what, _)| plain(what))
            .collect();
        assert_eq!(read["type"], "gantt", "{read}\n{picture}");
        assert_eq!(
            read["title"].as_str().map(str::trim),
            Some(&*format!("Rollout of {}", plain(&name(&service.name))))
        );
        let tasks = read["tasks"].as_array().expect("tasks");
        let seen: Vec<&str> = tasks.iter().map(|task| task["task"].as_str().expect("text").trim_end()).collect();
        assert_eq!(seen, rows, "{picture}");
        let failed = tasks.iter().filter(|task| task["crit"] == true && task["milestone"] == true).count();
        assert_eq!(failed, 2, "{picture}");
    }
}

/// A text with its codes as a browser shows them.
fn plain(text: &str) -> String {
    let mut pieces = text.split('#');
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_once(';').expect("a code ends");
        plain.push(char::from_u32(code.parse().expect("a number")).expect("a letter"));
        plain.push_str(rest);
    }
    plain
}

fn parsed(pictures: &[String]) -> Vec<serde_json::Value> {
    let modules = std::env::var("XTASK_NODE_MODULES").expect("XTASK_NODE_MODULES names a folder of npm packages");
    let mut child = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mermaid/parse.mjs"))
        .arg(modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    let unfenced: Vec<String> = pictures
        .iter()
        .map(|picture| picture.trim_start_matches("```mermaid\n").trim_end_matches("```\n"))
        .map(|diagram| serde_json::Value::from(diagram).to_string() + "\n")
        .collect();
    let writer = std::thread::spawn(move || stdin.write_all(unfenced.concat().as_bytes()));
    let output = child.wait_with_output().expect("node ends");
    writer.join().expect("it does not panic").expect("node reads");
    assert!(output.status.success(), "node failed");
    let answers = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<_> = answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), pictures.len());
    answers
}
