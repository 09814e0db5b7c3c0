//! What is done about services beside deploying them: a file a verb.

pub(crate) mod compare;
pub(crate) mod decide;
pub(crate) mod evidence;
pub(crate) mod exec;
pub(crate) mod lock;
pub(crate) mod logs;
pub(crate) mod promote;
pub(crate) mod rollback;
pub(crate) mod scale;
