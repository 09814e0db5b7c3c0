//! The layers of an image's last build, lent to the next one.
//!
//! BuildKit looks into the layout it writes before it sends a blob, and passes over those that are there. A base of
//! 200 MB is most of an export's time, and the same from one build to the next. Everything here is for speed alone: what
//! does not work leaves a build that takes longer.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher};
use crate::gather::Gather as _;
use crate::oci::layout::{Layout, Manifest};
use crate::sorted::SortedSet;

/// `target/xtask/known/IMAGE/HEX`: hard links to the layers of the last build.
pub(super) struct Known {
    folder: PathBuf,
}

impl Known {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Links the layers into the layout that is about to be written: those whose bytes are still what their name says.
    /// Others are forgotten.
    pub(super) fn lend(&self, layout: &Path) {
        let blobs = layout.join("blobs").join("sha256");
        for layer in self.layers() {
            let known = self.folder.join(layer.hex());
            if digest_of(&known).is_ok_and(|found| found == layer) {
                if fs::create_dir_all(&blobs).is_ok() {
                    fs::hard_link(&known, blobs.join(layer.hex())).ok();
                }
            } else {
                fs::remove_file(&known).ok();
            }
        }
    }

    /// Keeps the layers of what was built, and takes back from its layout those that were lent in vain.
    pub(super) fn keep(&self, layout: &Layout, manifest: &Manifest) {
        let wanted: SortedSet<&Digest> = manifest.layers.iter().map(|layer| &layer.digest).gather();
        for layer in self.layers().iter().filter(|layer| !wanted.contains(layer)) {
            fs::remove_file(layout.blob(layer)).ok();
            fs::remove_file(self.folder.join(layer.hex())).ok();
        }
        if fs::create_dir_all(&self.folder).is_ok() {
            for layer in wanted {
                // There already where it was lent.
                fs::hard_link(layout.blob(layer), self.folder.join(layer.hex())).ok();
            }
        }
    }

    fn layers(&self) -> Vec<Digest> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files.filter_map(|file| format!("sha256:{}", file.file_name().to_string_lossy()).parse().ok()).gather()
    }
}

fn digest_of(path: &Path) -> std::io::Result<Digest> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Hasher::new(), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::oci::layout::{Descriptor, media_type};

    /// A layout of these layers, in a folder that may hold lent ones.
    fn write(root: &Path, layers: &[&[u8]]) -> (Layout, Manifest) {
        let blobs = root.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let describe = |bytes: &[u8]| {
            let digest = Digest::of(bytes);
            if !blobs.join(digest.hex()).exists() {
                fs::write(blobs.join(digest.hex()), bytes).unwrap();
            }
            Descriptor { media_type: media_type::LAYER.to_owned(), digest, size: bytes.len() as u64 }
        };
        let manifest = Manifest {
            digest: Digest::of(b"manifest"),
            media_type: media_type::MANIFEST.to_owned(),
            bytes: b"manifest".to_vec(),
            config: describe(b"config"),
            layers: layers.iter().map(|layer| describe(layer)).collect(),
        };
        (Layout::open(root).unwrap(), manifest)
    }

    fn files(folder: &Path) -> SortedSet<String> {
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).gather()
    }

    fn names(blobs: &[&[u8]]) -> SortedSet<String> {
        blobs.iter().map(|blob| Digest::of(blob).hex().to_owned()).gather()
    }

    #[test]
    fn the_layers_of_one_build_are_lent_to_the_next_and_taken_back_where_it_has_others() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("first"), folder.path().join("second"));
        let known = Known::new(folder.path().join("known"));
        known.lend(&first);
        assert!(!first.exists(), "nothing is known yet");
        let (layout, manifest) = write(&first, &[b"base", b"one"]);
        known.keep(&layout, &manifest);
        fs::remove_dir_all(&first).unwrap();

        known.lend(&second);
        assert_eq!(files(&second.join("blobs/sha256")), names(&[b"base", b"one"]));
        let (layout, manifest) = write(&second, &[b"base", b"two"]);
        known.keep(&layout, &manifest);
        assert_eq!(files(&second.join("blobs/sha256")), names(&[b"config", b"base", b"two"]));
        assert_eq!(files(&folder.path().join("known")), names(&[b"base", b"two"]));
    }

    #[test]
    fn a_layer_that_was_touched_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let known = Known::new(folder.path().join("known"));
        let (layout, manifest) = write(&folder.path().join("first"), &[b"base", b"one"]);
        known.keep(&layout, &manifest);
        fs::write(folder.path().join("known").join(Digest::of(b"base").hex()), b"bass").unwrap();

        let second = folder.path().join("second");
        known.lend(&second);
        assert_eq!(files(&second.join("blobs/sha256")), names(&[b"one"]));
        assert_eq!(files(&folder.path().join("known")), names(&[b"one"]));
    }
}
