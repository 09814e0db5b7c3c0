//! OCI images as plain files: layouts, and the registries they travel to and from.

pub mod layout;
pub mod registry;
