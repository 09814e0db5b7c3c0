//! Faults are data: which call, which of them, what happens.

use serde::{Deserialize, Serialize};

use crate::ecs::Tasks;

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
    /// Every registry token handed out so far expires.
    ExpireToken,
    /// Another client puts this call's tag with other content first.
    ForeignTag,
    /// After the call the images that it is about are gone.
    ForgetImages,
    /// After the call the images of the revision that the service ran before it are gone.
    ForgetPreviousImages,
    /// After the call another principal forces a new deployment of the service.
    Supersede {
        /// An IAM user name.
        by: String,
    },
    /// The tasks of revisions newer than the newest so far behave like this.
    Behave(Tasks),
    /// One byte of a blob changes on its way.
    Corrupt,
    /// The answer to a PATCH tells the range before it, although the bytes are stored.
    StaleRange,
}
