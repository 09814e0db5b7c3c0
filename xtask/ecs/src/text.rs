//! What people read and type: how wide it is, sizes and durations, the name that was meant.

mod nearest;
pub mod quantity;
pub mod version;
mod width;

pub use nearest::{misspelt, nearest};
pub use width::{cut, pad, width};
