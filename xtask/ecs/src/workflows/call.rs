//! Where other workflows can call the two stages.
//!
//! A called workflow sees the event and the ref of its caller. So a call is known by an input of its own, names its
//! tag, and takes neither a commit nor a program from the run that it is part of: whatever else runs there could
//! leave one.

use std::collections::BTreeMap;

use super::fill::{Holes, script};
use super::holes::{lines, runs_on};
use crate::config::{Call, Config};
use crate::gather::Gather;
use crate::reader::github::output_names;

/// What is checked out for a tag that somebody names. Of an empty one there is no such ref, and nothing else is taken.
const TAG: &str = "format('refs/tags/{0}', inputs.tag)";

/// Whether this was called: what the caller gives does not matter, and where nobody could give it there is none.
const CALLED: &str = "toJSON(inputs.called) != 'null'";
const NOT_CALLED: &str = "toJSON(inputs.called) == 'null'";

/// What the job of one stage does otherwise.
pub(super) fn build(config: &Config) -> Holes {
    let call = config.workflows.call;
    let (asked, handed) = match call {
        None => ("inputs.tag".to_owned(), "if: github.event_name == 'push'".to_owned()),
        Some(_) => (format!("({CALLED} || inputs.tag)"), format!("if: github.event_name == 'push' && {NOT_CALLED}")),
    };
    let images: Vec<&str> = config.images.keys().map(String::as_str).gather();
    let mut holes = Holes::from([
        ("ref", format!("ref: ${{{{ {asked} && {TAG} || '' }}}}")),
        ("handed", handed),
        ("outputs", outputs(call, "release", &output_names(&images, &[]))),
    ]);
    if call == Some(Call::Only) {
        holes.insert("artifact", String::new());
    }
    holes
}

/// The same of a job of deploy.yml.
pub(super) fn deploy(call: Option<Call>, config: &Config) -> Holes {
    let head = "github.event.workflow_run.head_sha";
    let checked_out = match call {
        None => format!("{head} || {TAG}"),
        Some(Call::Also) => format!("({CALLED} || inputs.tag) && {TAG} || {head}"),
        Some(Call::Only) => TAG.to_owned(),
    };
    let follows = |text: &str| if call == Some(Call::Only) { String::new() } else { text.to_owned() };
    let not_called = call.map_or(String::new(), |_| format!(" && {NOT_CALLED}"));
    let services: Vec<&str> = config.services.keys().map(String::as_str).gather();
    Holes::from([
        ("ref", format!("ref: ${{{{ {checked_out} }}}}")),
        ("follows", follows("workflows: [Build Stage]")),
        ("fetches", format!("if: github.event_name == 'workflow_run'{not_called}")),
        ("unless", follows("if: steps.fetch.outcome != 'success'")),
        ("actions", follows("actions: read # to fetch xtask from the run of Build Stage")),
        ("outputs", outputs(call, "deploy", &output_names(&[], &services))),
    ])
}

/// What the step of a job gives, for those who call.
fn outputs(call: Option<Call>, step: &str, names: &[String]) -> String {
    let line = |name: &String| (name.clone(), format!("${{{{ steps.{step}.outputs.{name} }}}}"));
    call.map_or(String::new(), |_| lines(names.iter().map(line)))
}

/// What a stage declares for its callers: the secrets that its jobs read, and what those jobs give, of an environment
/// that comes later before one that comes earlier.
pub(super) fn declared(call: Option<Call>, jobs: &str) -> Holes {
    let (mut job, mut secrets, mut given) = ("", BTreeMap::new(), BTreeMap::<String, String>::new());
    for line in jobs.lines() {
        if let Some(id) =
            line.strip_prefix("  ").and_then(|line| line.strip_suffix(':')).filter(|id| !id.starts_with(' '))
        {
            job = id;
        }
        let Some((key, value)) = line.trim().split_once(": ${{ ") else { continue };
        if let Some((name, _)) = value.strip_prefix("secrets.").and_then(|rest| rest.split_once(" }}")) {
            secrets.insert(name.to_owned(), "{ required: false }".to_owned());
        } else if value.starts_with("steps.") && line.starts_with("      ") && !line.starts_with("       ") {
            let before = given.get(key).map_or(String::new(), |before| format!(" || {before}"));
            given.insert(key.to_owned(), format!("jobs.{job}.outputs.{key}{before}"));
        }
    }
    let given = given.into_iter().map(|(name, from)| (name, format!("{{ value: \"${{{{ {from} }}}}\" }}")));
    let secrets = lines(secrets).replace('\n', "\n  ");
    Holes::from([
        ("called", call.map_or("", |_| "default: true").to_owned()),
        ("outputs", lines(given)),
        ("secrets", if secrets.is_empty() { secrets } else { format!("secrets:\n  {secrets}") }),
    ])
}

/// The job that refuses a call which does not say what it has to.
pub(super) fn refusal(config: &Config, environments: &[String]) -> Holes {
    let names = environments.join(", ");
    let json = serde_json::Value::from(environments).to_string();
    let (refused, says) = if environments.is_empty() {
        (format!("{CALLED} && inputs.tag == ''"), "gives no tag".to_owned())
    } else {
        (
            format!("{CALLED} && (inputs.tag == '' || !contains(fromJSON('{json}'), inputs.environment))"),
            format!("gives no tag, or an environment that is none of {names}"),
        )
    };
    let says = format!("echo '::error title=Refused::This call {says}'\nexit 1");
    Holes::from([
        ("refused", format!("if: {refused}")),
        ("runner", runs_on(&config.workflows.runner)),
        ("says", script("run", &[says])),
    ])
}

/// When a job of deploy.yml runs: the first after a Build Stage of this repository that went well, each other one after
/// the one before, and any where somebody asks for it.
pub(super) fn condition(call: Option<Call>, environment: Option<&str>, before: Option<&str>) -> String {
    let asked = environment.map_or(String::new(), |name| format!(" && inputs.environment == '{name}'"));
    let (by_name, not_called) = match call {
        None => ("github.event_name == 'workflow_dispatch'".to_owned(), String::new()),
        // The event is the caller's, and may be such a run as well. A call without a tag is refused, and begins nothing.
        Some(Call::Also) => (
            format!("inputs.tag != '' && ({CALLED} || github.event_name == 'workflow_dispatch')"),
            format!("{NOT_CALLED} && "),
        ),
        Some(Call::Only) => return format!("if: inputs.tag != ''{asked}"),
    };
    match before {
        Some(before) => format!(
            "if: >-\n  !cancelled() && (\n  {by_name}{asked} ||\n  {not_called}github.event_name == 'workflow_run' && needs.{before}.result == 'success' )"
        ),
        None => format!(
            "if: >-\n  {by_name}{asked} || (\n  {not_called}github.event.workflow_run.conclusion == 'success' &&\n  github.event.workflow_run.event == \
             'push' &&\n  github.event.workflow_run.head_repository.full_name == github.repository )"
        ),
    }
}
