//! What is done about services beside deploying them: a file a verb.

pub(crate) mod decide;
