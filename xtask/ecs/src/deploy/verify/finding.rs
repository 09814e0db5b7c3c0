//! What comes of a look: each thing well, a problem, or not to be told.

use serde::Serialize;

use crate::aws::{AwsError, Kind};
use crate::failure::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Ok,
    Problem,
    /// Whoever asks may not look.
    CannotTell,
    /// Whoever was asked did not answer, or not so that it says anything.
    NoAnswer,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct Finding {
    /// The service's name in the configuration; absent of what all of them lean on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What kind of thing: `service`, `definition`, `document`, `image`, `size`, `role`, `secret`, `log`, `target`, `hook`, `rollout`,
    /// `way-back`, `lifecycle` or `key`.
    pub about: &'static str,
    pub verdict: Verdict,
    pub text: String,
    /// What would likely help; may be empty.
    pub help: String,
}

/// What was found of one service, or of what all of them lean on.
pub(super) struct Findings {
    service: Option<String>,
    pub all: Vec<Finding>,
}

impl Findings {
    pub(super) fn of(service: Option<&str>) -> Self {
        Self { service: service.map(str::to_owned), all: Vec::new() }
    }

    pub(super) fn ok(&mut self, about: &'static str, text: String) {
        self.add(about, Verdict::Ok, text, "");
    }

    pub(super) fn problem(&mut self, about: &'static str, text: String, help: &str) {
        self.add(about, Verdict::Problem, text, help);
    }

    pub(super) fn failed(&mut self, about: &'static str, failure: &Failure) {
        for fault in failure.as_faults() {
            let place = fault.place.as_ref().map_or(String::new(), |it| format!("{}:{}: ", it.file, it.line));
            self.problem(about, format!("{place}{}", fault.message), &fault.help.join("; "));
        }
    }

    /// An answer that did not come; one that was refused says which right is missing. That something is not there is an answer.
    pub(super) fn not_told(&mut self, about: &'static str, error: &AwsError) {
        let (verdict, text) = match error.kind {
            Kind::Denied => (Verdict::CannotTell, format!("{} is denied on {}", error.call, error.subject)),
            Kind::Answered if error.code.ends_with("NotFoundException") => (Verdict::Problem, said(error)),
            _ => (Verdict::NoAnswer, said(error)),
        };
        self.add(about, verdict, text, &error.fix);
    }

    /// The same of a call whose every other answer says what is wrong with the thing itself.
    pub(super) fn refused(&mut self, about: &'static str, error: &AwsError) {
        match error.kind {
            Kind::Answered => self.problem(about, said(error), &error.fix),
            _ => self.not_told(about, error),
        }
    }

    pub(super) fn add(&mut self, about: &'static str, verdict: Verdict, text: String, help: &str) {
        self.all.push(Finding { service: self.service.clone(), about, verdict, text, help: help.to_owned() });
    }
}

/// What went wrong, on one line; what would help stands beside it.
fn said(error: &AwsError) -> String {
    AwsError { fix: String::new(), ..error.clone() }.to_string().replace('\n', "; ")
}
