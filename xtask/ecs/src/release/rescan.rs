//! A released digest, scanned again with today's database.

use std::path::PathBuf;

use serde::Serialize;

use super::attach::Putting;
use super::build::Built;
use super::look::{self, Look, Seen};
use super::scanner::find_trivy;
use super::{Releases, push};
use crate::config::{Config, Evidence, Image, images_named};
use crate::digest::Digest;
use crate::event::Step;
use crate::evidence::{Made, Signer};
use crate::failure::{Failure, Result};
use crate::gate::{Record, Scanner, Verdict};
use crate::gather::Gather;
use crate::oci::layout::{Descriptor, Index, LayoutWriter, media_type};
use crate::oci::registry::{Document, Remote, failure};
use crate::reference::Pinned;
use crate::stage::Ended;

/// What a second look at a released image said.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rescanned {
    pub image: String,
    pub tag: String,
    pub digest: Digest,
    pub reference: Pinned,
    pub passed: bool,
    pub scanner: String,
    /// The ids of the findings that refuse.
    pub findings: Vec<String>,
}

impl Releases<'_> {
    /// Scans the released digest of each image again, all of them for no name, and attaches the verdict, whatever it is.
    ///
    /// Fails (exit 3) where one is refused, and (exit 8) where one is not released.
    pub(crate) fn rescan(&self, names: &[String]) -> Ended<Vec<Rescanned>> {
        let mut done = Vec::new();
        let result = self.rescan_into(&mut done, names);
        Ended { done, result }
    }

    fn rescan_into(&self, done: &mut Vec<Rescanned>, names: &[String]) -> Result<()> {
        let Self { config, session, events, interrupt, .. } = *self;
        let images = images_named(config, names)?;
        let wanted: Vec<_> = images.iter().map(|image| (image.repository(), image.tag())).gather();
        let (mut problems, mut released) = (Vec::new(), Vec::new());
        for (&image, found) in images.iter().zip(session.ecr().find(&wanted)) {
            match found {
                Ok(Some(found)) => released.push((image, found.digest)),
                Ok(None) => problems.push(
                    Failure::conflict(format_args!(
                        "image {} is not in ECR: {} was not found",
                        image.name, image.reference
                    ))
                    .help(format!(
                        "release it first: `{} {}`",
                        config.command("release"),
                        image.name
                    )),
                ),
                Err(error) => problems.push(error.into()),
            }
        }
        if !problems.is_empty() {
            return Err(Failure::together(problems));
        }
        let signer = Signer::open(config, session)?;
        let trivy;
        let scanner: &dyn Scanner = if let Some(own) = self.scanner {
            own
        } else {
            trivy = find_trivy(config, events, interrupt)?;
            &trivy
        };
        let mut refused = Vec::new();
        for (image, digest) in released {
            let (one, failure) = self.look_again(image, &digest, (scanner, signer.as_ref()))?;
            done.push(one);
            refused.extend(failure);
        }
        if refused.is_empty() { Ok(()) } else { Err(Failure::together(refused)) }
    }

    fn look_again(
        &self,
        image: &Image,
        digest: &Digest,
        (scanner, signer): (&dyn Scanner, Option<&Signer>),
    ) -> Result<(Rescanned, Option<Failure>)> {
        let Self { config, session, events, interrupt, .. } = *self;
        let registry = push::registry(config, &session.ecr(), &config.registry, interrupt);
        let remote = registry.repository(image.repository(), events, interrupt);
        let putting = Putting { remote: &remote, session, signer, events };
        let subject = remote.fetch(digest).map_err(failure)?;
        let mut looks = Vec::new();
        let mut record = if subject.is_index() {
            for part in parts(image, &subject)? {
                looks.push(self.look_at(&part, digest, scanner, &putting)?);
            }
            let records: Vec<Record> = looks.iter().map(|(record, _)| record.clone()).gather();
            let record = Record::of_index(digest, &records).ok_or_else(|| no_image(image))?;
            attach(&record, image, &subject.descriptor(), &putting)?;
            record
        } else {
            looks.push(self.look_at(image, digest, scanner, &putting)?);
            looks[0].0.clone()
        };
        let one = Rescanned {
            image: image.name.clone(),
            tag: image.tag().to_string(),
            digest: digest.clone(),
            reference: image.reference.pin(digest.clone()),
            passed: record.passed,
            scanner: scanner.name(),
            findings: std::mem::take(&mut record.findings),
        };
        let refused: Vec<Failure> = looks.into_iter().filter_map(|(_, refused)| refused).gather();
        Ok((one, (!refused.is_empty()).then(|| Failure::together(refused))))
    }

    /// Scans one image, and attaches the verdict to it.
    fn look_at(
        &self,
        image: &Image,
        digest: &Digest,
        scanner: &dyn Scanner,
        putting: &Putting<'_>,
    ) -> Result<(Record, Option<Failure>)> {
        let Self { config, events, interrupt, .. } = *self;
        let built = fetch(config, image, digest, putting.remote)?;
        let look = Look { config, image, scanner, events, interrupt };
        let Seen { report, verdict } = events.step(Step::Scan, &image.name, || look.at(&built))?;
        let (passed, summary) = match &verdict {
            Verdict::Passed(passed) => (true, passed.summary()),
            Verdict::Refused(summary) => (false, summary),
        };
        look.tell(&built, summary, passed);
        let record = look.record((&built.manifest.digest, passed), &report, summary);
        attach(&record, image, &built.manifest.descriptor(), putting)?;
        let refused = || look::refused(image, summary).and("its verdict is attached, and its tag stays");
        Ok((record, (!passed).then(refused)))
    }
}

fn attach(record: &Record, image: &Image, to: &Descriptor, putting: &Putting<'_>) -> Result<()> {
    putting.put(image, to, vec![Made { kind: Evidence::Verdict, bytes: record.statement(), sealed: false }])
}

/// The images of an index, whatever the configuration builds today: a platform that was not scanned is no pass.
fn parts(image: &Image, index: &Document) -> Result<Vec<Image>> {
    let index = Index::parse(&index.bytes)?;
    let mut parts = Vec::new();
    for entry in index.entries() {
        let Some(platform) = entry.platform.as_ref().filter(|_| entry.is_image()) else {
            let what = &entry.descriptor.digest;
            return Err(Failure::world(format_args!(
                "the index of image {} names {what}, and not what it runs on, so it cannot be scanned: no verdict was attached",
                image.name
            )));
        };
        parts.push(image.part(&platform.to_string()));
    }
    Ok(parts)
}

fn no_image(image: &Image) -> Failure {
    Failure::world(format_args!("the index of image {} names no image: no verdict was attached", image.name))
}

/// Fetches the image that was built for the configuration's platform, every blob of it checked.
fn fetch(config: &Config, image: &Image, digest: &Digest, remote: &Remote<'_>) -> Result<Built> {
    let folder = config.target.join("xtask/rescan").join(image.folder());
    let blobs: PathBuf = config.target.join("xtask/cache/blobs");
    let manifest = remote.manifest(digest, image.platform()).map_err(failure)?;
    if manifest.media_type != media_type::MANIFEST {
        return Err(Failure::world(format_args!(
            "image {} is of another kind than a release makes: {}",
            image.name, manifest.media_type
        )));
    }
    let writer = LayoutWriter::create(&folder.join("layout"))?;
    for blob in manifest.blobs() {
        let file = blobs.join(blob.digest.hex());
        remote.blob(blob, &file).map_err(failure)?;
        writer.link_blob(&file, blob)?;
    }
    let (layout, manifest) = writer.finish(manifest.bytes, image.platform())?;
    Ok(Built { folder, layout, manifest })
}
