//! One image from registry to registry: blobs, manifests, what is attached, and the tag last.

use super::{Promotions, Sent, Wanted, plan};
use crate::aws::ecr::Put;
use crate::digest::Digest;
use crate::event::Event;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::oci::layout::Descriptor;
use crate::oci::registry::{Remote, Tree, failure};

/// Copies what the source has under the tag, with every platform and all that is attached.
pub(super) fn copy(stage: &Promotions<'_>, wanted: &Wanted<'_>) -> Result<Sent> {
    let Promotions { from, to, events, interrupt } = stage;
    let Wanted { image, from: source, digest, .. } = wanted;
    let tagged = from.ecr.tagged(&source.repository, &source.tag, digest)?.ok_or_else(|| moved(wanted))?;
    let there = from.registry.repository(&source.repository, events, interrupt);
    let here = to.registry.repository(image.repository(), events, interrupt);

    let tree = there.tree(vec![tagged.document().clone()]).map_err(failure)?;
    let evidence = there.attached(&tree).map_err(failure)?;
    let mut sent = send_blobs(stage, wanted, &[&tree, &evidence], (&there, &here))?;
    sent.evidence = evidence.documents.len();
    here.put_all(&tree.documents).map_err(failure)?;
    here.put_attached(&evidence.documents).map_err(failure)?;
    verify(&here, digest, &tree)?;
    if interrupt.is_set() {
        return Err(Failure::interrupted(format_args!(
            "interrupted before the tag {} was put; what arrived is not sent again",
            image.reference
        )));
    }
    match to.ecr.put_tagged(image.repository(), &tagged)? {
        Put::New | Put::AlreadyThere => Ok(sent),
        Put::TakenBy(holder) => Err(plan::taken(stage, wanted, holder.as_ref())),
    }
}

/// Sends the blobs that the target lacks.
fn send_blobs(
    stage: &Promotions<'_>,
    wanted: &Wanted<'_>,
    trees: &[&Tree],
    (there, here): (&Remote<'_>, &Remote<'_>),
) -> Result<Sent> {
    let Promotions { from, to, events, .. } = stage;
    let image = wanted.image;
    let blobs: Vec<&Descriptor> = trees.iter().flat_map(|tree| &tree.blobs).gather();
    let digests: Vec<Digest> = blobs.iter().map(|blob| blob.digest.clone()).gather();
    let missing = to.ecr.missing(image.repository(), &digests)?;
    let blobs: Vec<Descriptor> = blobs.into_iter().filter(|blob| missing.contains(&blob.digest)).cloned().gather();
    let same_registry = from.config.registry == to.config.registry && from.config.account == to.config.account;
    let progress = |sent, total| events.emit(Event::UploadProgress { image: image.name.clone(), sent, total });
    let uploaded = here.copy(there, same_registry, &blobs, &progress).map_err(failure)?;
    Ok(Sent { blobs: uploaded.blobs, bytes: uploaded.bytes, evidence: 0 })
}

/// Reads the image back from the target: the digest leads to the same documents there.
pub(super) fn verify(here: &Remote<'_>, digest: &Digest, tree: &Tree) -> Result<()> {
    let root = here.fetch(digest).map_err(failure)?;
    let found = here.tree(vec![root]).map_err(failure)?;
    if found == *tree {
        return Ok(());
    }
    Err(Failure::world(format_args!("the target answers another image under {digest} than the source; no tag was put")))
}

fn moved(wanted: &Wanted<'_>) -> Failure {
    let Wanted { image, from, digest, .. } = wanted;
    Failure::world(format_args!(
        "the tag {from} was moved while image `{}` was to be promoted: it was {digest}",
        image.name
    ))
    .help("run it again")
}
