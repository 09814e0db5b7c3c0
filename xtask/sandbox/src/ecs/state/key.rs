//! How a service is named.

/// What begins the name of a managed daemon, and that of its family, where those of services and theirs are: no name of
/// ECS's has a slash.
pub(crate) const DAEMON: &str = "daemon/";

/// A service's cluster and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub(crate) cluster: String,
    pub(crate) name: String,
}

impl Key {
    /// What ARNs and groups begin with, `service` or `daemon`, and its own name.
    pub(crate) fn kind(&self) -> (&'static str, &str) {
        self.name.strip_prefix(DAEMON).map_or(("service", &self.name), |name| ("daemon", name))
    }

    pub(crate) fn is_daemon(&self) -> bool {
        self.name.starts_with(DAEMON)
    }
}
