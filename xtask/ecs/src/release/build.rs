//! An image's layout, by whatever builds it: nothing that is not complete is ever under its name.

mod buildx;
mod cache;
mod known;
mod native;
mod own;

use std::cell::Cell;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use self::buildx::Buildx;
use self::known::Known;
use self::native::Native;
pub use self::own::Builders;
use super::Making;
use super::turns::Turn;
use crate::binary;
use crate::commit::Commit;
use crate::config::{Builder, Config, Image, Program};
use crate::event::{Event, Events, Layer};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Layout, Manifest};

/// A way to build.
trait Build {
    /// Writes the layout.
    fn build(&self, order: &Order<'_>) -> Result<()>;
}

/// What is to be built, and from what.
#[non_exhaustive]
pub struct Order<'a> {
    /// The whole configuration.
    pub config: &'a Config,
    /// What is to be built; of several platforms one.
    pub image: &'a Image,
    /// What it is built of; its time makes the same bytes of the same commit.
    pub commit: &'a Commit,
    /// The folder for the OCI layout (`oci-layout`, `index.json`, `blobs/`), which is not there yet. It takes one image,
    /// for the platform of `image`.
    pub into: &'a Path,
    /// Where a builder tells what it does.
    pub events: &'a Events,
    /// At which a builder stops.
    pub interrupt: &'a Interrupt,
}

/// A complete layout. Its folder is `FOLDER/layout`.
#[derive(Debug)]
pub(super) struct Built {
    pub folder: PathBuf,
    pub layout: Layout,
    pub manifest: Manifest,
}

/// Keeps another release of this workspace off an image's folder, until it is dropped. What a process leaves behind by
/// dying holds nobody up: the lock goes with it.
pub(super) fn lock(config: &Config, image: &Image) -> Result<File> {
    let path = folder(config, image).with_extension("lock");
    let parent = path.parent().unwrap_or(&config.target);
    let file =
        std::fs::create_dir_all(parent).and_then(|()| File::create(&path)).map_err(|error| disk(&path, &error))?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            Err(Failure::world(format_args!("another release in this workspace is at work on image `{}`", image.name))
                .help("wait for its end; a release after that finds what it has put into ECR"))
        }
        // Some network file systems have no locks: the checks by digest stand without them.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(file),
    }
}

fn folder(config: &Config, image: &Image) -> PathBuf {
    config.target.join("xtask/images").join(image.folder())
}

/// Builds one image into `target/xtask/images/NAME/layout`. A layout that is not complete is never under that name.
/// `turn` is the one that its build begins with.
pub(super) fn build(making: &Making<'_>, turn: Turn<'_>) -> Result<Built> {
    let Making { config, image, commit, events, interrupt, .. } = *making;
    let folder = folder(config, image);
    let (partial, complete) = (folder.join("partial"), folder.join("layout"));
    // All of it: the scanner runs here, and takes a .trivyignore for its orders.
    remove(&folder)?;
    std::fs::create_dir_all(&folder).map_err(|error| disk(&folder, &error))?;

    let turn = Cell::new(Some(turn));
    let known = Known::new(config.target.join("xtask/known").join(image.folder()));
    let order = Order { config, image, commit, into: &partial, events, interrupt };
    match &image.builder {
        Builder::Dockerfile(dockerfile) => {
            known.lend(&partial);
            Buildx { dockerfile, making, turn: &turn }.build(&order)?;
        }
        Builder::Package(package) => Native { package, ecr: making.ecr }.build(&order)?,
        Builder::Own(own) => own::Named { own, builders: making.builders }.build(&order)?,
    }
    let layout = Layout::open(&partial)?;
    let written = layout.mark(&layout.manifest(image.platform())?, commit.revision.as_deref(), image.platform())?;
    layout.name(&written, image.platform(), &image.reference)?;
    std::fs::rename(&partial, &complete).map_err(|error| disk(&complete, &error))?;
    let layout = Layout::open(&complete)?;
    if matches!(image.builder, Builder::Dockerfile(_)) {
        known.keep(&layout, &written);
    }
    events.emit(Event::ImageBuilt {
        image: image.name.clone(),
        digest: written.digest.clone(),
        layers: written
            .layers
            .iter()
            .map(|layer| Layer { digest: layer.digest.clone(), size: layer.size, media_type: layer.media_type.clone() })
            .gather(),
    });
    // Before the next image is built, which may have the same base.
    making.line.mounts.bring(
        making.place,
        image.repository(),
        written.blobs().map(|blob| blob.digest.clone()).gather(),
    );
    drop(turn);
    Ok(Built { folder, layout, manifest: written })
}

/// How the programs of an image are compiled.
fn compilation(order: &Order<'_>) -> binary::Request {
    let Order { config, image, commit, .. } = order;
    binary::Request {
        image: image.name.clone(),
        root: config.root.clone(),
        program: Program::new(""),
        platform: image.platform().to_owned(),
        target: None,
        profile: "release".to_owned(),
        target_dir: config.target.join("xtask/build"),
        out_dir: config.target.join("xtask/binaries").join(image.folder()),
        source_date_epoch: commit.time,
    }
}

/// An interrupt, in the words that every builder has for it.
fn told(failure: Failure, image: &Image) -> Failure {
    if failure.ending == Ending::Interrupted { interrupted(&image.name) } else { failure }
}

fn interrupted(image: &str) -> Failure {
    Failure::interrupted(format_args!("interrupted while image `{image}` was built; nothing was pushed"))
}

fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk(folder, &error)),
        _ => Ok(()),
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    let fix = match error.kind() {
        std::io::ErrorKind::StorageFull => "the disk is full: free some space and run it again",
        std::io::ErrorKind::PermissionDenied => "check who owns the folder",
        _ => "",
    };
    Failure::world(format_args!("could not write {}: {error}", path.display())).help(fix)
}
