//! OCI images as plain files: names and digests, layouts, and the upload to a registry.

pub mod digest;
pub mod image;
pub mod layout;
pub mod reference;
pub mod registry;
