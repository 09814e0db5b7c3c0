//! What a release writes into its image's manifest, for whoever finds the image in a registry.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::{Index, Layout, Manifest, Platform, media_type};
use crate::gather::Gather;

/// Source: OCI image specification 1.1, annotations.md.
const REVISION: &str = "org.opencontainers.image.revision";
const MADE_BY: &str = "xtask-ecs.made-by";
const PLATFORM: &str = "xtask-ecs.platform";
const US: &str = "cargo xtask release";

/// What an image says of where it comes from. Nothing of it is a proof: whoever may push may write it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Whether a release by this tool made it.
    pub released: bool,
    /// The commit that it was built of, with `-dirty` where files differed from it.
    pub commit: Option<String>,
    /// What it runs on; of an index what it has images for; none where nothing says so.
    pub platforms: Vec<Platform>,
}

impl Marks {
    /// Of a manifest as a registry gives it; none where it is none or says nothing.
    pub fn of(manifest: &str) -> Self {
        let document: Value = serde_json::from_str(manifest).unwrap_or_default();
        let said = |name: &str| document["annotations"][name].as_str();
        let mut platforms: Vec<Platform> = said(PLATFORM).into_iter().filter_map(|text| text.parse().ok()).gather();
        if let Ok(index) = Index::parse(manifest.as_bytes()) {
            platforms.extend(index.entries().filter_map(|entry| entry.platform.clone()));
        }
        Self { released: said(MADE_BY) == Some(US), commit: said(REVISION).map(str::to_owned), platforms }
    }
}

impl Layout {
    /// Writes into the image's manifest that this release made it, of which commit, and for what. Its digest is another one then,
    /// and the same from the same commit; the index does not name it yet.
    ///
    /// A manifest in Docker's form has no place for it, and stays as it is.
    pub fn mark(&self, manifest: &Manifest, commit: Option<&str>, platform: &str) -> Result<Manifest> {
        if manifest.media_type != media_type::MANIFEST {
            return Ok(manifest.clone());
        }
        let mut document: Value = serde_json::from_slice(&manifest.bytes)?;
        ensure!(document.is_object(), "a manifest is an object");
        write(&mut document, commit);
        document["annotations"][PLATFORM] = json!(platform.parse::<Platform>()?.to_string());
        let marked = Manifest::parse(document.to_string().into_bytes(), &manifest.media_type)?;
        let write = || {
            std::fs::write(self.blob(&marked.digest), &marked.bytes)?;
            if marked.digest != manifest.digest {
                std::fs::remove_file(self.blob(&manifest.digest))?;
            }
            std::io::Result::Ok(())
        };
        write().with_context(|| format!("could not write the manifest into the layout {}", self.root.display()))?;
        Ok(marked)
    }
}

/// Into a manifest or an index.
pub(super) fn write(document: &mut Value, commit: Option<&str>) {
    let annotations = &mut document["annotations"];
    if annotations.is_null() {
        *annotations = json!({});
    }
    annotations[MADE_BY] = json!(US);
    if let Some(commit) = commit {
        annotations[REVISION] = json!(commit);
    }
}
