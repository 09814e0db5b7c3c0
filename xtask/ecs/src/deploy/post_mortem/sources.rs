//! What else would say why a rollout failed: asked all at once, none of it for long, and none of it needed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::unbounded_channel;

use super::Evidence;
use super::log::{self, From, Masks, Wanted};
use crate::aws::logs::Stream;
use crate::aws::{AwsError, Kind, SdkConfig, elb, logs};
use crate::beside::apart;
use crate::event::{LogTail, TargetGroup};
use crate::gather::Gather;
use crate::net;
use crate::time;

/// How long all of them may take together.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where logs and target groups are asked for.
pub(in crate::deploy) trait Sources: Send + Sync {
    fn log(&self, stream: &Stream, count: u32) -> Result<Vec<String>, AwsError>;
    /// What a stream has after what was read before, and where to read on.
    fn log_after(&self, stream: &Stream, token: Option<&str>) -> Result<(Vec<String>, Option<String>), AwsError>;
    fn target_group(&self, arn: &str) -> Result<TargetGroup, AwsError>;
}

/// AWS's own.
pub(in crate::deploy) struct OfAws(pub SdkConfig);

impl Sources for OfAws {
    fn log(&self, stream: &Stream, count: u32) -> Result<Vec<String>, AwsError> {
        logs::last(&self.0, stream, count)
    }

    fn log_after(&self, stream: &Stream, token: Option<&str>) -> Result<(Vec<String>, Option<String>), AwsError> {
        logs::after(&self.0, stream, token)
    }

    fn target_group(&self, arn: &str) -> Result<TargetGroup, AwsError> {
        elb::target_group(&self.0, arn)
    }
}

/// What was found within the time there is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::deploy) struct Found {
    pub logs: Vec<LogTail>,
    pub targets: Vec<TargetGroup>,
}

pub(in crate::deploy) fn gather(
    sources: &Arc<dyn Sources>,
    evidence: &Evidence<'_>,
    target_groups: &[String],
    lines: u32,
) -> Found {
    gather_within(PATIENCE, sources, &Asked { wanted: log::wanted(evidence), target_groups, lines }, evidence)
}

struct Asked<'a> {
    wanted: Vec<Wanted>,
    target_groups: &'a [String],
    lines: u32,
}

enum Ask {
    Log(usize, Stream),
    Targets(usize, String),
}

impl Ask {
    fn of(self, sources: &dyn Sources, lines: u32) -> Answer {
        match self {
            Self::Log(place, stream) => Answer::Log(place, sources.log(&stream, lines)),
            Self::Targets(place, arn) => Answer::Targets(place, sources.target_group(&arn)),
        }
    }
}

enum Answer {
    Log(usize, Result<Vec<String>, AwsError>),
    Targets(usize, Result<TargetGroup, AwsError>),
}

fn gather_within(patience: Duration, sources: &Arc<dyn Sources>, asked: &Asked<'_>, evidence: &Evidence<'_>) -> Found {
    let Asked { wanted, target_groups, lines } = asked;
    let wanted = if *lines == 0 { &[][..] } else { wanted };
    let logs = wanted.iter().enumerate().filter_map(|(place, log)| match &log.from {
        From::Stream { stream, .. } => Some(Ask::Log(place, stream.clone())),
        From::Elsewhere(_) => None,
    });
    let targets = target_groups.iter().cloned().enumerate().map(|(place, arn)| Ask::Targets(place, arn));
    let asks: Vec<Ask> = logs.chain(targets).gather();
    let (answer, mut answers) = unbounded_channel();
    let mut open = asks.len();
    for ask in asks {
        let (answer, sources, lines) = (answer.clone(), Arc::clone(sources), *lines);
        // Nobody waits for one that takes too long.
        apart(move || drop(answer.send(ask.of(&*sources, lines))));
    }
    let late = || format!("it could not be read within {} s", patience.as_secs());
    let mut read: Vec<Result<Vec<String>, String>> = wanted
        .iter()
        .map(|log| match &log.from {
            From::Stream { .. } => Err(late()),
            From::Elsewhere(why) => Err(why.clone()),
        })
        .gather();
    let mut targets: Vec<Option<TargetGroup>> = vec![None; target_groups.len()];
    let began = time::instant();
    while open > 0 {
        let left = patience.saturating_sub(time::since(began));
        let Some(answer) = net::wait(time::within(left, answers.recv())).flatten() else { break };
        open -= 1;
        match answer {
            Answer::Log(place, answer) => read[place] = answer.map_err(|error| why(&error)),
            Answer::Targets(place, answer) => targets[place] = answer.ok(),
        }
    }
    let masks = Masks::of(evidence.document);
    let logs = wanted.iter().cloned().zip(read).map(|(wanted, read)| log::shown(wanted, read, &masks));
    let mut logs: Vec<LogTail> = logs.gather();
    log::fit(&mut logs, *lines);
    Found { logs, targets: targets.into_iter().flatten().gather() }
}

/// On one line.
fn why(error: &AwsError) -> String {
    match (error.kind, error.code.as_str()) {
        (Kind::Denied, _) => format!("this identity may not read it: it needs `{}`", error.call),
        (_, "ResourceNotFoundException") => "it is not there: the container may have written nothing".to_owned(),
        _ => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests;
