//! A rollout that goes on for a day.

use super::story::{OURS, Story, drain, ours, target};
use super::*;
use crate::aws::ecs::ServiceMessage;
use crate::config::OnInterrupt;

const DAY: u64 = 24 * 3600;
/// A task stops, and ECS says something, every so many seconds; it shows a hundred messages, and tasks of the last hour.
const EVERY: u64 = 300;

struct Day(Story);

impl Day {
    fn seconds(&self) -> u64 {
        self.0.time.as_secs()
    }

    fn shown(&self, most: u64) -> std::ops::Range<u64> {
        let last = self.seconds().min(DAY) / EVERY;
        last.saturating_sub(most)..last
    }
}

impl Observe for Day {
    fn service(&mut self) -> Result<Service, AwsError> {
        let mut service = self.0.service()?;
        let message = |number: u64| ServiceMessage {
            id: format!("message {number}"),
            at: 1_000_000 + i64::try_from(number * EVERY * 1000).unwrap_or_default(),
            text: format!("(service app) was unable to place a task, {number}"),
        };
        service.messages = self.shown(100).rev().map(message).collect();
        Ok(service)
    }

    fn service_deployment(&mut self, arn: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        if self.seconds() > DAY {
            self.0.scenes = vec![ours(Status::Successful, 2)];
        }
        self.0.service_deployment(arn)
    }

    fn tasks(&mut self, _: bool, known: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        let task = |number: u64| Task { arn: format!("arn/{number}"), ..super::story::stopped(0, "ecs-svc/4") };
        Ok(self.shown(3600 / EVERY).map(task).filter(|task| !known.contains(&task.arn)).collect())
    }

    fn listed(&mut self, after: i64) -> Result<Vec<ListedDeployment>, AwsError> {
        self.0.listed(after)
    }

    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        self.0.revisions(arns)
    }

    fn children(&mut self, pinned: &Pinned) -> Result<Vec<Digest>, AwsError> {
        self.0.children(pinned)
    }

    fn registered_by(&mut self, revision: &str) -> Result<String, AwsError> {
        self.0.registered_by(revision)
    }

    fn roll_back(&mut self, arn: &str) -> Result<(), AwsError> {
        self.0.roll_back(arn)
    }

    fn answer(&mut self, arn: &str, hook: &str, go_on: bool) -> Result<(), AwsError> {
        self.0.answer(arn, hook, go_on)
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn pause(&mut self, pause: Duration, deaf: bool) -> Woken {
        self.0.calls.clear();
        self.0.pause(pause, deaf)
    }
}

#[test]
fn of_a_rollout_that_goes_on_for_a_day_each_task_and_each_message_is_told_once() {
    let mut target = target(OnInterrupt::Leave);
    assert_eq!(target.revision, OURS);
    target.rollout.deadline = Duration::from_secs(2 * DAY);
    target.rollout.poll = Duration::from_secs(60);
    target.rollout.exits.0 = None;
    let (events, heard) = Events::collect();
    let mut day = Day(Story { scenes: vec![ours(Status::InProgress, 1)], ..Story::default() });
    let end = follow(&mut day, &target, &events).expect("it is followed to its end");
    assert_eq!(end.ended, Ended::With(Conclusion::Deployed));
    let heard = drain(&heard);
    let mut tasks: Vec<&str> = Vec::new();
    let mut messages: Vec<&str> = Vec::new();
    for event in &heard {
        match event {
            Event::TaskStopped { task, .. } => tasks.push(task),
            Event::ServiceMessage { message, .. } => messages.push(message),
            _ => {}
        }
    }
    for told in [&mut tasks, &mut messages] {
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len() as u64, DAY / EVERY);
    }
    let news = heard.iter().filter(|event| matches!(event, Event::TaskStopped { .. } | Event::ServiceMessage { .. }));
    assert_eq!(news.count() as u64, 2 * DAY / EVERY, "none is told twice");
}
