//! What is attached to a released image.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::aws::ecr::Signing;
use crate::aws::{AwsError, Session};
use crate::config::{Config, Evidence, Image};
use crate::context::Context;
use crate::digest::Digest;
use crate::evidence::{Attached, CYCLONEDX, Envelope, PublicKey, believed};
use crate::failure::{Failure, Result};
use crate::gate::Record;
use crate::gather::Gather;
use crate::oci::layout::Index;
use crate::oci::registry::{Registry, failure};
use crate::platform::Platform;
use crate::sorted::Arrange;
use crate::text::{cut, some};

/// The most that is shown of the type of an artifact. Those that are registered are shorter.
const TYPE: usize = 80;

/// One thing that is attached.
pub(crate) struct Piece {
    pub digest: Digest,
    attached: Attached,
    signature: Signature,
}

/// Who signed a statement.
enum Signature {
    /// Nobody, where nobody was to.
    None,
    /// The key of the configuration.
    By(String),
    /// Nobody knows; with what the envelope says of the key.
    Hint(String),
    /// Not by the key of the configuration, and why.
    Doubted(String),
}

impl Signature {
    fn of(attached: &Attached, key: Option<&PublicKey>) -> Self {
        let hint =
            || attached.bytes.as_ref().and_then(|bytes| Envelope::read(bytes)).map(|it| it.hint).unwrap_or_default();
        match (attached.kind, key) {
            (None | Some(Evidence::Sbom), _) => Self::None,
            (_, None) if attached.sealed => Self::Hint(hint()),
            (_, None) => Self::None,
            (_, Some(key)) => match believed(attached, Some(key)) {
                Ok(_) => Self::By(key.name.clone()),
                Err(doubt) => Self::Doubted(doubt.to_string()),
            },
        }
    }

    fn says(&self) -> String {
        match self {
            Self::None => String::new(),
            Self::By(key) => format!("signed by {key}"),
            Self::Hint(hint) if hint.is_empty() => "signed by a key that was not looked at".to_owned(),
            Self::Hint(hint) => format!("signed by a key that was not looked at, {hint}"),
            Self::Doubted(why) => why.clone(),
        }
    }

    fn data(&self) -> Option<Value> {
        match self {
            Self::None => None,
            Self::By(key) => Some(json!({ "verified": true, "key": key })),
            Self::Hint(hint) => Some(json!({ "verified": false, "hint": hint })),
            Self::Doubted(why) => Some(json!({ "verified": false, "why": why })),
        }
    }
}

impl Piece {
    /// What it is: a kind of ours, else the type that it states.
    pub(crate) fn name(&self) -> &str {
        match self.attached.kind {
            Some(kind) => kind.name(),
            None => &self.attached.artifact_type,
        }
    }

    /// The same for people: a type that somebody else states says anything.
    pub(crate) fn shown(&self) -> String {
        match self.name() {
            "" => "no type".to_owned(),
            name => cut(&name.escape_debug().to_string(), TYPE),
        }
    }

    /// What a verdict says, and who signed a statement.
    pub(crate) fn says(&self) -> String {
        let verdict = self.record().map(|record| {
            let refused = || format!("refused: {}", some(&record.findings));
            let verdict = if record.passed { "passed".to_owned() } else { refused() };
            format!("{} by {}: {verdict}", record.day, record.scanner)
        });
        let signed = Some(self.signature.says()).filter(|says| !says.is_empty());
        verdict.into_iter().chain(signed).gather::<Vec<_>>().join(", ")
    }

    pub(crate) fn data(&self) -> Value {
        let mut data = json!({ "kind": self.name(), "digest": self.digest });
        if let Some(content) = self.attached.content() {
            data["content"] = serde_json::from_slice(&content).unwrap_or_default();
        }
        if let Some(signature) = self.signature.data() {
            data["signature"] = signature;
        }
        data
    }

    fn record(&self) -> Option<Record> {
        (self.attached.kind == Some(Evidence::Verdict)).then_some(())?;
        Record::read(&self.attached.content()?)
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

/// What the tag of an image is on, and then, where that is an index, the image of each platform. `key` is that whose signatures are
/// believed.
pub(crate) fn told(config: &Config, session: &Session, image: &Image, key: Option<&PublicKey>) -> Result<Vec<Told>> {
    let digest = released(config, session, image)?;
    let platforms = platforms(session, image, &digest)?;
    let one = |(platform, digest): (Option<Platform>, Digest)| -> Result<Told> {
        let signing = session.ecr().signing(image.repository(), &digest);
        Ok(Told { platform, pieces: pieces(session, image, &digest, key)?, digest, signing })
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

fn pieces(session: &Session, image: &Image, digest: &Digest, key: Option<&PublicKey>) -> Result<Vec<Piece>> {
    let attached = session.ecr().attached(image.repository(), digest, &[])?;
    let read = |(digest, manifest): (Digest, String)| {
        let attached = Attached::read(manifest.as_bytes())?;
        Some(Piece { digest, signature: Signature::of(&attached, key), attached })
    };
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
    let attached = session.ecr().attached(image.repository(), &digest, &[CYCLONEDX])?;
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
