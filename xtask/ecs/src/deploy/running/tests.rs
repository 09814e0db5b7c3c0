use std::time::Duration;

use super::*;
use crate::aws::Kind;
use crate::aws::ecs::{
    Container, Document, ListedDeployment, Service, ServiceDeployment, ServiceRevision, Task, TaskDefinition,
};
use crate::config::{self, Rollout};
use crate::deploy::plan::Action;
use crate::deploy::rollout::Woken;
use crate::digest::Digest;
use crate::event::Event;
use crate::reference::Pinned;
use crate::sorted::SortedMap;

/// What ECS knows of the running images.
#[derive(Default)]
struct Known {
    /// `None`: it may not be asked.
    revision: Option<Vec<ContainerImage>>,
    tasks: Vec<Task>,
    /// The images of the released index; `None`: it may not be read.
    children: Option<Vec<Digest>>,
}

impl Observe for Known {
    fn revisions(&mut self, arns: &[String]) -> Result<Vec<ServiceRevision>, AwsError> {
        let images = self.revision.clone().ok_or_else(|| AwsError {
            call: "ecs:DescribeServiceRevisions",
            subject: arns.join(", "),
            kind: Kind::Denied,
            code: "AccessDeniedException".into(),
            message: String::new(),
            fix: "allow the action `ecs:DescribeServiceRevisions`".into(),
        })?;
        Ok(vec![ServiceRevision { arn: arns[0].clone(), images, ..ServiceRevision::default() }])
    }

    fn children(&mut self, pinned: &Pinned) -> Result<Vec<Digest>, AwsError> {
        assert_eq!(pinned.digest, released());
        self.children.clone().ok_or_else(|| AwsError {
            call: "ecr:BatchGetImage",
            subject: "image".into(),
            kind: Kind::Unreachable,
            code: String::new(),
            message: "no route".into(),
            fix: String::new(),
        })
    }

    fn tasks(&mut self, stopped: bool, _: &SortedSet<String>) -> Result<Vec<Task>, AwsError> {
        assert!(!stopped);
        Ok(self.tasks.clone())
    }

    fn service(&mut self) -> Result<Service, AwsError> {
        unreachable!("the rollout is over")
    }

    fn listed(&mut self, _: i64) -> Result<Vec<ListedDeployment>, AwsError> {
        unreachable!("the rollout is over")
    }

    fn service_deployment(&mut self, _: &str) -> Result<Option<ServiceDeployment>, AwsError> {
        unreachable!("the rollout is over")
    }

    fn registered_by(&mut self, _: &str) -> Result<String, AwsError> {
        unreachable!("the rollout is over")
    }

    fn roll_back(&mut self, _: &str) -> Result<(), AwsError> {
        unreachable!("the rollout is over")
    }

    fn answer(&mut self, _: &str, _: &str, _: bool) -> Result<(), AwsError> {
        unreachable!("nothing pauses here")
    }

    fn elapsed(&self) -> Duration {
        unreachable!("the rollout is over")
    }

    fn pause(&mut self, _: Duration, _: bool) -> Woken {
        unreachable!("the rollout is over")
    }
}

fn released() -> Digest {
    Digest::of(b"released")
}

fn plan() -> Plan {
    let rollout = Rollout { deadline: Duration::ZERO, poll: Duration::ZERO, ..Rollout::default() };
    let pinned = Pinned {
        registry: "registry.example".into(),
        repository: "sample/app".parse().expect("it fits"),
        digest: released(),
    };
    let nothing =
        Document::registered(&TaskDefinition::default()).pin(&SortedMap::new()).expect("nothing is to be pinned");
    Plan {
        service: config::Service { rollout, ..config::Service::of_family("app") },
        live: Service::default(),
        document: nothing,
        pins: vec![Pin { container: "app".into(), image: "web".into(), tag: "1".into(), pinned }],
        changes: Vec::new(),
        versions: Vec::new(),
        sources: Vec::new(),
        action: Action::Register,
        settings: crate::deploy::service_definition::Settings::default(),
        creates: None,
    }
}

fn image(digest: &str) -> ContainerImage {
    ContainerImage { container: "app".into(), image: "registry.example/sample/app".into(), digest: digest.parse().ok() }
}

/// The result, and the warnings on the way.
fn asserted(mut known: Known) -> (Result<()>, Vec<String>) {
    let seen = Observation {
        deployment: "ecs-svc/1".into(),
        service: Service { desired: 1, ..Service::default() },
        rollout: Some(ServiceDeployment { target: "revision/1".into(), ..ServiceDeployment::default() }),
        ..Observation::default()
    };
    let (events, heard) = Events::collect();
    let result = assert_digests(&mut known, &plan(), &seen, &events);
    drop(events);
    let warning = |event| if let Event::Warning { message, .. } = event { Some(message) } else { None };
    (result, heard.try_iter().filter_map(warning).collect())
}

#[test]
fn another_digest_than_the_released_one_is_a_failure_with_both() {
    let other = Digest::of(b"other");
    let (result, _) = asserted(Known { revision: Some(vec![image(other.as_str())]), ..Known::default() });
    let failure = result.expect_err("other bytes run");
    assert_eq!(failure.exit_code(), 5);
    assert!(failure.to_string().contains(other.as_str()) && failure.to_string().contains(released().as_str()));
}

#[test]
fn the_released_digest_passes_whether_resolved_or_named_by_the_image() {
    let pinned = ContainerImage { image: plan().pins[0].pinned.to_string(), ..image("") };
    for image in [image(released().as_str()), pinned] {
        let (result, warnings) = asserted(Known { revision: Some(vec![image]), ..Known::default() });
        result.expect("the released bytes run");
        assert_eq!(warnings, [""; 0]);
    }
}

#[test]
fn running_tasks_of_this_rollout_stand_in_for_a_revision_that_may_not_be_read() {
    let task = |started_by: &str, digest: &str| Task {
        started_by: started_by.into(),
        containers: vec![Container { name: "app".into(), image: image(digest), ..Container::default() }],
        ..Task::default()
    };
    let other = Digest::of(b"other");
    let old = task("ecs-svc/0", other.as_str());
    let tasks = vec![old.clone(), task("ecs-svc/1", released().as_str())];
    let (result, warnings) = asserted(Known { tasks, ..Known::default() });
    result.expect("the old task is not of this rollout");
    assert_eq!(warnings, [""; 0]);

    let (result, _) = asserted(Known { tasks: vec![task("ecs-svc/1", other.as_str())], ..Known::default() });
    assert_eq!(result.expect_err("other bytes run").exit_code(), 5);

    let (result, warnings) = asserted(Known { tasks: vec![old], ..Known::default() });
    result.expect("the registered revision names the digest, and no other");
    assert!(warnings[0].contains("allow the action `ecs:DescribeServiceRevisions`"), "{warnings:?}");
}

#[test]
fn an_image_of_the_released_index_is_what_was_released_and_another_one_is_not() {
    let (child, other) = (Digest::of(b"child"), Digest::of(b"other"));
    let known = |running: &Digest, children| Known {
        revision: Some(vec![image(running.as_str())]),
        children,
        ..Known::default()
    };
    let (result, warnings) = asserted(known(&child, Some(vec![Digest::of(b"arm"), child.clone()])));
    result.expect("ECS names the image that it took from the index");
    assert_eq!(warnings, [""; 0]);

    let (result, _) = asserted(known(&other, Some(vec![child.clone()])));
    assert!(result.expect_err("other bytes run").to_string().ends_with("image web in ECR"));

    let (result, _) = asserted(known(&child, None));
    assert!(result.expect_err("nobody knows").to_string().contains("could not be read"));
}
