//! What is shared.
