//! Where the layers of builds are kept, in the words of buildx.
//! Source: docs.docker.com, "Cache storage backends".

use std::path::Path;

use crate::config::{Cache, Image};

/// What `cache-from` and `cache-to` say of one place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub from: Option<String>,
    pub to: String,
}

impl Place {
    /// `None` where this machine has no such place. `target` is cargo's folder; `is_set` answers for variables.
    pub(super) fn of(cache: Cache, image: &Image, target: &Path, is_set: &dyn Fn(&str) -> bool) -> Option<Self> {
        let name = image.folder().display().to_string().replace('/', "-");
        match cache {
            Cache::Registry => {
                let place = format!("{}/{}:{name}", image.reference.registry, image.cache_repository()?);
                // What ECR takes is an image manifest, under OCI's names.
                let to = format!("type=registry,ref={place},mode=max,image-manifest=true,oci-mediatypes=true");
                Some(Self { from: Some(format!("type=registry,ref={place}")), to })
            }
            Cache::Gha => is_set(TOKEN).then(|| Self {
                from: Some(format!("type=gha,scope={name}")),
                to: format!("type=gha,scope={name},mode=max"),
            }),
            Cache::Local => {
                let folder = target.join("xtask/layers").join(name);
                let field = |key: &str| format!("type=local,\"{key}={}\"", folder.display());
                let from = folder.join("index.json").exists().then(|| field("src"));
                Some(Self { from, to: format!("{},mode=max", field("dest")) })
            }
        }
    }
}

/// What GitHub's cache is asked with, which its runner shows to actions and to no plain step.
pub(super) const TOKEN: &str = "ACTIONS_RUNTIME_TOKEN";

/// What became of caches, by the lines that a build prints: `#7 exporting cache to registry`, `#7 ERROR: why`.
#[derive(Default)]
pub(super) struct Watch {
    exports: Vec<String>,
    imports: Vec<String>,
    /// Why a cache was not written.
    pub not_written: Option<String>,
    /// Why one was not read.
    pub not_read: Option<String>,
}

impl Watch {
    pub(super) fn see(&mut self, line: &str) {
        let Some((step, rest)) = line.split_once(' ').filter(|(step, _)| step.starts_with('#')) else { return };
        if rest.starts_with("exporting cache") {
            self.exports.push(step.to_owned());
        } else if rest.starts_with("importing cache") {
            self.imports.push(step.to_owned());
        } else if let Some(why) = rest.strip_prefix("ERROR: ") {
            let is_of = |steps: &[String]| steps.iter().any(|known| known == step);
            if is_of(&self.exports) {
                self.not_written = Some(why.to_owned());
            } else if is_of(&self.imports) && !why.ends_with(": not found") {
                // The first build finds none.
                self.not_read = Some(why.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_that_fails_is_known_by_its_own_step_and_one_that_is_not_there_yet_is_no_failure() {
        let mut watch = Watch::default();
        for line in [
            "#3 importing cache manifest from r/app-cache:app",
            "#3 ERROR: r/app-cache:app: not found",
            "#4 [1/2] RUN make",
            "#4 1.2 #9 ERROR: printed by make",
            "#9 exporting cache to registry",
            "#9 ERROR: failed to push r/app-cache:app: 403 Forbidden",
        ] {
            watch.see(line);
        }
        assert_eq!(watch.not_read, None);
        assert_eq!(watch.not_written.as_deref(), Some("failed to push r/app-cache:app: 403 Forbidden"));
        let mut failed = Watch::default();
        failed.see("#4 [1/2] RUN make");
        failed.see("#4 ERROR: process \"make\" did not complete successfully: exit code: 2");
        assert_eq!((failed.not_written, failed.not_read), (None, None));
    }
}
