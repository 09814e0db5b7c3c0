//! Faults are data: which call, which of them, what happens.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ecs::{Tasks, Trouble};
use crate::protocol::ApiError;

mod named;

pub use named::{FAULTS, fault_named};

/// One thing that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// `ecr:PutImage`, `ecs:UpdateService`, `ecs:*`, `registry:PUT blob`, `registry:HEAD manifest` …
    pub call: String,
    pub which: Which,
    pub effect: Effect,
}

/// Which of the calls that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    Every,
    /// Counted from 1.
    Nth(u32),
    First(u32),
    /// All but the first so many.
    After(u32),
}

/// What happens to such a call, or because of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// This is answered instead.
    Error {
        status: u16,
        code: String,
        message: String,
        /// In seconds.
        retry_after: Option<u64>,
    },
    /// So many bytes of the body are read (of a download: sent), then the connection is cut.
    Cut { after_bytes: u64 },
    /// Nothing is said for so long, in real time.
    Stall { millis: u64 },
    /// The call does what it does, and the connection is cut before the answer.
    Lose,
    /// A call that only looks is answered as things were so many seconds ago: ECS's answers are consistent only in the end.
    Lag { seconds: u64 },
    /// The clock of the API is so many seconds ahead of the caller's, and refuses what was signed more than five minutes
    /// before or after.
    Skew { seconds: i64 },
    /// Every registry token handed out so far expires.
    ExpireToken,
    /// Another client puts this call's tag with other content first.
    ForeignTag,
    /// After the call the images that it is about are gone.
    ForgetImages,
    /// After the call the images of the revision that the service ran before it are gone.
    ForgetPreviousImages,
    /// After the call another principal registers the service's task definition once more and deploys that.
    Supersede {
        /// An IAM user name.
        by: String,
    },
    /// Before the call somebody stops the rollout of its service, and nothing takes its place.
    Abort,
    /// Before the call the service that it is about deploys like this, as if its owner had configured it so.
    Configure {
        /// Members of a `deploymentConfiguration`.
        deployment: Value,
    },
    /// What befalls the service deployments that begin from now on.
    Trouble(Trouble),
    /// The tasks of revisions newer than the newest so far behave like this.
    Behave(Tasks),
    /// The tasks that this RunTask starts exit with this code, soon after they run.
    TaskExits { code: i32 },
    /// This RunTask starts nothing, and says so.
    Unplaced {
        /// Such as `RESOURCE:MEMORY`.
        reason: String,
    },
    /// Containers that start from now on write these lines beside their own.
    Say { lines: Vec<String> },
    /// From now on ECS reports the digest of a platform's image where the reference is an index's.
    ReportPlatform,
    /// One byte of a blob changes on its way.
    Corrupt,
    /// The answer to a PATCH tells the range before it, although the bytes are stored.
    StaleRange,
}

/// The faults of a sandbox and how often each has been met.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    all: Vec<(Fault, u32)>,
    /// Whether something befell a call.
    befell: bool,
}

impl Faults {
    pub fn inject(&mut self, fault: Fault) {
        self.all.push((fault, 0));
    }

    /// Whether any of them has befallen a call.
    pub fn befell(&self) -> bool {
        self.befell
    }

    /// Whether any of them asks for the past.
    pub fn look_back(&self) -> bool {
        self.all.iter().any(|(fault, _)| matches!(fault.effect, Effect::Lag { .. }))
    }

    /// Counts this call, and says what befalls it.
    pub fn strike(&mut self, call: &str) -> Struck {
        let mut struck = Struck::default();
        for (fault, met) in &mut self.all {
            let matches = match fault.call.strip_suffix('*') {
                Some(prefix) => call.starts_with(prefix),
                None => fault.call == call,
            };
            if !matches {
                continue;
            }
            *met += 1;
            let due = match fault.which {
                Which::Every => true,
                Which::Nth(nth) => *met == nth,
                Which::First(first) => *met <= first,
                Which::After(spared) => *met > spared,
            };
            if due {
                struck.add(fault.effect.clone());
                self.befell = true;
            }
        }
        struck
    }
}

/// What befalls one call, sorted by when it happens.
#[derive(Debug, Default)]
pub(crate) struct Struck {
    pub error: Option<Refusal>,
    pub cut: Option<u64>,
    pub stall: Option<u64>,
    pub lose: bool,
    pub lag: Option<u64>,
    pub corrupt: bool,
    pub stale_range: bool,
    pub skew: Option<i64>,
    pub before: Vec<Effect>,
    pub after: Vec<Effect>,
}

/// [`Effect::Error`], taken apart.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub status: u16,
    pub code: String,
    pub message: String,
    pub retry_after: Option<u64>,
    /// What else the body and the head of the answer say.
    pub members: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        let ApiError { status, code, message, members, headers } = error;
        Self { status, code: code.to_owned(), message, retry_after: None, members, headers }
    }
}

impl Struck {
    fn add(&mut self, effect: Effect) {
        match effect {
            Effect::Error { status, code, message, retry_after } => {
                let (members, headers) = (Vec::new(), Vec::new());
                self.error.get_or_insert(Refusal { status, code, message, retry_after, members, headers });
            }
            Effect::Cut { after_bytes } => self.cut = Some(after_bytes),
            Effect::Stall { millis } => self.stall = Some(millis),
            Effect::Lose => self.lose = true,
            Effect::Lag { seconds } => self.lag = Some(seconds),
            Effect::Corrupt => self.corrupt = true,
            Effect::StaleRange => self.stale_range = true,
            Effect::Skew { seconds } => self.skew = Some(seconds),
            // What ran before the call is asked before it, and lost after it.
            Effect::Abort
            | Effect::ExpireToken
            | Effect::ForeignTag
            | Effect::Behave(_)
            | Effect::Say { .. }
            | Effect::TaskExits { .. }
            | Effect::Unplaced { .. }
            | Effect::ForgetPreviousImages
            | Effect::ReportPlatform
            | Effect::Configure { .. }
            | Effect::Trouble(_) => {
                self.before.push(effect);
            }
            Effect::ForgetImages | Effect::Supersede { .. } => self.after.push(effect),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(which: Which, pattern: &str, calls: &[&str]) -> Vec<bool> {
        let mut faults = Faults::default();
        faults.inject(Fault { call: pattern.to_owned(), which, effect: Effect::Stall { millis: 1 } });
        calls.iter().map(|call| faults.strike(call).stall.is_some()).collect()
    }

    #[test]
    fn which_counts_only_the_calls_that_match() {
        let calls = ["ecr:PutImage", "ecr:BatchGetImage", "ecr:PutImage", "ecr:PutImage"];
        assert_eq!(count(Which::Every, "ecr:PutImage", &calls), [true, false, true, true]);
        assert_eq!(count(Which::Nth(2), "ecr:PutImage", &calls), [false, false, true, false]);
        assert_eq!(count(Which::First(2), "ecr:PutImage", &calls), [true, false, true, false]);
        assert_eq!(count(Which::After(1), "ecr:PutImage", &calls), [false, false, true, true]);
    }

    #[test]
    fn a_star_matches_every_call_of_a_service() {
        assert_eq!(count(Which::Every, "ecs:*", &["ecs:ListTasks", "ecr:PutImage"]), [true, false]);
        assert_eq!(count(Which::Every, "registry:PUT *", &["registry:PUT blob", "registry:GET blob"]), [true, false]);
    }

    #[test]
    fn a_fault_reads_back_as_it_was_written() {
        let fault = Fault {
            call: "ecs:RegisterTaskDefinition".into(),
            which: Which::Nth(1),
            effect: Effect::Behave(Tasks::Exits { code: 101, after_seconds: 2, container: None }),
        };
        let text = serde_json::to_string(&fault).expect("a fault is JSON");
        assert_eq!(serde_json::from_str::<Fault>(&text).expect("and read from it"), fault);
    }
}
