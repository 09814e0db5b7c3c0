//! The readers of the event stream: four views of one run, none of which can change it.

pub(crate) mod github;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
pub(crate) mod json;
pub(crate) mod record;
pub(crate) mod shift;
pub(crate) mod slack;
pub(crate) mod terminal;
#[cfg(test)]
mod tests;
