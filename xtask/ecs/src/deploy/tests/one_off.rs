//! One-off tasks as a repository's own code runs them.

use super::stage::Stage;
use crate::deploy::{Deploys, Tasks};
use crate::event::{Events, TaskOutcome};

#[test]
fn within_one_run_a_task_with_the_same_arguments_is_run_once() {
    let stage = Stage::new();
    let (session, events) = (stage.session(), Events::discard());
    let tasks = |arguments: &[&str]| {
        Tasks::new(Deploys::new(&stage.config, &session, &events, &stage.interrupt))
            .arguments(arguments.iter().copied())
    };
    let run = tasks(&[]);
    let [first, again] = [(), ()].map(|()| run.run("migrate").whole().unwrap());
    assert_eq!((first.outcome, again.outcome), (TaskOutcome::Succeeded, TaskOutcome::Succeeded));
    assert_eq!(first.runs[0].arn, again.runs[0].arn);
    assert_eq!(first.runs[0].exit_code, Some(0));
    let other = tasks(&["--all"]).run("migrate").whole().unwrap();
    assert_ne!(other.runs[0].arn, first.runs[0].arn, "other arguments do other work");
    let anew = tasks(&[]).again(true).run("migrate").whole().unwrap();
    assert_ne!(anew.runs[0].arn, first.runs[0].arn);
}
