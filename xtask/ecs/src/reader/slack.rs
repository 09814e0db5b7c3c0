//! Slack: one message for each command's end.
