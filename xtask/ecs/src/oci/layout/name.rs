//! What a layout is called, in the words of each tool that opens one.

use std::fs;
use std::io;

use anyhow::Result;
use serde_json::{Value, json};

use super::index::entry;
use super::writer::failed;
use super::{Layout, Manifest, Platform, media_type};
use crate::digest::Digest;
use crate::gather::Gather;
use crate::reference::Reference;

impl Layout {
    /// Makes the image the only one of the index, under its full name: `docker load` then knows it by that name, and
    /// skopeo and oras find it so. The image itself stays as it is.
    pub fn name(&self, manifest: &Manifest, platform: &str, reference: &Reference) -> Result<()> {
        let name = reference.to_string();
        let mut index = index(manifest, &platform.parse()?);
        index["manifests"][0]["annotations"] = json!({
            // containerd's own, which it and docker look at first. Source: containerd, core/images/annotations.go.
            "io.containerd.image.name": name,
            // Source: OCI image specification 1.1, annotations.md. Taken literally by skopeo and oras.
            "org.opencontainers.image.ref.name": name,
        });
        let blob = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
        // For engines that keep images in their own store and read no index. Source: moby, image/spec/v1.2.md.
        let docker = json!([{
            "Config": blob(&manifest.config.digest),
            "RepoTags": [name],
            "Layers": manifest.layers.iter().map(|layer| blob(&layer.digest)).gather::<Vec<_>>(),
        }]);
        self.replace("index.json", &index)
            .and_then(|()| self.replace("manifest.json", &docker))
            .map_err(|error| failed(&self.root, error))
    }

    fn replace(&self, name: &str, document: &Value) -> io::Result<()> {
        let partial = self.root.join(format!(".{name}.partial"));
        fs::write(&partial, document.to_string())?;
        fs::rename(partial, self.root.join(name))
    }
}

/// An index of one image.
pub(super) fn index(manifest: &Manifest, platform: &Platform) -> Value {
    let entry = entry(&manifest.descriptor(), platform);
    json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [entry] })
}
