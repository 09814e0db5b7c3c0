#![expect(clippy::unwrap_used, reason = "a test may end there")]

use std::sync::Mutex;

use super::*;
use crate::aws::ecs::{Container, Task};
use serde_json::json;

/// A log that answers like this, and a target group that does or does not.
struct Fake {
    log: Result<Vec<String>, (Kind, &'static str)>,
    hangs: bool,
    asked: Mutex<Vec<String>>,
}

impl Sources for Fake {
    fn log(&self, stream: &Stream, count: u32) -> Result<Vec<String>, AwsError> {
        self.asked.lock().unwrap().push(format!("{} {count}", stream.name));
        if self.hangs {
            std::thread::park_timeout(Duration::from_secs(60));
        }
        self.log.clone().map_err(|(kind, code)| AwsError {
            call: "logs:GetLogEvents",
            subject: "log group /ecs/app".into(),
            kind,
            code: code.into(),
            message: "no".into(),
            fix: String::new(),
        })
    }

    fn log_after(&self, _: &Stream, _: Option<&str>) -> Result<(Vec<String>, Option<String>), AwsError> {
        Ok((Vec::new(), None))
    }

    fn target_group(&self, arn: &str) -> Result<TargetGroup, AwsError> {
        Ok(TargetGroup { name: arn.to_owned(), ..TargetGroup::default() })
    }
}

fn found(fake: Fake, patience: Duration) -> (Found, Vec<String>) {
    let tasks = [Task {
        arn: "arn:aws:ecs:r:1:task/sample/t1".into(),
        stop_code: "EssentialContainerExited".into(),
        stopped_reason: "Essential container in task exited".into(),
        containers: vec![Container { name: "app".into(), exit_code: Some(1), ..Container::default() }],
        ..Task::default()
    }];
    let document = json!({ "containerDefinitions": [{ "name": "app", "logConfiguration": { "logDriver": "awslogs",
        "options": { "awslogs-group": "/ecs/app", "awslogs-stream-prefix": "ecs", "mode": "blocking" } } }] });
    let evidence = Evidence { tasks: &tasks, document: Some(&document), region: "r", ..Evidence::default() };
    let fake = Arc::new(fake);
    let sources: Arc<dyn Sources> = Arc::<Fake>::clone(&fake);
    let target_groups = ["green".to_owned()];
    let asked = Asked { wanted: log::wanted(&evidence), target_groups: &target_groups, lines: 20 };
    let found = gather_within(patience, &sources, &asked, &evidence);
    let asked = fake.asked.lock().unwrap().clone();
    (found, asked)
}

fn fake(log: Result<Vec<String>, (Kind, &'static str)>) -> Fake {
    Fake { log, hangs: false, asked: Mutex::default() }
}

#[test]
fn the_log_and_the_target_group_are_asked_for_and_told() {
    let (found, asked) = found(fake(Ok(vec!["no such table".into()])), Duration::from_secs(60));
    assert_eq!(asked, ["ecs/app/t1 20"]);
    assert_eq!((found.logs[0].lines.as_slice(), found.logs[0].note.as_str()), (&["no such table".to_owned()][..], ""));
    assert_eq!(found.targets[0].name, "green");
}

#[test]
fn a_log_that_is_missing_or_forbidden_is_one_line_and_no_error() {
    for (kind, code, note) in [
        (Kind::Denied, "AccessDeniedException", "this identity may not read it: it needs `logs:GetLogEvents`"),
        (Kind::Answered, "ResourceNotFoundException", "it is not there: the container may have written nothing"),
    ] {
        let (found, _) = found(fake(Err((kind, code))), Duration::from_secs(60));
        assert_eq!((found.logs[0].note.as_str(), found.logs[0].lines.len()), (note, 0));
    }
}

#[test]
fn what_does_not_answer_in_time_is_done_without() {
    let slow = Fake { hangs: true, ..fake(Ok(Vec::new())) };
    let (found, _) = found(slow, Duration::from_millis(200));
    assert_eq!(found.logs[0].note, "it could not be read within 0 s");
    assert_eq!(found.targets.len(), 1, "the other was not waited for in vain");
}
