//! What a repository adds: commands, hooks, notifiers.
