//! `cargo xtask exec` and `cargo xtask forward`: into a container that runs.

use std::cmp::Ordering;
use std::path::Path;

use crate::aws::AwsError;
use crate::aws::ecs::{Container, Ecs, Task};
use crate::aws::sessions::{self, Place, Session};
use crate::config::{Config, Service, services_named, suggestion};
use crate::context::Context;
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::process::{self, Successor, shell_word};
use crate::text::version::order;

/// Into which container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Where {
    pub service: String,
    /// What the task's id begins with; the newest otherwise.
    pub task: Option<String>,
    /// The only one of the task, or the first that the service's images are for, otherwise.
    pub container: Option<String>,
}

/// What is brought to this machine: a port of it, and the host and port where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Forward {
    pub local: u16,
    pub host: Option<String>,
    pub remote: u16,
}

const PLUGIN: &str = "session-manager-plugin";
/// Since this version the session's token travels in a variable, where other users of this machine do not see it.
/// Source: AWS CLI, customizations/sessionmanager.py, `LAST_PLUGIN_VERSION_WITHOUT_ENV_VAR`.
const LAST_WITHOUT: &str = "1.2.497.0";
const VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";

/// Runs a command in a container; the plugin then takes this program's place.
pub(crate) fn exec(context: &Context, at: &Where, command: &[String]) -> Result<()> {
    plugin()?;
    let (service, task, container) = find(context, at)?;
    let command = if command.is_empty() { "/bin/sh".to_owned() } else { quoted(command) };
    let session = sessions::execute(context.session()?.sdk(), place(service, &task, &container), &command);
    let session = session.map_err(|error| explained(error, service))?;
    started(context, (service, &task, &container), command, String::new());
    context.hand_over(successor(&session));
    Ok(())
}

/// Forwards a port; the plugin then takes this program's place.
pub(crate) fn forward(context: &Context, at: &Where, forward: &Forward) -> Result<()> {
    plugin()?;
    let (service, task, container) = find(context, at)?;
    let Forward { local, host, remote } = forward;
    let to = (host.as_deref(), *remote);
    let session = sessions::forward(context.session()?.sdk(), place(service, &task, &container), *local, to);
    let session = session.map_err(|error| explained(error, service))?;
    let of = host.as_ref().map_or(String::new(), |host| format!(" of {host}"));
    started(context, (service, &task, &container), String::new(), format!("127.0.0.1:{local} to port {remote}{of}"));
    context.hand_over(successor(&session));
    Ok(())
}

fn place<'a>(service: &'a Service, task: &'a Task, container: &'a Container) -> Place<'a> {
    Place { cluster: &service.cluster, task: task.id(), container: &container.name, runtime_id: &container.runtime_id }
}

fn started(context: &Context, at: (&Service, &Task, &Container), command: String, forwards: String) {
    let (service, task, container) = (at.0.name.clone(), at.1.id().to_owned(), at.2.name.clone());
    context.events().emit(Event::SessionStarted { service, task, container, command, forwards });
}

/// Source: AWS CLI, customizations/sessionmanager.py: the variable's name, the region, the operation, a profile, the request, and the
/// endpoint that it went to, none of which the plugin needs for a session that is there.
fn successor(session: &Session) -> Successor {
    let args = [VARIABLE, &session.region, "StartSession", "", &session.request.to_string(), ""];
    Successor {
        program: PLUGIN,
        args: args.map(str::to_owned).into(),
        variables: vec![(VARIABLE, session.started.to_string())],
        then: None,
    }
}

/// Before anything is asked: the plugin is there, and new enough.
fn plugin() -> Result<()> {
    const HOW: &str = "install it: a package of AWS's for Debian, Red Hat, macOS and Windows, or `brew install --cask session-manager-plugin`; \
                       see \"Install the Session Manager plugin\" in the Systems Manager User Guide";
    if !process::is_in_path(PLUGIN) {
        return Err(
            Failure::world(format_args!("`{PLUGIN}` was not found in PATH, and it speaks the session")).help(HOW)
        );
    }
    let version = process::ask(Path::new("."), PLUGIN, &["--version"]).unwrap_or_default();
    if order(&version, LAST_WITHOUT) == Some(Ordering::Greater) {
        return Ok(());
    }
    let message = format!("`{PLUGIN}` is version {version}, which takes a session's token as an argument alone");
    Err(Failure::world(message).help(format!("a version after {LAST_WITHOUT} is needed; {HOW}")))
}

/// The container that is meant, in a task that runs and takes commands.
fn find<'a>(context: &'a Context, at: &Where) -> Result<(&'a Service, Task, Container)> {
    let config = context.config()?;
    let service = services_named(config, std::slice::from_ref(&at.service))?[0];
    let ecs = context.session()?.ecs();
    let live = ecs.service(&service.cluster, &service.service)?;
    let task = newest(tasks(config, &ecs, service, at)?, service, live.executes)?;
    let container = container(&task, service, at.container.as_deref())?.clone();
    Ok((service, task, container))
}

/// The tasks that run and are meant.
fn tasks(config: &Config, ecs: &Ecs, service: &Service, at: &Where) -> Result<Vec<Task>> {
    let mut tasks = ecs.tasks(&service.cluster, &ecs.list_tasks(&service.cluster, &service.service, false)?)?;
    tasks.retain(|task| task.status == "RUNNING");
    if tasks.is_empty() {
        return Err(Failure::world(format_args!("service {} has no task that runs", service.name))
            .help(format!("`{}` shows how it stands", config.command("status"))));
    }
    let Some(begins) = &at.task else { return Ok(tasks) };
    let ids: Vec<String> = tasks.iter().map(|task| task.id().to_owned()).gather();
    tasks.retain(|task| task.id().starts_with(begins.as_str()));
    if tasks.is_empty() {
        let message = format!("no task of service {} that runs begins with `{}`", service.name, begins.escape_debug());
        return Err(Failure::usage(message).said(ids));
    }
    Ok(tasks)
}

fn newest(tasks: Vec<Task>, service: &Service, enabled: bool) -> Result<Task> {
    let takes_commands = tasks.into_iter().filter(|task| task.executes).max_by_key(|task| task.created_at);
    takes_commands.ok_or_else(|| {
        let Service { name, cluster, .. } = service;
        if service.is_daemon() {
            let message = format!("daemon {name} has no task that commands can be executed in");
            return Failure::usage(message)
                .help("write `enableExecuteCommand` in its `service-definition`, and deploy it: a task has it from its start on");
        }
        let update = format!("aws ecs update-service --cluster {cluster} --service {}", service.service);
        let role = "the task role has to allow `ssmmessages:CreateControlChannel`, `ssmmessages:CreateDataChannel`, \
                    `ssmmessages:OpenControlChannel` and `ssmmessages:OpenDataChannel`";
        let (message, fix) = if enabled {
            let message = format!("service {name} has `enableExecuteCommand` on, and its tasks started before that");
            (message, format!("`{update} --force-new-deployment` replaces them: a task has it from its start on"))
        } else {
            let message =
                format!("service {name} has `enableExecuteCommand` off, so no command can be executed in its tasks");
            let fix = "turns it on and replaces the tasks: one that runs already never gets it";
            (message, format!("`{update} --enable-execute-command --force-new-deployment` {fix}"))
        };
        Failure::usage(message).help(fix).help(role)
    })
}

fn container<'a>(task: &'a Task, service: &Service, name: Option<&str>) -> Result<&'a Container> {
    let names: Vec<&str> = task.containers.iter().map(|container| container.name.as_str()).gather();
    let find = |name: &str| task.containers.iter().find(|container| container.name == name);
    let found = match (name, task.containers.as_slice()) {
        (Some(name), _) => find(name).ok_or_else(|| {
            Failure::usage(format_args!("no container of task {} is named `{}`", task.id(), name.escape_debug()))
                .help(suggestion(name, names.iter().copied(), "its containers"))
        })?,
        (None, [only]) => only,
        (None, _) => service.containers.keys().find_map(|name| find(name)).ok_or_else(|| {
            Failure::usage(format_args!("task {} has several containers", task.id()))
                .help(format!("name one with `--container`: {}", names.join(", ")))
        })?,
    };
    if found.runtime_id.is_empty() {
        let message = format!("container {} of task {} does not run yet", found.name, task.id());
        return Err(Failure::world(message).help("try again in a moment"));
    }
    Ok(found)
}

/// One line that a shell would take for these words.
fn quoted(words: &[String]) -> String {
    words.iter().map(|word| shell_word(word)).gather::<Vec<_>>().join(" ")
}

fn explained(error: AwsError, service: &Service) -> Failure {
    let gone = ["TargetNotConnectedException", "TargetNotConnected"].contains(&error.code.as_str());
    let failure = Failure::from(error);
    if !gone {
        return failure;
    }
    failure.help(format!(
        "the agent beside the containers of {} has no connection: its task role has to allow the actions of `ssmmessages`, and its \
         network has to reach that service; a moment after its start it may not be connected yet",
        service.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let words = ["sh", "-c", "echo \"$HOME\" it's", ""].map(str::to_owned);
        assert_eq!(quoted(&words), r#"sh -c 'echo "$HOME" it'\''s' ''"#);
        assert_eq!(quoted(&["/bin/ls".to_owned(), "-l".to_owned()]), "/bin/ls -l");
    }
}
