//! What is told of an image that is released.

use serde::Serialize;

use crate::digest::Digest;

/// A layer of a built image; `size` in bytes, compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Layer {
    /// Of the bytes as they are stored, compressed.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// Such as `application/vnd.oci.image.layer.v1.tar+gzip`.
    pub media_type: String,
}

/// A vulnerability that the scanner found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// As its ecosystem names it: `libssl3`, `tokio`.
    pub package: String,
    /// The version in the image.
    pub installed: String,
    /// Empty where there is no fix yet.
    pub fixed: String,
    /// Such as `CVE-2026-12345`.
    pub id: String,
    /// Other ids of the same vulnerability.
    pub aliases: Vec<String>,
    /// `CRITICAL`, `HIGH`, …
    pub severity: String,
    /// What was scanned, in trivy's words: a file in the image, or the image's operating system.
    pub target: String,
    /// The advisory's own headline; may be empty.
    pub title: String,
}
