//! Whose things they are, and where.

/// An account in a region: what one call of an API is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Home {
    /// Twelve digits.
    pub account: String,
    pub region: String,
}

impl Home {
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self { account: account.into(), region: region.into() }
    }
}
