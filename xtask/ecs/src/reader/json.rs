//! One JSON document a line on stderr.
