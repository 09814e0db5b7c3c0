//! Which container and which image a stopped task's end is about.

use serde_json::Value;

use super::document::{Declared, architecture, declared};
use super::exit::{decisive, meaning, was_told};
use super::rule::{Fault, Look, Sign, Stage, Whose, stage};
use super::rules::running::{CONTAINER_HEALTH, LOAD_BALANCER};
use super::{Finding, Message, Subject, explain, reference};
use crate::event::ContainerExit;
use crate::gather::Gather;
use crate::sorted::Arrange;

/// A stopped task, and what was rolled out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case<'a> {
    pub stop_code: &'a str,
    pub reason: &'a str,
    pub containers: &'a [ContainerExit],
    pub document: Option<&'a Value>,
    pub pinned: &'a [Pinned],
}

/// A container whose image this tool pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub container: String,
    /// The key under `images`.
    pub image: String,
    /// `OS/ARCHITECTURE[/VARIANT]` that the image is built for; may be empty.
    pub platform: String,
    /// `REGISTRY/REPOSITORY@DIGEST`.
    pub reference: String,
}

/// A cause and whom it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blamed {
    pub finding: Finding,
    pub container: Option<String>,
    /// The key under `images`, where it is one of ours.
    pub image: Option<String>,
}

/// The cause of a task's end, and the container it is about. In this order: a dependency that failed; a container that
/// could not be pulled, created or started; one that ran out of memory; the task's own reason; and where that is only
/// that an essential container ended, the one that ended first and by itself.
pub(crate) fn blame(case: &Case<'_>) -> Blamed {
    let scene = Scene { case, declared: case.document.map(declared).unwrap_or_default() };
    let exits = case.stop_code == "EssentialContainerExited" || says_exit(case.reason);
    if let Some(dependency) = scene.failed_dependency() {
        return scene.by_exit(dependency);
    }
    if let Some((container, message)) = scene.never_started() {
        return scene.by_text(&message, Some(&container.container));
    }
    let message = Message::parse(case.reason);
    if stage(&message) != Stage::Placing {
        return scene.by_text(&message, None);
    }
    if let Some(container) = scene.out_of_memory() {
        return scene.by_text(&Message::parse(&container.reason), Some(&container.container));
    }
    let told = |container: &&ContainerExit| container.exit_code.is_some() || !container.reason.is_empty();
    if let Some(container) = scene.ended_first().filter(|container| exits || message.says_nothing() && told(container))
    {
        return scene.by_exit(container);
    }
    if let Some(finding) = by_stop_code(case.stop_code) {
        return Blamed { finding, container: None, image: None };
    }
    scene.by_text(&message, None)
}

/// What a service's event says of why tasks do not come, if it says that.
pub(crate) fn explain_event(text: &str, document: Option<&Value>, pinned: &[Pinned]) -> Option<Blamed> {
    let case = Case { stop_code: "", reason: "", containers: &[], document, pinned };
    let scene = Scene { case: &case, declared: document.map(declared).unwrap_or_default() };
    let message = Message::parse(text);
    let mut blamed = scene.by_text(&message, None);
    if blamed.finding.name != "unknown" {
        return Some(blamed);
    }
    let tells =
        ["(service …) was unable to …", "service … was unable to …"].iter().any(|pattern| message.says(pattern));
    blamed.finding.look = Look::Service;
    let text = message.text.replace(['\r', '\n'], " ");
    blamed.finding.sentence =
        format!("tasks do not start, for a reason that this tool does not know; ECS says: {text}");
    tells.then_some(blamed)
}

/// The words that ECS has for every end of an essential container.
fn says_exit(reason: &str) -> bool {
    Message::parse(reason).says("Essential container in task exited")
}

/// Stop codes that say it all; the reason beside them is free text.
/// Source: Amazon ECS API Reference, `TaskStopCode`.
fn by_stop_code(code: &str) -> Option<Finding> {
    let text = matches!(code, "SpotInterruption" | "TerminationNotice" | "InfrastructureHealth").then_some(code)?;
    Some(explain(&Message::parse(text), &Subject::default()))
}

struct Scene<'a> {
    case: &'a Case<'a>,
    declared: Vec<Declared>,
}

impl<'a> Scene<'a> {
    fn declared(&self, name: &str) -> Option<&Declared> {
        self.declared.iter().find(|declared| declared.name == name)
    }

    /// ECS's default is that a container is essential.
    fn is_essential(&self, container: &ContainerExit) -> bool {
        self.declared(&container.container).is_none_or(|declared| declared.essential)
    }

    /// The containers that wait for this one, each with the condition.
    fn waiting(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        let all = self.declared.iter().flat_map(|declared| declared.waits_for.iter().map(move |wait| (declared, wait)));
        all.filter(move |(_, (on, _))| on == name)
            .map(|(declared, (_, condition))| (declared.name.as_str(), condition.as_str()))
    }

    /// A container on which another waits, and which ended so that the other could not start.
    /// Source: Amazon ECS API Reference, `ContainerDependency`.
    fn failed_dependency(&self) -> Option<&'a ContainerExit> {
        let never_ran = |name: &str| {
            self.case.containers.iter().any(|container| container.container == name && container.exit_code.is_none())
        };
        let failed = |container: &&ContainerExit| {
            let Some(code) = container.exit_code else { return false };
            let by_itself = !was_told(code) || is_out_of_memory(container);
            by_itself
                && self.waiting(&container.container).any(|(other, condition)| match condition {
                    "SUCCESS" => code != 0,
                    "HEALTHY" => never_ran(other),
                    _ => false,
                })
        };
        self.case.containers.iter().find(failed)
    }

    /// A container whose own reason says that it could not be pulled, created or started; an essential one first.
    fn never_started(&self) -> Option<(&'a ContainerExit, Message)> {
        let early = [Stage::Pulling, Stage::Creating, Stage::Starting, Stage::Initialising];
        let mut found: Vec<_> = self
            .case
            .containers
            .iter()
            .map(|container| (container, Message::parse(&container.reason)))
            .filter(|(_, message)| early.contains(&stage(message)))
            .gather();
        found.arrange_by_key(|(container, _)| !self.is_essential(container));
        found.into_iter().next()
    }

    fn out_of_memory(&self) -> Option<&'a ContainerExit> {
        let killed = |container: &&ContainerExit| is_out_of_memory(container);
        let (essential, others): (Vec<_>, Vec<_>) =
            self.case.containers.iter().filter(killed).partition(|container| self.is_essential(container));
        let alone = self
            .case
            .containers
            .iter()
            .filter(|container| self.is_essential(container))
            .all(|container| container.exit_code.is_none_or(|code| code == 0 || was_told(code)));
        // One that is not essential ends no task, unless nothing else did.
        essential.into_iter().chain(others.into_iter().filter(|_| alone)).next()
    }

    /// The essential container that ended first and by itself. ECS does not say when each ended; but when an essential
    /// one has, it sends the others SIGTERM and then SIGKILL, and that shows in their codes.
    fn ended_first(&self) -> Option<&'a ContainerExit> {
        self.case.containers.iter().min_by_key(|container| {
            let rank = match container.exit_code {
                Some(code) if code != 0 && !was_told(code) => 0,
                Some(0) => 1,
                Some(137) => 2,
                Some(_) => 3,
                None if !container.reason.is_empty() => 4,
                None => 5,
            };
            (!self.is_essential(container), rank)
        })
    }

    fn by_exit(&self, container: &ContainerExit) -> Blamed {
        let name = &container.container;
        if is_out_of_memory(container) {
            return self.by_text(&Message::parse(&container.reason), Some(name));
        }
        let mismatch = self.mismatch(name);
        let (sentence, fix) = match container.exit_code {
            Some(code) => {
                let meaning = meaning(name, code, mismatch.as_ref().map(|(image, task)| (image.as_str(), *task)));
                (meaning.sentence, meaning.fix.to_owned())
            }
            None if container.reason.is_empty() => {
                (format!("the essential container {name} ended without an exit code"), String::new())
            }
            None => return self.by_text(&Message::parse(&container.reason), Some(name)),
        };
        let sentence = match self.waiting(name).next() {
            Some((other, _)) if container.exit_code != Some(0) => format!("{sentence}; container {other} waits for it"),
            _ => sentence,
        };
        let decisive = decisive(container.exit_code.unwrap_or_default(), mismatch.is_some());
        let finding = Finding { name: "exit", fault: Fault::Program, sentence, fix, look: Look::Log, decisive };
        Blamed { finding, container: Some(name.clone()), image: None }
    }

    /// The platform of a container's image, and the architecture that the document asks for, where they differ.
    fn mismatch(&self, container: &str) -> Option<(String, &'static str)> {
        let wanted = architecture(self.case.document?)?;
        let pinned = self.case.pinned.iter().find(|pinned| pinned.container == container)?;
        let built = pinned.platform.split('/').nth(1)?;
        let shown = if wanted == "arm64" { "ARM64" } else { "X86_64" };
        (built != wanted).then(|| (pinned.platform.clone(), shown))
    }

    /// What a text says; `container` is the one whose own reason it is.
    fn by_text(&self, message: &Message, container: Option<&str>) -> Blamed {
        let subject = self.subject(message, container);
        let finding = explain(message, &subject);
        let image = self.pinned(subject.container.as_deref()).map(|pinned| pinned.image.clone());
        Blamed { finding, image, container: subject.container }
    }

    /// The container and the image that a text is about: those that it names, or else whose reason it is.
    fn subject(&self, message: &Message, container: Option<&str>) -> Subject {
        if stage(message) != Stage::Pulling {
            let container = container.map(str::to_owned).or_else(|| self.suspect(message));
            return Subject { container, ..Subject::default() };
        }
        let named = reference::named(message);
        let container = match &named {
            // Where no container of the document has the image, it says more whose reason the text is.
            Some(image) => self.owner(image).or_else(|| container.map(str::to_owned)),
            None => container.map(str::to_owned).or_else(|| self.only()),
        };
        let declared = container.as_deref().and_then(|name| self.declared(name)).map(|declared| declared.image.clone());
        let image = named.clone().or(declared).filter(|image| !image.is_empty());
        let ours = self.pinned(container.as_deref());
        let whose = match (&ours, &image) {
            (Some(_), _) => Some(Whose::Ours),
            (None, Some(image)) if reference::is_ecr(reference::host(image)) => Some(Whose::Ecr),
            (None, Some(_)) => Some(Whose::Foreign),
            (None, None) => None,
        };
        Subject { container, image, whose }
    }

    /// The container that a text without a container is about, as a rule: the one whose health was looked at, or the
    /// only one. What was not placed is about none.
    fn suspect(&self, message: &Message) -> Option<String> {
        let essential = || self.declared.iter().filter(|declared| declared.essential);
        let is = |signs: &[Sign]| signs.iter().any(|sign| sign.is_in(message));
        let looked_at = if is(CONTAINER_HEALTH) {
            essential().find(|declared| declared.has_health_check)
        } else if is(LOAD_BALANCER) {
            essential().find(|declared| declared.has_ports)
        } else if stage(message) == Stage::Placing {
            return None;
        } else {
            None
        };
        looked_at.map(|declared| declared.name.clone()).or_else(|| self.only())
    }

    /// The container with this image, or else the first with an image of the same repository: a runtime may name the
    /// child of an index, or the tag that a digest was pinned from.
    fn owner(&self, image: &str) -> Option<String> {
        let of_document = self.declared.iter().map(|declared| (&declared.name, &declared.image));
        let of_pins = self.case.pinned.iter().map(|pinned| (&pinned.container, &pinned.reference));
        let known: Vec<_> = of_document.chain(of_pins).filter(|(_, known)| !known.is_empty()).gather();
        let found = known.iter().find(|(_, known)| reference::same(known, image));
        let found = found.or_else(|| known.iter().find(|(_, known)| reference::same_repository(known, image)));
        found.map(|(container, _)| (*container).clone())
    }

    /// The one container that there is, or the one essential.
    fn only(&self) -> Option<String> {
        let names: Vec<&str> = match self.declared.as_slice() {
            [] => self.case.containers.iter().map(|container| container.container.as_str()).gather(),
            [one] => vec![&one.name],
            several => {
                several.iter().filter(|declared| declared.essential).map(|declared| declared.name.as_str()).gather()
            }
        };
        match names.as_slice() {
            [one] => Some((*one).to_owned()),
            _ => None,
        }
    }

    fn pinned(&self, container: Option<&str>) -> Option<&'a Pinned> {
        self.case.pinned.iter().find(|pinned| Some(pinned.container.as_str()) == container)
    }
}

fn is_out_of_memory(container: &ContainerExit) -> bool {
    Message::parse(&container.reason).names("OutOfMemoryError")
}
