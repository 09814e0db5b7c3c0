//! Blobs from one repository to another.

use super::*;

fn hosted(server: &Server, image: &Image) {
    for blob in &image.blobs {
        let bytes = std::fs::read(image.layout.blob(&blob.digest)).unwrap();
        server.state().blobs.insert(blob.digest.to_string(), bytes);
    }
}

/// Copies from `sample/app` of the one to `live/app` of the other.
fn copy(from: &Registry, to: &Registry, same_registry: bool, image: &Image) -> Result<Uploaded> {
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let (theirs, ours): (Repository, Repository) = (repository(), "live/app".parse().unwrap());
    let there = from.repository(&theirs, &events, &interrupt);
    to.repository(&ours, &events, &interrupt).copy(&there, same_registry, &image.blobs, &|_, _| {})
}

#[test]
fn what_the_same_registry_mounts_is_not_sent() {
    let (server, image) = (Server::start(), image(&[1000, 2000]));
    server.fault(3, |head| head.is("POST", "from=sample/app"), Fault::Answer(201, "", String::new()));
    copy(&registry(&server), &registry(&server), true, &image).unwrap();
    let asked = server.state().heads.iter().map(|head| head.target.clone()).collect::<Vec<_>>();
    let digest = &image.manifest.config.digest;
    assert!(asked.contains(&format!("/v2/live/app/blobs/uploads/?mount={digest}&from=sample/app")), "{asked:?}");
    assert_eq!((server.count("GET", "/blobs/"), server.count("PUT", "")), (0, 0));
}

#[test]
fn what_is_not_mounted_is_streamed_from_storage_and_asked_for_once() {
    let (server, image) = (Server::start(), image(&[1000, 2_000_000]));
    hosted(&server, &image);
    copy(&registry(&server), &registry(&server), true, &image).unwrap();
    assert_eq!(server.count("POST", "mount="), 3, "the place in the answer is used");
    assert_eq!(server.count("POST", ""), 3);
    assert_eq!((server.count("GET", "/storage/"), server.count("PUT", "digest=")), (3, 3));
}

#[test]
fn each_registry_has_its_own_credentials_and_renews_them() {
    let (source, target, image) = (Server::start(), Server::start(), image(&[1000]));
    hosted(&source, &image);
    source.state().good = Some("Basic token-2".into());
    target.state().good = Some("Basic token-3".into());
    let (theirs, ours) = (Arc::new(Tokens::default()), Arc::new(Tokens::default()));
    let with =
        |server: &Server, tokens: &Arc<Tokens>| Registry::new(&server.host, Some(tokens.clone())).with_backoff(quick());
    copy(&with(&source, &theirs), &with(&target, &ours), false, &image).unwrap();
    assert_eq!((theirs.stale.load(Ordering::SeqCst), ours.stale.load(Ordering::SeqCst)), (1, 2));
    for blob in &image.blobs {
        let sent = target.state().blobs.get(blob.digest.as_str()).cloned();
        assert_eq!(sent, source.state().blobs.get(blob.digest.as_str()).cloned());
    }
    assert_eq!(target.count("POST", "mount="), 0, "it is another registry");
}

#[test]
fn a_source_that_breaks_off_is_begun_again_and_one_that_lies_never_arrives() {
    let (source, target, image) = (Server::start(), Server::start(), image(&[2_000_000]));
    hosted(&source, &image);
    let layer = image.manifest.layers[0].digest.to_string();
    let of_layer = layer.clone();
    source.fault(1, move |head| head.is("GET", "/storage/") && head.target.ends_with(&of_layer), Fault::LoseAnswer);
    copy(&registry(&source), &registry(&target), false, &image).unwrap();
    assert!(target.state().blobs.contains_key(&layer));

    let target = Server::start();
    target.state().trusting = true;
    source.state().blobs.insert(layer.clone(), bytes(2_000_000, 99));
    let error = copy(&registry(&source), &registry(&target), false, &image).unwrap_err();
    assert!(format!("{error:#}").contains(&format!("expected digest {layer}")), "{error:#}");
    assert!(!target.state().blobs.contains_key(&layer), "the last piece stays here");
}

#[test]
fn evidence_is_listed_by_a_tag_where_the_registry_lists_none() {
    use crate::oci::registry::{Attachment, Document};
    let server = Server::start();
    let (events, interrupt, registry, name) =
        (Events::discard(), Interrupt::default(), registry(&server), repository());
    let remote = registry.repository(&name, &events, &interrupt);
    let subject = Digest::of(b"image");
    let attach = |content: &[u8]| {
        let blob = Descriptor { media_type: "x".into(), digest: Digest::of(content), size: content.len() as u64 };
        let manifest = serde_json::json!({ "schemaVersion": 2, "config": blob, "layers": [blob],
            "subject": { "mediaType": "m", "digest": subject, "size": 5 } });
        let bytes = manifest.to_string().into_bytes();
        let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
        let document = Document { digest: Digest::of(&bytes), media_type: kind, bytes };
        let entry = serde_json::json!({ "mediaType": document.media_type, "digest": document.digest, "size": document.bytes.len() });
        let blobs = vec![(blob, content.to_vec())];
        remote.attach(&Attachment { document: document.clone(), blobs, subject: subject.clone(), entry }).unwrap();
        document.digest
    };
    // As of distribution 3.1: no such path, and no word of the subject.
    server.fault(9, |head| head.is("GET", "/referrers/"), Fault::Answer(404, "", String::new()));
    let (first, second) = (attach(b"one"), attach(b"two"));
    assert_eq!(attach(b"one"), first, "what is there already is not listed twice");
    assert_eq!(remote.referrers(&subject).unwrap(), [first, second]);
}

#[test]
fn evidence_that_a_registry_took_and_does_not_list_is_not_said_to_be_there() {
    use crate::oci::registry::{Attachment, Document};
    let server = Server::start();
    let (events, interrupt, registry, name) =
        (Events::discard(), Interrupt::default(), registry(&server), repository());
    let remote = registry.repository(&name, &events, &interrupt);
    let document = Document::new(crate::oci::layout::media_type::MANIFEST, b"{}".to_vec());
    let entry = serde_json::json!(document.descriptor());
    let attachment = Attachment {
        document: document.clone(),
        blobs: Vec::new(),
        subject: Digest::of(b"image"),
        entry: entry.clone(),
    };
    let list =
        |members: &serde_json::Value| Fault::Answer(200, "", serde_json::json!({ "manifests": members }).to_string());

    server.fault(1, |head| head.is("GET", "/referrers/"), list(&serde_json::json!([])));
    let error = format!("{:#}", remote.attach(&attachment).unwrap_err());
    assert!(error.contains(&format!("answered that it has {}, and does not list it", document.digest)), "{error}");
    server.fault(1, |head| head.is("GET", "/referrers/"), list(&serde_json::json!([entry])));
    remote.attach(&attachment).unwrap();
    assert_eq!(server.count("PUT", "/manifests/sha256-"), 0, "who lists by itself needs no tag for it");
}

#[test]
fn a_list_that_arrives_broken_is_asked_for_again_and_not_taken_for_none() {
    let server = Server::start();
    let (events, interrupt, registry, name) =
        (Events::discard(), Interrupt::default(), registry(&server), repository());
    let remote = registry.repository(&name, &events, &interrupt);
    let subject = Digest::of(b"image");
    let kind = "content-type: application/vnd.oci.image.index.v1+json\r\n";
    let entry = Descriptor { media_type: "m".into(), digest: Digest::of(b"evidence"), size: 8 };
    let list = serde_json::json!({ "manifests": [entry] }).to_string();
    let asked = |head: &server::Head| head.is("GET", "/referrers/");
    server.fault(1, asked, Fault::Answer(200, kind, list[..list.len() / 2].to_owned()));
    server.fault(1, asked, Fault::Answer(200, kind, list));
    assert_eq!(remote.referrers(&subject).unwrap(), [entry.digest]);
    // A page for people stands where there is no list.
    server.fault(1, asked, Fault::Answer(200, "content-type: text/html\r\n", "<html>".to_owned()));
    assert_eq!(remote.referrers(&subject).unwrap(), []);
}

#[test]
fn a_list_that_leads_back_to_itself_and_indexes_without_a_bottom_come_to_an_end() {
    use crate::oci::registry::Document;
    let server = Server::start();
    let (events, interrupt, registry, name) =
        (Events::discard(), Interrupt::default(), registry(&server), repository());
    let remote = registry.repository(&name, &events, &interrupt);
    let kind = crate::oci::layout::media_type::INDEX;
    let index = |inner: &[serde_json::Value]| {
        let members = serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "manifests": inner });
        Document::new(kind, members.to_string().into_bytes())
    };
    let subject = Digest::of(b"image");
    let again = "link: </v2/sample/app/referrers/again>; rel=\"next\"\r\n";
    let page = String::from_utf8(index(&[]).bytes).unwrap();
    server.fault(usize::MAX, |head| head.is("GET", "/referrers/"), Fault::Answer(200, again, page));
    let error = remote.referrers(&subject).unwrap_err();
    assert!(format!("{error:#}").contains("has no end: 1000 pages of it were read"), "{error:#}");

    let mut deepest = index(&[]);
    for _ in 0..20 {
        server.state().manifests.insert(deepest.digest.to_string(), (kind.to_owned(), deepest.bytes.clone()));
        deepest = index(&[serde_json::json!(deepest.descriptor())]);
    }
    let error = remote.tree(vec![deepest]).unwrap_err();
    assert!(format!("{error:#}").contains("more than 8 deep"), "{error:#}");
    assert!(server.count("GET", "/manifests/") < 9);
}
