//! What people read and type: how wide it is, sizes and durations, the name that was meant.

mod nearest;
pub mod quantity;
mod width;

pub use nearest::{misspelt, nearest};
pub use width::{cut, pad, width};
