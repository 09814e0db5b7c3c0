//! How a service is named.

/// A service's cluster and name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub(crate) cluster: String,
    pub(crate) name: String,
}
