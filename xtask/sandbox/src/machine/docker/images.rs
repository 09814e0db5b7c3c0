//! Images on their way into an engine.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Inner, PULL, said};
use crate::machine::container::text;
use crate::machine::image::{Image, path};
use crate::machine::locked;

impl Inner {
    /// The name that the engine has for an image, once it has it.
    pub(super) fn image(&self, image: &Image) -> Result<String, String> {
        let digest = &image.stored.digest;
        // Each is pulled once, and no other one waits for that.
        let own = Arc::clone(locked(&self.images).entry(digest.clone()).or_default());
        let mut known = locked(&own);
        if let Some(name) = &*known {
            return Ok(name.clone());
        }
        let repository = format!("{}/{}", self.registry, image.stored.path());
        let pulled = format!("{repository}@{digest}");
        let loaded = format!("{repository}:{}", digest.trim_start_matches("sha256:"));
        let name = match self.pull(&pulled, &image.platform) {
            Ok(()) => pulled,
            Err(why) => match self.load(image, &loaded) {
                Ok(()) => loaded,
                Err(error) => return Err(format!("CannotPullContainerError: {why}; docker load: {error}")),
            },
        };
        Ok(known.insert(name).clone())
    }

    /// An engine without the containerd image store goes nowhere with a registry that asks for a login, where it has none.
    fn pull(&self, name: &str, platform: &str) -> Result<(), String> {
        let host = self.address.clone()?;
        let folder = tempfile::tempdir_in(&self.folder).map_err(|error| error.to_string())?;
        let logins = json!({ "auths": { self.host(): { "auth": STANDARD.encode(format!("AWS:{}", self.word)) } } });
        fs::write(folder.path().join("config.json"), logins.to_string()).map_err(|error| error.to_string())?;
        let mut pull = self.engine.docker(["pull", "--quiet", "--platform", platform, name]);
        pull.env("DOCKER_CONFIG", folder.path()).env("DOCKER_HOST", host);
        said(pull, PULL).map(drop)
    }

    fn host(&self) -> &str {
        self.registry.split('/').next().unwrap_or_default()
    }

    /// Gives the engine an image, as a layout in a tar.
    fn load(&self, image: &Image, name: &str) -> Result<(), String> {
        let folder = tempfile::tempdir_in(&self.folder).map_err(|error| error.to_string())?;
        layout(image, name, folder.path()).map_err(|error| error.to_string())?;
        let archive = folder.path().join("image.tar");
        let mut tar = Command::new("tar");
        tar.arg("-C").arg(folder.path()).arg("-chf").arg(&archive).args([
            "oci-layout",
            "index.json",
            "manifest.json",
            "blobs",
        ]);
        said(tar, PULL)?;
        let mut load = self.engine.docker(["load", "--quiet", "--input"]);
        load.arg(&archive);
        said(load, PULL).map(drop)
    }
}

/// An OCI image layout of links to the store's blobs, with the `manifest.json` that an engine without the containerd image
/// store reads. Source: OCI Image Format, "Image Layout".
fn layout(image: &Image, name: &str, folder: &Path) -> std::io::Result<()> {
    let (manifest, blobs) = (image.stored.manifest(), folder.join("blobs/sha256"));
    fs::create_dir_all(&blobs)?;
    for blob in manifest["layers"].as_array().into_iter().flatten().chain([&manifest["config"]]) {
        let (from, to) = (path(&image.stored.blobs, blob), path(&blobs, blob));
        // Two layers may be the same.
        if !to.exists() {
            std::os::unix::fs::symlink(from, to)?;
        }
    }
    let own = &image.stored.text;
    fs::write(path(&blobs, &json!({ "digest": image.stored.digest })), own)?;
    fs::write(folder.join("oci-layout"), json!({ "imageLayoutVersion": "1.0.0" }).to_string())?;
    let annotations = json!({ "io.containerd.image.name": name, "org.opencontainers.image.ref.name": name });
    let descriptor = json!({ "mediaType": manifest["mediaType"], "digest": image.stored.digest, "size": own.len(),
        "annotations": annotations });
    let index = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [descriptor] });
    fs::write(folder.join("index.json"), index.to_string())?;
    let file = |blob: &Value| format!("blobs/{}", text(&blob["digest"]).replace(':', "/"));
    let layers: Vec<String> = manifest["layers"].as_array().into_iter().flatten().map(file).collect();
    let saved = json!([{ "Config": file(&manifest["config"]), "RepoTags": [name], "Layers": layers }]);
    fs::write(folder.join("manifest.json"), saved.to_string())
}
