//! `cargo xtask logs`: what the containers of services wrote, merged by time, and what they go on to write.

mod merge;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use merge::{Merge, Pages, Source};

use crate::aws::ecs::Ecs;
use crate::aws::logs::{Page, Search, page};
use crate::aws::{AwsError, Kind, Session};
use crate::config::{Config, Service, services_named, suggestion};
use crate::context::Context;
use crate::deploy::{LogPlace, log_place};
use crate::failure::{Failure, Result};

pub(crate) use merge::Line;

/// What of the logs is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub services: Vec<String>,
    pub since: Duration,
    /// What a line holds.
    pub grep: Option<String>,
    /// What a task's id begins with.
    pub task: Option<String>,
    pub container: Option<String>,
    /// Whether to wait for what is still to be written.
    pub follow: bool,
}

/// Between two looks at logs that are followed, in looks at a rollout.
const LOOKS: u32 = 2;
/// The longest pause before somebody who is asked too often is asked again.
const LONGEST: Duration = Duration::from_secs(30);
/// How often what does not answer is asked again, by somebody who does not follow.
const TRIES: u32 = 6;

/// Reads, and shows line after line until `show` says that nobody looks any more.
///
/// Fails (exit 2) where no container of these services writes where it can be read from here.
pub(crate) fn read(context: &Context, wanted: &Wanted, show: &mut dyn FnMut(&Line<'_>) -> bool) -> Result<()> {
    let config = context.config()?;
    let services = services_named(config, &wanted.services)?;
    let session = context.session()?;
    let poll = services.iter().map(|service| service.rollout.poll).min().unwrap_or_default() * LOOKS;
    let mut merge = Merge::new(sources(context, config, &services, wanted)?, wanted.grep.clone(), wanted.follow);
    let mut pages = Live { session, context, follow: wanted.follow, poll };
    loop {
        if !merge.round(&mut pages, show)? || !wanted.follow || context.interrupt().wait(poll) {
            return Ok(());
        }
    }
}

/// Where the containers of these services write.
fn sources(context: &Context, config: &Config, services: &[&Service], wanted: &Wanted) -> Result<Vec<Source>> {
    let ecs = context.session()?.ecs();
    let (mut found, mut elsewhere, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for service in services {
        for (container, place) in places(&ecs, config, service, wanted)? {
            names.push(container.clone());
            if wanted.container.as_ref().is_some_and(|only| *only != container) {
                continue;
            }
            match place {
                LogPlace::Stream { stream, .. } => {
                    let (group, region, prefix) = (stream.group, stream.region, stream.name);
                    let (from, pattern) = (since(wanted.since), wanted.grep.as_deref().and_then(pattern));
                    let search = Search { group, region, prefix, from, pattern };
                    found.push(Source::new(&service.name, container, search));
                }
                LogPlace::Elsewhere(why) => elsewhere.push(format!("container {container} of {}: {why}", service.name)),
            }
        }
    }
    if let Some(only) = wanted.container.as_ref().filter(|only| !names.contains(only)) {
        names.sort();
        names.dedup();
        return Err(Failure::usage(format_args!("no container is named `{}`", only.escape_debug())).help(suggestion(
            only,
            names.iter().map(String::as_str),
            "the containers",
        )));
    }
    if found.is_empty() {
        return Err(Failure::usage("no container writes where its log can be read from here")
            .said(elsewhere)
            .help("logs are read from CloudWatch: the driver `awslogs` with an `awslogs-stream-prefix`"));
    }
    for why in elsewhere {
        context.events().note("Leaving out", why);
    }
    Ok(found)
}

/// Every container of the revisions that the service is on, and where it writes.
fn places(ecs: &Ecs, config: &Config, service: &Service, wanted: &Wanted) -> Result<Vec<(String, LogPlace)>> {
    let live = ecs.service(&service.cluster, &service.service)?;
    let mut revisions = vec![live.task_definition.clone()];
    revisions.extend(live.deployments.iter().map(|deployment| deployment.task_definition.clone()));
    revisions.sort();
    revisions.dedup();
    let task = wanted.task.as_deref().unwrap_or_default();
    let mut places = Vec::new();
    for definition in ecs.task_definitions(&revisions) {
        let Some(definition) = definition? else { continue };
        let containers = definition.document["containerDefinitions"].as_array();
        for name in containers.into_iter().flatten().filter_map(|container| container["name"].as_str()) {
            let place = (name.to_owned(), log_place(&definition.document, name, task, &config.region));
            if !places.contains(&place) {
                places.push(place);
            }
        }
    }
    Ok(places)
}

fn since(ago: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_sub(ago).as_millis()).unwrap_or(u64::MAX)
}

/// CloudWatch's words for lines that hold this text, where it has any: a bare term is looked for as a whole word, a regular
/// expression anywhere, and only few signs may stand in one. What it does not look for is looked for here.
/// Source: CloudWatch Logs User Guide, "Filter pattern syntax", supported regular expressions.
fn pattern(text: &str) -> Option<String> {
    let plain = |letter: char| {
        letter.is_ascii_alphanumeric() || matches!(letter, '_' | '#' | '=' | '@' | '/' | ';' | ',' | '-')
    };
    (!text.is_empty() && text.chars().all(plain)).then(|| format!("%{text}%"))
}

/// CloudWatch itself. Where it is asked too often or does not answer, the same page is asked for again, so that nothing is left
/// out and nothing comes twice.
struct Live<'a> {
    session: &'a Session,
    context: &'a Context,
    follow: bool,
    poll: Duration,
}

impl Pages for Live<'_> {
    fn page(&mut self, search: &Search, token: Option<&str>) -> Result<Option<Page>> {
        let (mut tries, mut pause) = (0, self.poll);
        loop {
            match page(self.session.sdk(), search, token) {
                Ok(page) => return Ok(Some(page)),
                Err(error) if passes(&error) && (self.follow || tries < TRIES) => {
                    if tries == 0 {
                        self.context.events().warn(format!("{error}; the same is asked again"));
                    }
                }
                Err(error) => return Err(error.into()),
            }
            if self.context.interrupt().wait(pause) {
                return Ok(None);
            }
            (tries, pause) = (tries + 1, (pause * 2).min(LONGEST));
        }
    }
}

fn passes(error: &AwsError) -> bool {
    matches!(error.kind, Kind::Throttled | Kind::Unavailable | Kind::Unreachable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloudwatch_looks_for_what_it_can_look_for_anywhere_in_a_line() {
        assert_eq!(pattern("GET-/health"), Some("%GET-/health%".to_owned()));
        for text in ["", "out of memory", "a.b", "x\"y", "{ $.level = 1 }", "größe", "50%"] {
            assert_eq!(pattern(text), None, "{text}");
        }
    }
}
