//! The readers of the event stream.

pub mod github;
pub mod json;
pub mod record;
pub mod slack;
pub mod terminal;
