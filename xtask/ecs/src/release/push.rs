//! The upload beside the scan.

use std::sync::{Arc, PoisonError};

use super::build::Built;
use super::login::DockerLogin;
use super::look::{self, Look, Seen};
use super::{Making, parts};
use crate::aws::ecr::Ecr;
use crate::beside::both;
use crate::config::{Config, Image};
use crate::digest::Digest;
use crate::event::{Event, Step};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Passed, Record, Scanned, Verdict};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::oci::layout::Descriptor;
use crate::oci::registry::{Credentials, Registry, failure};
use crate::reference::Repository;

/// Scans the layout while its blobs travel; a blob without a tag publishes nothing. Returns the proof that this
/// digest passed, and what to write down of it, with every blob in the repository.
pub(super) fn scan_and_upload(making: &Making<'_>, built: &Built) -> Result<(Passed, Record)> {
    let Making { image, events, interrupt, line, place, .. } = *making;
    let stop = interrupt.child();
    let scan = || {
        let turn = line.scans.take(place, interrupt).ok_or_else(|| stopped(image));
        let verdict = turn.and_then(|_turn| events.step(Step::Scan, &image.name, || verdict(making, built)));
        if verdict.is_err() {
            stop.set();
        }
        verdict
    };
    let (uploaded, verdict) = both(|| upload(making, built, &stop), scan);
    let passed = verdict?;
    uploaded?;
    Ok(passed)
}

fn stopped(image: &Image) -> Failure {
    Failure::interrupted(format_args!("interrupted before image `{}` was scanned and sent; no tag was put", image.name))
}

fn verdict(making: &Making<'_>, built: &Built) -> Result<(Passed, Record)> {
    let Making { config, image, scanner, events, interrupt, .. } = *making;
    let look = Look { config, image, scanner, events, interrupt };
    let Seen { report, verdict } = look.at(built)?;
    match verdict {
        Verdict::Passed(passed) => {
            let (manifest, summary, folder) = (&built.manifest, passed.summary(), &*built.folder);
            let scanned = Scanned { image, manifest, report: &report, summary, folder };
            let one_at_a_time = making.line.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let refused = making.gates.iter().find_map(|gate| gate(&scanned).err());
            drop(one_at_a_time);
            look.tell(built, summary, refused.is_none());
            if let Some(why) = refused {
                return Err(refused_by_own_gate(image, why));
            }
            let record = look.record((&manifest.digest, true), &report, summary);
            Ok((passed, record))
        }
        Verdict::Refused(summary) => {
            look.tell(built, &summary, false);
            if !making.share.tags() {
                parts::write(making, &look.record((&built.manifest.digest, false), &report, &summary))?;
            }
            Err(look::refused(image, &summary).and("no tag was put"))
        }
    }
}

fn refused_by_own_gate(image: &Image, why: anyhow::Error) -> Failure {
    why.downcast().unwrap_or_else(|why| {
        let message = format!("image `{}` is refused by a gate of this repository: {why:#}", image.name);
        Failure::new(Ending::Refused, message).help("no tag was put")
    })
}

/// Sends what the repository lacks: first what no other image of this release has, then, when those before it are there,
/// what can be mounted from them. `stop` ends it before its end.
fn upload(making: &Making<'_>, built: &Built, stop: &Interrupt) -> Result<()> {
    let Making { image, line, place, .. } = *making;
    let (repository, mounts) = (image.repository(), &line.mounts);
    let (shared, own): (Vec<Descriptor>, Vec<Descriptor>) =
        built.manifest.blobs().cloned().partition(|blob| mounts.may_have(place, repository, &blob.digest));
    send(making, built, &own, (&[], stop))?;
    if shared.is_empty() {
        return Ok(());
    }
    let elsewhere = mounts.wait(place, repository, stop);
    send(making, built, &shared, (&elsewhere, stop))
}

fn send(
    making: &Making<'_>,
    built: &Built,
    blobs: &[Descriptor],
    (elsewhere, stop): (&[(Digest, Repository)], &Interrupt),
) -> Result<()> {
    let Making { image, ecr, events, line, place, .. } = *making;
    let _turn = line.uploads.take(place, stop).ok_or_else(|| stopped(image))?;
    let digests: Vec<_> = blobs.iter().map(|blob| blob.digest.clone()).gather();
    let missing = ecr.missing(image.repository(), &digests)?;
    let blobs: Vec<Descriptor> = blobs.iter().filter(|blob| missing.contains(&blob.digest)).cloned().gather();
    let progress = |sent, total| events.emit(Event::UploadProgress { image: image.name.clone(), sent, total });
    let remote = line.registry.repository(image.repository(), events, stop);
    let uploaded = remote.upload_or_mount(&built.layout, &blobs, elsewhere, &progress).map_err(failure)?;
    if uploaded.mounted == 0 && blobs.iter().any(|blob| elsewhere.iter().any(|(digest, _)| *digest == blob.digest)) {
        line.mounts.are_in_vain();
    }
    Ok(())
}

/// A registry by host: this workspace's with ECR's token, any other with what docker has for it.
pub(super) fn registry(config: &Config, ecr: &Ecr, host: &str, interrupt: &Interrupt) -> Registry {
    let credentials: Arc<dyn Credentials> =
        if host == config.registry { Arc::new(ecr.clone()) } else { Arc::new(DockerLogin::new(host, interrupt)) };
    Registry::new(host, Some(credentials))
}
