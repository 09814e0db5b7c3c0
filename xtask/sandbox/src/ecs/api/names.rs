//! The grammar of names.

/// `[a-zA-Z0-9-_]{1,255}`: the grammar of clusters, services, families and containers.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
