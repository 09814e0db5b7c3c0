//! Something that is about an image, put beside it.
//! Source: OCI distribution specification 1.1, sections Pushing Manifests with Subject and Referrers Tag Schema.

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::exchange::Ask;
use super::retry::Trouble;
use super::upload::{Place, WRITING};
use super::{Document, Remote, location};
use crate::digest::Digest;
use crate::oci::layout::{DOCUMENT_LIMIT, Descriptor, media_type};

/// An artifact whose subject is an image, with its blobs, which are small.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The artifact's manifest, which names its subject.
    pub document: Document,
    /// Each with its bytes.
    pub blobs: Vec<(Descriptor, Vec<u8>)>,
    /// The digest of the image's manifest or index.
    pub subject: Digest,
    /// Its descriptor with type and annotations, as an index names it.
    pub entry: Value,
}

impl Remote<'_> {
    /// Puts it, with the blobs that are not there, and has it listed among what refers to its subject: by a registry that
    /// does that, or under the tag that stands in for it. What is there already stays as it is.
    pub fn attach(&self, attachment: &Attachment) -> Result<()> {
        let Attachment { document, blobs, subject, entry } = attachment;
        for (blob, bytes) in blobs {
            if !self.has_blob(&blob.digest)? {
                self.put_blob(blob, bytes)?;
            }
        }
        if self.put_document(document)? {
            return Ok(());
        }
        self.list_by_tag(subject, entry)
    }

    /// Lists what was put, where the registry has said nothing of its subject and has no list of its own. One that has a list
    /// and does not list it does not have it.
    pub fn list_by_tag(&self, subject: &Digest, entry: &Value) -> Result<()> {
        if let Some(listed) = self.listed(subject)? {
            let is_listed = listed.iter().any(|digest| entry["digest"] == digest.as_str());
            ensure!(
                is_listed,
                "{} answered that it has {}, and does not list it among what refers to {subject}; run again",
                self.registry.host(),
                entry["digest"].as_str().unwrap_or_default()
            );
            return Ok(());
        }
        let tag = subject.as_str().replace(':', "-");
        let mut index = self.index_at(&tag)?;
        let entries = index["manifests"].as_array().cloned().unwrap_or_default();
        if entries.iter().any(|known| known["digest"] == entry["digest"]) {
            return Ok(());
        }
        index["manifests"] = entries.into_iter().chain([entry.clone()]).collect();
        self.put_at(&tag, media_type::INDEX, index.to_string().as_bytes()).map(drop)
    }

    fn put_blob(&self, blob: &Descriptor, bytes: &[u8]) -> Result<()> {
        let task = self.task(format!("upload blob {}", blob.digest), WRITING);
        let bytes = Bytes::copy_from_slice(bytes);
        self.registry.persist(&task, |attempt| {
            if attempt > 1 && self.registry.has(&task, &blob.digest).unwrap_or(false) {
                return Ok(());
            }
            let Place::At(url) = self.registry.begin(&task, None)? else { return Ok(()) };
            let url = location::with_parameter(&url, "digest", blob.digest.as_str());
            let mut ask = Ask::new(Method::PUT, url);
            ask.content = Some(("application/octet-stream".to_owned(), bytes.clone()));
            let answer = self.registry.ask(&task, &ask)?;
            match answer.status {
                StatusCode::CREATED | StatusCode::NO_CONTENT => Ok(()),
                _ => Err(answer.into()),
            }
        })
    }

    /// The index under this tag, or an empty one.
    fn index_at(&self, tag: &str) -> Result<Value> {
        let task = self.task(format!("read the list under {tag}"), super::fetch::READING);
        self.registry.persist(&task, |_| {
            let url = self.registry.url(self.repository, &format!("manifests/{tag}"));
            let mut ask = Ask::new(Method::GET, url);
            ask.accept = Some(media_type::INDEX.to_owned());
            ask.limit = usize::try_from(DOCUMENT_LIMIT).unwrap_or(usize::MAX);
            let answer = self.registry.ask(&task, &ask)?;
            match answer.status {
                StatusCode::OK => serde_json::from_slice(&answer.body)
                    .map(Value::Object)
                    .map_err(|_| Trouble::Fatal(anyhow::anyhow!("what is under the tag {tag} is no index"))),
                StatusCode::NOT_FOUND => {
                    Ok(json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": [] }))
                }
                _ => Err(answer.into()),
            }
        })
    }
}
