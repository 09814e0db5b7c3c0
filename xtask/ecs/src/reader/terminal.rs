//! Cargo's look on stderr.
