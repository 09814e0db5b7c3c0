//! What is attached to a released image.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::aws::Session;
use crate::config::{Config, Evidence, Image};
use crate::context::Context;
use crate::digest::Digest;
use crate::evidence::{Attached, CYCLONEDX};
use crate::failure::{Failure, Result};
use crate::gate::Record;
use crate::gather::Gather;
use crate::oci::registry::{Registry, failure};
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

/// The digest under an image's tag, and all that is attached to it: verdicts first, the newest of them first.
pub(crate) fn pieces(config: &Config, session: &Session, image: &Image) -> Result<(Digest, Vec<Piece>)> {
    let digest = released(config, session, image)?;
    let attached = session.ecr().attached(image.repository(), &digest, None)?;
    let read =
        |(digest, manifest): (Digest, String)| Some(Piece { digest, attached: Attached::read(manifest.as_bytes())? });
    let mut pieces: Vec<Piece> = attached.into_iter().filter_map(read).gather();
    let rank = |piece: &Piece| piece.attached.kind.map_or(3, |kind| kind as u8);
    pieces.arrange_by(|one, other| {
        let newest = |piece: &Piece| piece.record().map(|record| (record.day, record.database));
        rank(one).cmp(&rank(other)).then_with(|| newest(other).cmp(&newest(one))).then(one.digest.cmp(&other.digest))
    });
    Ok((digest, pieces))
}

/// The list of contents that is attached to what is under an image's tag; `None` where none is.
pub(crate) fn contents(context: &Context, session: &Session, image: &Image) -> Result<Option<Vec<u8>>> {
    let config = context.config()?;
    let digest = released(config, session, image)?;
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

fn released(config: &Config, session: &Session, image: &Image) -> Result<Digest> {
    let found = session.ecr().find(&[(image.repository(), image.tag())]).pop().transpose()?.flatten();
    found.map(|found| found.digest).ok_or_else(|| {
        Failure::conflict(format_args!("image {} is not in ECR: {} was not found", image.name, image.reference))
            .help(format!("release it first: `{} {}`", config.command("release"), image.name))
    })
}
