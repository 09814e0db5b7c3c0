//! All that a digest leads to: an index's images, their blobs, and what refers to any of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use super::exchange::Ask;
use super::retry::Trouble;
use super::{Remote, fetch, side_by_side};
use crate::digest::Digest;
use crate::gather::Gather as _;
use crate::oci::layout::{DOCUMENT_LIMIT, Descriptor, Index, Manifest, media_type};

/// How deep indexes may lie in each other; real ones are two deep.
const DEEPEST: usize = 8;
/// So many pages of a list are read: more than anybody attaches to one digest.
const PAGES: usize = 1_000;

/// A manifest or an index, byte for byte as its registry has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// That of `bytes`.
    pub digest: Digest,
    /// Such as one of [`media_type`].
    pub media_type: String,
    /// Written anew they would have another digest.
    pub bytes: Vec<u8>,
}

/// What documents lead to, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Those that others name before those others, as a registry wants them.
    pub documents: Vec<Document>,
    /// Configurations and layers.
    pub blobs: Vec<Descriptor>,
}

/// What one document names.
struct Named {
    documents: Vec<Digest>,
    blobs: Vec<Descriptor>,
}

impl Document {
    /// Its digest is made of the bytes.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        Self { digest: Digest::of(&bytes), media_type: media_type.to_owned(), bytes }
    }

    /// As an index names it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor { media_type: self.media_type.clone(), digest: self.digest.clone(), size: self.bytes.len() as u64 }
    }

    pub(crate) fn is_index(&self) -> bool {
        [media_type::INDEX, media_type::DOCKER_INDEX].contains(&self.media_type.as_str())
    }

    fn subject(&self) -> Option<Digest> {
        let document: Value = serde_json::from_slice(&self.bytes).ok()?;
        document["subject"]["digest"].as_str()?.parse().ok()
    }

    /// As the index of its subject's referrers names it.
    fn entry(&self) -> Value {
        let document: Value = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let kind = document["artifactType"].as_str().or(document["config"]["mediaType"].as_str()).unwrap_or_default();
        let mut entry = json!({ "mediaType": self.media_type, "digest": self.digest, "size": self.bytes.len() });
        entry["artifactType"] = json!(kind);
        if document["annotations"].is_object() {
            entry["annotations"] = document["annotations"].clone();
        }
        entry
    }

    fn named(&self) -> Result<Named> {
        let place = || format!("{} is not an image or an index of images", self.digest);
        if self.is_index() {
            let index = Index::parse(&self.bytes).with_context(place)?;
            let documents = index.members().map(|entry| entry.descriptor.digest.clone()).gather();
            return Ok(Named { documents, blobs: Vec::new() });
        }
        let manifest = Manifest::parse(self.bytes.clone(), &self.media_type).with_context(place)?;
        Ok(Named { documents: Vec::new(), blobs: manifest.blobs().cloned().gather() })
    }
}

impl Remote<'_> {
    /// What these documents lead to, with themselves: every platform and every attestation of an index.
    pub fn tree(&self, roots: Vec<Document>) -> Result<Tree> {
        let order: Vec<Digest> = roots.iter().map(|root| root.digest.clone()).gather();
        let mut known: BTreeMap<Digest, (Document, Named)> = BTreeMap::new();
        let mut found = roots;
        let mut depth = 0;
        while !found.is_empty() {
            ensure!(depth < DEEPEST, "indexes of {} lie more than {DEEPEST} deep in each other", self.repository);
            depth += 1;
            let mut wanted = BTreeSet::new();
            for document in found {
                let named = document.named()?;
                wanted.extend(named.documents.iter().cloned());
                known.insert(document.digest.clone(), (document, named));
            }
            let wanted: Vec<Digest> = wanted.into_iter().filter(|digest| !known.contains_key(digest)).gather();
            found = side_by_side(&wanted, |digest| self.fetch(digest))?;
        }
        let mut tree = Tree::default();
        let mut blobs = BTreeSet::new();
        for root in &order {
            gather(root, &mut known, &mut tree);
        }
        tree.blobs.retain(|blob| blobs.insert(blob.digest.clone()));
        Ok(tree)
    }

    /// What is attached to any of these documents (signatures, lists of contents, provenance), and to that in turn.
    pub fn attached(&self, to: &Tree) -> Result<Tree> {
        let mut all = Tree::default();
        let mut seen: BTreeSet<Digest> = to.documents.iter().map(|document| document.digest.clone()).gather();
        let mut subjects: Vec<Digest> = seen.iter().cloned().gather();
        while !subjects.is_empty() {
            let lists = side_by_side(&subjects, |subject| self.referrers(subject))?;
            let fresh: Vec<Digest> = lists.into_iter().flatten().filter(|digest| seen.insert(digest.clone())).gather();
            let found = self.tree(side_by_side(&fresh, |digest| self.fetch(digest))?)?;
            subjects = found.documents.iter().map(|document| document.digest.clone()).gather();
            seen.extend(subjects.iter().cloned());
            all.documents.extend(found.documents);
            all.blobs.extend(found.blobs);
        }
        Ok(all)
    }

    /// Puts what is named before what names it; images, which name none, several at once.
    pub fn put_all(&self, documents: &[Document]) -> Result<()> {
        let (indexes, images): (Vec<&Document>, Vec<&Document>) =
            documents.iter().partition(|document| document.is_index());
        side_by_side(&images, |image| self.put_document(image))?;
        indexes.into_iter().try_for_each(|index| self.put_document(index).map(drop))
    }

    /// The same of what is attached to others: in a registry that lists no referrers, their lists are kept up to date.
    pub fn put_attached(&self, documents: &[Document]) -> Result<()> {
        for document in documents {
            if !self.put_document(document)?
                && let Some(subject) = document.subject()
            {
                self.list_by_tag(&subject, &document.entry())?;
            }
        }
        Ok(())
    }

    /// A manifest or an index by its digest, which its bytes have.
    pub fn fetch(&self, digest: &Digest) -> Result<Document> {
        let (media_type, bytes) = self.document(digest)?;
        Ok(Document { digest: digest.clone(), media_type, bytes })
    }

    /// The manifests whose subject this digest is: by the API for that, or by the tag that stands in for it.
    /// Source: OCI distribution specification 1.1, sections Listing Referrers and Referrers Tag Schema.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Digest>> {
        if let Some(listed) = self.listed(subject)? {
            return Ok(listed);
        }
        let tag = subject.as_str().replace(':', "-");
        let listed = self.list(subject, &self.registry.url(self.repository, &format!("manifests/{tag}")))?;
        Ok(listed.map_or_else(Vec::new, |(page, _)| page))
    }

    /// What the registry lists by itself; `None` where it lists nothing.
    pub(super) fn listed(&self, subject: &Digest) -> Result<Option<Vec<Digest>>> {
        let url = self.registry.url(self.repository, &format!("referrers/{subject}"));
        let Some((mut found, mut next)) = self.list(subject, &url)? else { return Ok(None) };
        let mut pages = 1;
        while let Some(url) = next.take() {
            ensure!(pages < PAGES, "the list of what refers to {subject} has no end: {PAGES} pages of it were read");
            pages += 1;
            let Some((page, following)) = self.list(subject, &url)? else { break };
            found.extend(page);
            next = following;
        }
        Ok(Some(found))
    }

    /// A page of a list, and where the next one is; `None` where there is no such list.
    fn list(&self, subject: &Digest, url: &str) -> Result<Option<(Vec<Digest>, Option<String>)>> {
        let task = self.task(format!("list what refers to {subject}"), fetch::READING);
        self.registry.persist(&task, |_| {
            let mut ask = Ask::new(Method::GET, url.to_owned());
            ask.accept = Some(media_type::INDEX.to_owned());
            ask.limit = usize::try_from(DOCUMENT_LIMIT).unwrap_or(usize::MAX);
            let answer = self.registry.ask(&task, &ask)?;
            if answer.status == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            if answer.status != StatusCode::OK {
                return Err(answer.into());
            }
            let Ok(index) = Index::parse(&answer.body) else {
                let kind = answer.header("content-type").unwrap_or_default();
                if kind.starts_with(media_type::INDEX) {
                    return Err(Trouble::Lost("the list that the registry answered is none".to_owned()));
                }
                // A registry without the API may have another thing there, such as a page for people.
                return Ok(None);
            };
            let page = index.members().map(|entry| entry.descriptor.digest.clone()).gather();
            let following = answer.header("link").and_then(|link| next_page(link, url));
            Ok(Some((page, following)))
        })
    }
}

/// A document after all that it names; each is taken out of what is known.
fn gather(digest: &Digest, known: &mut BTreeMap<Digest, (Document, Named)>, tree: &mut Tree) {
    let Some((document, named)) = known.remove(digest) else { return };
    for child in &named.documents {
        gather(child, known, tree);
    }
    tree.blobs.extend(named.blobs);
    tree.documents.push(document);
}

/// `<URL>; rel="next"`. Source: RFC 8288.
fn next_page(link: &str, from: &str) -> Option<String> {
    let (url, parameters) = link.strip_prefix('<')?.split_once('>')?;
    parameters.contains("next").then(|| super::location::resolve(from, url)).flatten()
}
