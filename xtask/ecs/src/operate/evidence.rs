//! What is attached to a released image.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::aws::ecr::Signing;
use crate::aws::{AwsError, Session};
use crate::config::{Config, Evidence, Image};
use crate::context::Context;
use crate::digest::Digest;
use crate::evidence::{Attached, CYCLONEDX};
use crate::failure::{Failure, Result};
use crate::gate::Record;
use crate::gather::Gather;
use crate::oci::layout::Index;
use crate::oci::registry::{Registry, failure};
use crate::platform::Platform;
use crate::sorted::Arrange;

/// One thing that is attached.
pub(crate) struct Piece {
    pub digest: Digest,
    attached: Attached,
}

impl Piece {
    /// What it is: a kind of ours, else the type that it states.
    pub(crate) fn name(&self) -> &str {
        match self.attached.kind {
            Some(kind) => kind.name(),
            None => &self.attached.artifact_type,
        }
    }

    /// What a verdict says; nothing of others.
    pub(crate) fn says(&self) -> String {
        let Some(record) = self.record() else { return String::new() };
        let verdict =
            if record.passed { "passed".to_owned() } else { format!("refused: {}", record.findings.join(", ")) };
        format!("{} by {}: {verdict}", record.day, record.scanner)
    }

    pub(crate) fn data(&self) -> Value {
        let mut data = json!({ "kind": self.name(), "digest": self.digest });
        if let Some(statement) = &self.attached.bytes {
            data["content"] = serde_json::from_slice(statement).unwrap_or_default();
        }
        data
    }

    fn record(&self) -> Option<Record> {
        (self.attached.kind == Some(Evidence::Verdict)).then_some(())?;
        Record::read(self.attached.bytes.as_ref()?)
    }
}

/// A digest, and all that is attached to it: verdicts first, the newest of them first.
pub(crate) struct Told {
    /// Absent of what the tag is on.
    pub platform: Option<Platform>,
    pub digest: Digest,
    pub pieces: Vec<Piece>,
    /// What became of signing it; whoever asks may not be allowed to know.
    pub signing: Result<Vec<Signing>, AwsError>,
}

/// What the tag of an image is on, and then, where that is an index, the image of each platform.
pub(crate) fn told(config: &Config, session: &Session, image: &Image) -> Result<Vec<Told>> {
    let digest = released(config, session, image)?;
    let platforms = platforms(session, image, &digest)?;
    let one = |(platform, digest): (Option<Platform>, Digest)| -> Result<Told> {
        let signing = session.ecr().signing(image.repository(), &digest);
        Ok(Told { platform, pieces: pieces(session, image, &digest)?, digest, signing })
    };
    let each = platforms.into_iter().map(|(platform, digest)| (Some(platform), digest));
    [(None, digest)].into_iter().chain(each).map(one).collect()
}

/// The images of an index; none of what is an image itself.
fn platforms(session: &Session, image: &Image, digest: &Digest) -> Result<Vec<(Platform, Digest)>> {
    let manifests = session.ecr().manifests(image.repository(), std::slice::from_ref(digest))?;
    let mut found = Vec::new();
    for index in manifests.iter().filter_map(|(_, manifest)| Index::parse(manifest.as_bytes()).ok()) {
        for entry in index.entries().filter(|entry| entry.is_image()) {
            found.extend(entry.platform.clone().map(|platform| (platform, entry.descriptor.digest.clone())));
        }
    }
    Ok(found)
}

fn pieces(session: &Session, image: &Image, digest: &Digest) -> Result<Vec<Piece>> {
    let attached = session.ecr().attached(image.repository(), digest, None)?;
    let read =
        |(digest, manifest): (Digest, String)| Some(Piece { digest, attached: Attached::read(manifest.as_bytes())? });
    let mut pieces: Vec<Piece> = attached.into_iter().filter_map(read).gather();
    let rank = |piece: &Piece| piece.attached.kind.map_or(3, |kind| kind as u8);
    pieces.arrange_by(|one, other| {
        let newest = |piece: &Piece| piece.record().map(|record| (record.day, record.database));
        rank(one).cmp(&rank(other)).then_with(|| newest(other).cmp(&newest(one))).then(one.digest.cmp(&other.digest))
    });
    Ok(pieces)
}

/// The list of contents that is attached to what is under an image's tag; `None` where none is.
///
/// An index holds nothing itself: of several platforms one has to be named.
pub(crate) fn contents(
    context: &Context,
    session: &Session,
    image: &Image,
    platform: Option<&Platform>,
) -> Result<Option<Vec<u8>>> {
    let config = context.config()?;
    let digest = released(config, session, image)?;
    let digest = one_of(image, digest.clone(), platforms(session, image, &digest)?, platform)?;
    let attached = session.ecr().attached(image.repository(), &digest, Some(CYCLONEDX))?;
    let Some(found) = attached.iter().find_map(|(_, manifest)| Attached::read(manifest.as_bytes())) else {
        return Ok(None);
    };
    if found.bytes.is_some() {
        return Ok(found.bytes);
    }
    let registry = Registry::new(&config.registry, Some(Arc::new(session.ecr())));
    let remote = registry.repository(image.repository(), context.events(), context.interrupt());
    let file = config.target.join("xtask/cache/blobs").join(found.blob.digest.hex());
    remote.blob(&found.blob, &file).map_err(failure)?;
    let read = |error| Failure::world(format_args!("{} could not be read: {error}", file.display()));
    std::fs::read(&file).map(Some).map_err(read)
}

fn one_of(
    image: &Image,
    tagged: Digest,
    platforms: Vec<(Platform, Digest)>,
    wanted: Option<&Platform>,
) -> Result<Digest> {
    let names: Vec<String> = platforms.iter().map(|(platform, _)| platform.to_string()).gather();
    match wanted {
        // What is one image is what there is, whatever it is for.
        _ if platforms.is_empty() => Ok(tagged),
        Some(wanted) => match platforms.into_iter().find(|(platform, _)| platform == wanted) {
            Some((_, digest)) => Ok(digest),
            None => Err(Failure::usage(format_args!("image `{}` is not for {wanted}", image.name))
                .help(format!("it is for {}", names.join(", ")))),
        },
        None => {
            Err(Failure::usage(format_args!("image `{}` is for several platforms: {}", image.name, names.join(", ")))
                .help("name one of them with --platform"))
        }
    }
}

fn released(config: &Config, session: &Session, image: &Image) -> Result<Digest> {
    let found = session.ecr().find(&[(image.repository(), image.tag())]).pop().transpose()?.flatten();
    found.map(|found| found.digest).ok_or_else(|| {
        Failure::conflict(format_args!("image {} is not in ECR: {} was not found", image.name, image.reference))
            .help(format!("release it first: `{} {}`", config.command("release"), image.name))
    })
}
