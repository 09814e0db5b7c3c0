//! What a deploy does about services' own documents.

use super::super::service_definition::{self, Settings, Written, settings};
use super::{Live, Service};
use crate::aws::autoscaling::{self, Target};
use crate::aws::ecs::ServiceDocument;
use crate::aws::{Kind, Session};
use crate::config::{Answers, Config};
use crate::event::{Event, Events};
use crate::failure::{Failure, Fault, Result};

/// Reads the document of a service that has one, and takes the number of tasks from it.
///
/// Fails where that number is written in the configuration, too.
pub(super) fn written(
    config: &Config,
    service: &mut Service,
    answers: &Answers,
    stand_in: bool,
    events: &Events,
) -> Result<Option<ServiceDocument>> {
    let Some(definition) = &service.definition else { return Ok(None) };
    let Written { document, warnings } = service_definition::read(config, definition, Some(answers), stand_in)?;
    for Fault { message, place, .. } in warnings {
        events.emit(Event::Warning { message, place });
    }
    match (service.desired_count, document.desired_count()) {
        (Some(_), Some(_)) => {
            let message = format!("service {}: how many tasks it has is written twice", service.name);
            return Err(Failure::usage(message)
                .help("write `desiredCount` in the service definition, or `desired-count` in the configuration"));
        }
        (None, count) => service.desired_count = count,
        (Some(_), None) => {}
    }
    Ok(Some(document))
}

/// Whether there is no such service, or none that lives.
pub(super) fn is_absent(found: Option<&Live>) -> bool {
    found.is_none_or(|found| found.status == "INACTIVE")
}

/// A service before it is created.
pub(super) fn absent() -> Live {
    Live { status: ABSENT.to_owned(), controller: "ECS".to_owned(), ..Live::default() }
}

const ABSENT: &str = "ABSENT";

/// What is to be done about a service with this document: nothing, changes, or all of it.
pub(super) fn find(
    session: &Session,
    service: &mut Service,
    live: &mut Live,
    document: Option<ServiceDocument>,
) -> Result<(Settings, Option<ServiceDocument>)> {
    let Some(document) = document else { return Ok((Settings::default(), None)) };
    if live.status != ABSENT {
        let described = session.ecs().described_service(&service.cluster, &service.service)?;
        return Ok((settings(service, &document, &described)?, None));
    }
    // What ECS wants of a service that it creates, and the least that is worth creating.
    if !service.is_daemon() {
        service.desired_count = service.desired_count.or(Some(1));
    }
    (live.launch, live.settings) = (document.launch(), document.settings());
    Ok((Settings::default(), Some(document)))
}

/// Where Auto Scaling decides how many tasks there are, a number that is written adds tasks and stops none.
///
/// Fails (exit 2) where the number is outside the bounds.
pub(super) fn leave_to_auto_scaling(
    session: &Session,
    service: &mut Service,
    live: &Live,
    events: &Events,
) -> Result<()> {
    let Some(count) = service.desired_count.filter(|count| *count != live.desired && live.status != ABSENT) else {
        return Ok(());
    };
    let target = match autoscaling::target(session.sdk(), &service.cluster, &service.service) {
        // What is to be scaled without being asked is warned of all the same.
        Err(error) if error.kind == Kind::Denied => None,
        found => found?,
    };
    let Some(Target { min, max, .. }) = target.filter(|target| !target.suspended) else { return Ok(()) };
    let (name, now) = (&service.name, live.desired);
    if !(min..=max).contains(&count) {
        let message = format!(
            "service {name} is to have {count} tasks, which is outside the bounds of Auto Scaling, {min}..{max}: it would be undone"
        );
        return Err(Failure::usage(message).help("leave the number out, or move the bounds with `scale`"));
    }
    let kept = count < now;
    events.warn(if kept {
        format!(
            "Auto Scaling has service {name} at {now} tasks, between {min} and {max}: the {count} that are written would stop {} \
             of them, and are left out",
            now - count
        )
    } else {
        format!("Auto Scaling may move service {name} again from the {count} tasks that are written, between {min} and {max}")
    });
    if kept {
        service.desired_count = None;
    }
    Ok(())
}
