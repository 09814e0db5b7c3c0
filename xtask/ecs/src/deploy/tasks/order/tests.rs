use super::*;
use crate::aws::ecs::Container;

fn known(minute: i64, status: &str, code: Option<i32>) -> Known {
    Known {
        arn: format!("{status} at {minute}"),
        status: status.to_owned(),
        wanted: status != "STOPPED",
        created_at: minute * 60_000,
        containers: vec![
            Container { name: "proxy".into(), exit_code: Some(1), ..Container::default() },
            Container { name: "app".into(), exit_code: code, ..Container::default() },
        ],
        ..Known::default()
    }
}

fn decided(tasks: &[Known], once: bool) -> Decision {
    decide(tasks, "app", once)
}

#[test]
fn what_is_under_way_is_joined_with_all_that_began_with_it() {
    let tasks = [known(0, "STOPPED", Some(1)), known(9, "RUNNING", None), known(9, "STOPPED", Some(3))];
    let joined = Decision::Join(vec!["RUNNING at 9".into(), "STOPPED at 9".into()]);
    assert_eq!((decided(&tasks, false), decided(&tasks, true)), (joined.clone(), joined));
    let stopping = Known { wanted: false, ..known(9, "STOPPING", None) };
    assert_eq!(decided(&[stopping], false), Decision::Start { failed: 1 }, "somebody stops it");
}

#[test]
fn once_is_enough_only_where_the_last_of_them_ended_well() {
    let (well, failed) = (known(5, "STOPPED", Some(0)), known(9, "STOPPED", Some(1)));
    assert_eq!(decided(std::slice::from_ref(&well), true), Decision::Done);
    assert_eq!(decided(std::slice::from_ref(&well), false), Decision::Start { failed: 0 });
    assert_eq!(decided(&[well.clone(), failed], true), Decision::Start { failed: 1 });
    assert_eq!(
        decided(&[known(9, "STOPPED", None)], true),
        Decision::Start { failed: 1 },
        "no exit code is no success"
    );
    assert_eq!(decided(&[well, known(5, "STOPPED", Some(1))], true), Decision::Start { failed: 1 }, "of two at once");
    assert_eq!(decided(&[], true), Decision::Start { failed: 0 });
}

#[test]
fn a_token_is_another_one_for_another_request_run_failure_or_attempt() {
    let request = |revision: &str| json!({ "taskDefinition": revision }).as_object().cloned().unwrap_or_default();
    let tokens = [
        token(&request("app:1"), "run", 0, 1),
        token(&request("app:2"), "run", 0, 1),
        token(&request("app:1"), "other", 0, 1),
        token(&request("app:1"), "run", 1, 1),
        token(&request("app:1"), "run", 0, 2),
    ];
    let different: std::collections::BTreeSet<_> = tokens.iter().collect();
    assert_eq!((different.len(), tokens[0].len()), (5, 64));
    assert_eq!(tokens[0], token(&request("app:1"), "run", 0, 1));
}

#[test]
fn what_lacks_room_for_a_moment_passes_and_what_lacks_a_right_place_does_not() {
    let passes = |reason: &str| passes(&Unplaced { reason: reason.to_owned(), detail: String::new() });
    for reason in ["RESOURCE:MEMORY", "RESOURCE:ENI", "AGENT", "Capacity is unavailable at this time. Please try again"]
    {
        assert!(passes(reason), "{reason}");
    }
    for reason in ["ATTRIBUTE", "LOCATION", "MISSING", "INACTIVE", "EMPTY CAPACITY PROVIDER", "RESOURCES", ""] {
        assert!(!passes(reason), "{reason}");
    }
}
