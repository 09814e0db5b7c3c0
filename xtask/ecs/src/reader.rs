//! The readers of the event stream: four views of one run, none of which can change it.

pub mod github;
pub mod json;
pub mod record;
pub mod shift;
pub mod slack;
pub mod terminal;
