//! Why a rollout failed, from the tasks it left behind.

pub(super) mod log;
pub(super) mod sources;

use serde_json::Value;

use crate::aws::ecs::{Container, ServiceDeployment, Status, Task};
use crate::cause::{Blamed, Case, Decisive, Fault, Finding, Log, Look, Pinned, blame, declared, explain_event};
use crate::config::DAEMON;
use crate::config::command;
use crate::event::{Cause, ContainerExit, PostMortem};
use crate::gather::Gather;
use crate::process::shell_word;
use crate::sorted::Arrange;

/// What is known at the end of a rollout that did not go well.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence<'a> {
    pub cluster: &'a str,
    pub service: &'a str,
    pub region: &'a str,
    pub environment: Option<&'a str>,
    /// The stopped tasks of this rollout.
    pub tasks: &'a [Task],
    /// The service deployment, as the last look saw it.
    pub rollout: Option<&'a ServiceDeployment>,
    /// What serves now, as `FAMILY:REVISION`.
    pub serving: String,
    /// ECS's words about the service since the rollout began, the newest first.
    pub messages: &'a [String],
    /// How many tasks of this rollout run at the end, of how many that are wanted.
    pub running: (u32, u32),
    /// The document that was rolled out.
    pub document: Option<&'a Value>,
    /// Containers of the document whose image is one of ours.
    pub pinned: &'a [Pinned],
    /// What is said of bytes that run and are not the released ones.
    pub mismatch: Option<&'a str>,
}

/// The stopped tasks grouped by cause, a likely cause in one sentence, what to do and the command to run next.
pub(super) fn post_mortem(evidence: &Evidence<'_>) -> PostMortem {
    let causes = causes(evidence.tasks);
    if let Some(Watcher { sentence, fix, next }) = watcher(evidence) {
        let breaker = None;
        let serving = evidence.serving.clone();
        let (logs, targets) = (Vec::new(), Vec::new());
        return PostMortem { breaker, serving, next, likely_cause: sentence, fix, causes, logs, targets };
    }
    let blamed = likely(evidence, &causes);
    PostMortem {
        breaker: evidence
            .rollout
            .and_then(|rollout| rollout.breaker.as_ref())
            .map(|breaker| (breaker.count, breaker.threshold)),
        serving: evidence.serving.clone(),
        next: next(evidence, &blamed),
        likely_cause: blamed.finding.sentence,
        fix: blamed.finding.fix,
        causes,
        logs: Vec::new(),
        targets: Vec::new(),
    }
}

/// Tasks that stopped for the same reason, the largest group first; those that a failure only brought along, last.
fn causes(tasks: &[Task]) -> Vec<Cause> {
    let mut groups: Vec<Cause> = Vec::new();
    for task in tasks {
        let mut containers: Vec<ContainerExit> = task.containers.iter().map(exit).gather();
        containers.arrange_by(Ord::cmp);
        let reason = without_names(&task.stopped_reason);
        let same = |group: &&mut Cause| {
            group.stop_code == task.stop_code && group.reason == reason && group.containers == containers
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.tasks += 1,
            None => groups.push(Cause { tasks: 1, stop_code: task.stop_code.clone(), reason, containers }),
        }
    }
    groups.arrange_by_key(|group| (is_consequence(group), std::cmp::Reverse(group.tasks)));
    groups
}

/// ECS stopped these because the rollout had failed or was scaled in; they are no reason for it.
fn is_consequence(cause: &Cause) -> bool {
    is_aside(&cause.reason)
}

fn is_aside(reason: &str) -> bool {
    reason.starts_with("Scaling activity initiated by")
}

fn blame_of(task: &Task, evidence: &Evidence<'_>) -> Blamed {
    let containers: Vec<ContainerExit> = task.containers.iter().map(exit).gather();
    blame(&Case {
        stop_code: &task.stop_code,
        reason: &task.stopped_reason,
        containers: &containers,
        document: evidence.document,
        pinned: evidence.pinned,
    })
}

/// How a container of a stopped task ended, its reason without the names of this one task.
pub(super) fn exit(container: &Container) -> ContainerExit {
    ContainerExit {
        container: container.name.clone(),
        exit_code: container.exit_code,
        reason: without_names(&container.reason),
    }
}

/// The text with everything that differs from task to task replaced by `…`: task ids, request ids, addresses,
/// instances and interfaces, and ARNs of tasks.
pub(super) fn without_names(text: &str) -> String {
    let separates = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | ',' | ';' | '"' | '\'' | '`');
    let mut out = String::new();
    for piece in text.split_inclusive(separates) {
        let word = piece.trim_end_matches(separates);
        let bare = word.trim_end_matches(['.', ':']);
        let rest = &piece[bare.len()..];
        if is_volatile(bare) {
            out.push('…');
        } else {
            out.push_str(bare);
        }
        out.push_str(rest);
    }
    out
}

fn is_volatile(word: &str) -> bool {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let task = |text: &str| text.len() == 32 && hex(text);
    let uuid =
        |text: &str| text.len() == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hex);
    let named = |text: &str| {
        ["i-", "eni-", "subnet-"]
            .iter()
            .any(|prefix| text.strip_prefix(prefix).is_some_and(|id| id.len() >= 8 && hex(id)))
    };
    let address = |text: &str| {
        let host = text.split(':').next().unwrap_or_default();
        !text.contains('/') && host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
    };
    let of_task = |text: &str| text.starts_with("arn:") && text.contains(":task/");
    task(word)
        || uuid(word)
        || named(word)
        || address(word)
        || of_task(word)
        || word.rsplit('/').next().is_some_and(task)
}

/// Something that watched the rollout and found it bad, although its tasks ran.
struct Watcher {
    sentence: String,
    fix: String,
    next: String,
}

fn watcher(evidence: &Evidence<'_>) -> Option<Watcher> {
    let rollout = evidence.rollout?;
    let region = evidence.region;
    if !rollout.alarms.is_empty() {
        let words: Vec<String> = rollout.alarms.iter().map(|name| shell_word(name)).gather();
        return Some(Watcher {
            sentence: format!("ECS rolled back on an alarm: {}", rollout.alarms.join(", ")),
            fix: "see whether what it measures got worse with this revision".to_owned(),
            next: format!("aws cloudwatch describe-alarms --alarm-names {} --region {region}", words.join(" ")),
        });
    }
    let hook = rollout.hooks.iter().find(|hook| match hook.status.as_str() {
        "FAILED" => true,
        // ECS may have been told to go on then, and whatever failed came later.
        "TIMED_OUT" => hook.on_timeout != "CONTINUE",
        _ => false,
    })?;
    let function = hook.target.rsplit_once(":function:").map(|(_, name)| name.split(':').next().unwrap_or(name));
    Some(match (function, hook.status.as_str()) {
        (Some(name), status) => Watcher {
            sentence: if status == "FAILED" {
                format!("the lifecycle hook {name} found the new revision bad")
            } else {
                format!("the lifecycle hook {name} did not answer in time")
            },
            fix: "its log says why".to_owned(),
            next: format!("aws logs tail {} --since 30m --region {region}", shell_word(&format!("/aws/lambda/{name}"))),
        },
        (None, "FAILED") => Watcher {
            sentence: format!("somebody refused at the pause {}", hook.id),
            fix: String::new(),
            next: events(&shell_word(evidence.cluster), &shell_word(evidence.service), region),
        },
        (None, _) => Watcher {
            sentence: format!("nobody decided at the pause {} before its time was over", hook.id),
            fix: "deploy again, and decide in time; `timeoutConfiguration` of the hook says how long that is"
                .to_owned(),
            next: events(&shell_word(evidence.cluster), &shell_word(evidence.service), region),
        },
    })
}

/// The cause of the largest group of tasks; of the tasks that never came; or of bytes that are not the released ones.
fn likely(evidence: &Evidence<'_>, causes: &[Cause]) -> Blamed {
    if let Some(mismatch) = evidence.mismatch {
        return other_bytes(mismatch);
    }
    let Some(cause) = causes.iter().find(|cause| !is_consequence(cause)) else { return without_tasks(evidence) };
    blame(&Case {
        stop_code: &cause.stop_code,
        reason: &cause.reason,
        containers: &cause.containers,
        document: evidence.document,
        pinned: evidence.pinned,
    })
}

/// Every task may be healthy, and yet it is not what was released.
fn other_bytes(mismatch: &str) -> Blamed {
    blamed(
        mismatch.to_owned(),
        "set `force-new-deployment = true` and deploy again; if it stays, ask AWS why ECS runs another digest than the \
         task definition names"
            .to_owned(),
    )
}

fn without_tasks(evidence: &Evidence<'_>) -> Blamed {
    let told = evidence.messages.iter().find_map(|text| explain_event(text, evidence.document, evidence.pinned));
    let (running, desired) = evidence.running;
    let failed = evidence.rollout.and_then(|rollout| rollout.breaker.as_ref()).map_or(0, |breaker| breaker.count);
    told.unwrap_or_else(|| {
        let stopped = evidence.rollout.is_some_and(|rollout| rollout.status == Status::Stopped);
        let tripped = evidence.rollout.and_then(|it| it.breaker.as_ref()).is_some_and(|it| it.count >= it.threshold);
        if stopped && !tripped {
            let sentence = "somebody stopped the rollout before its end, and it was not to go back".to_owned();
            let fix = "CloudTrail keeps who called StopServiceDeployment, and when".to_owned();
            return blamed(sentence, fix);
        }
        if failed > 0 {
            let tasks = if failed == 1 { "task" } else { "tasks" };
            let sentence =
                format!("{failed} {tasks} failed before this was looked at, and ECS shows none of them any more");
            return blamed(sentence, "deploy again, and the next one to fail is looked at; or see their log".to_owned());
        }
        let (sentence, fix) = if !evidence.tasks.is_empty() {
            ("ECS stopped the tasks of this rollout with it, and none of them had failed until then", "")
        } else if running >= desired {
            (
                "all tasks run, but ECS does not find them healthy, or the old ones do not end",
                "check the health checks and the deregistration delay",
            )
        } else {
            (
                "no task of this rollout has stopped, and not all have started: they wait for capacity, an address or the \
                 pull of an image",
                "",
            )
        };
        blamed(sentence.to_owned(), fix.to_owned())
    })
}

fn blamed(sentence: String, fix: String) -> Blamed {
    let decisive = Decisive::No("no task says why");
    let finding = Finding { name: "no-task", fault: Fault::Unknown, sentence, fix, look: Look::Service, decisive };
    Blamed { finding, container: None, image: None }
}

/// The command to run next.
fn next(evidence: &Evidence<'_>, blamed: &Blamed) -> String {
    let Evidence { cluster, service, region, .. } = evidence;
    let (cluster, service) = (shell_word(cluster), shell_word(service));
    let of_service = || match (evidence.service.strip_prefix(DAEMON), evidence.rollout) {
        // A daemon has no events of its own.
        (Some(_), Some(rollout)) => {
            let arn = &rollout.arn;
            format!("aws ecs describe-daemon-deployments --daemon-deployment-arns {arn} --region {region}")
        }
        (Some(daemon), None) => {
            format!("aws ecs list-tasks --cluster {cluster} --daemon-name {daemon} --region {region}")
        }
        (None, _) => events(&cluster, &service, region),
    };
    let tasks = || match evidence.tasks.last() {
        Some(task) => format!("aws ecs describe-tasks --cluster {cluster} --tasks {} --region {region}", task.id()),
        None => of_service(),
    };
    match (blamed.finding.look, &blamed.container, &blamed.image) {
        (Look::Log, Some(container), _) => log_command(evidence, container).unwrap_or_else(tasks),
        (Look::Release, _, Some(image)) => {
            let command = |words: &str| command(evidence.environment, words);
            format!("{} && {}", command(&format!("release {image}")), command("deploy"))
        }
        (Look::Log | Look::Release | Look::Tasks, ..) => tasks(),
        (Look::Service, ..) => of_service(),
    }
}

fn events(cluster: &str, service: &str, region: &str) -> String {
    format!(
        "aws ecs describe-services --cluster {cluster} --services {service} --region {region} \
         --query 'services[0].events[:10]'"
    )
}

/// The container's own log: its group and region, and the streams of this container where their names say so.
fn log_command(evidence: &Evidence<'_>, container: &str) -> Option<String> {
    let declared = declared(evidence.document?).into_iter().find(|declared| declared.name == container)?;
    let Log { group, region, prefix } = declared.log?;
    let streams = match prefix.as_str() {
        "" => String::new(),
        prefix => format!(" --log-stream-name-prefix {}", shell_word(&format!("{prefix}/{container}/"))),
    };
    let region = if region.is_empty() { evidence.region } else { &region };
    Some(format!("aws logs tail {}{streams} --since 30m --region {}", shell_word(&group), shell_word(region)))
}

#[cfg(test)]
mod tests;
