//! The two commands against the embedded stand-in.
