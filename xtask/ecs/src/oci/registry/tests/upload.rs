//! Sending, and everything that goes wrong with it.

use super::*;
use crate::oci::registry::upload;

const PIECE: usize = 512 * 1024;

#[test]
fn every_blob_arrives_once_and_progress_ends_at_the_total() {
    let server = Server::start();
    let image = image(&[0, 1, PIECE, 3 * PIECE + 7, 12 * PIECE, 5, 6, 7]);
    let mut blobs = image.blobs.clone();
    blobs.push(image.blobs[3].clone());
    let told = Mutex::new(Vec::new());
    let progress = |sent, total| told.lock().unwrap().push((sent, total));
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let uploaded = registry(&server)
        .repository(&repository(), &events, &interrupt)
        .upload(&image.layout, &blobs, &progress)
        .unwrap();

    let total = image.blobs.iter().map(|blob| blob.size).sum();
    assert_eq!(uploaded, Uploaded { blobs: image.blobs.len(), mounted: 0, bytes: total });
    for blob in &image.blobs {
        assert_eq!(server.state().blobs[blob.digest.as_str()].len() as u64, blob.size);
    }
    assert_eq!(server.count("PUT", ""), image.blobs.len());
    assert_eq!(server.count("HEAD", ""), 0, "the caller knows what is missing");
    let told = told.into_inner().unwrap();
    assert_eq!(told.last(), Some(&(total, total)));
    assert!(told.is_sorted(), "{told:?}");
}

#[test]
fn nothing_to_send_asks_nothing() {
    let server = Server::start();
    let image = Image { blobs: Vec::new(), ..image(&[1]) };
    assert_eq!(send(&registry(&server), &image).unwrap(), Uploaded::default());
    assert_eq!(server.count("", ""), 0);
}

#[test]
fn the_largest_blob_goes_first_and_none_goes_twice() {
    let image = image(&[10, 30, 20]);
    let doubled = [image.blobs.clone(), image.blobs.clone()].concat();
    let sizes: Vec<u64> = upload::in_order(&doubled).iter().map(|blob| blob.size).collect();
    assert_eq!(sizes, [image.manifest.config.size, 30, 20, 10]);
}

#[test]
fn trouble_that_passes_is_waited_out_and_reported() {
    let server = Server::start();
    server.fault(1, |head| head.method == "POST", Fault::Answer(500, "", "oops".into()));
    server.fault(1, |head| head.method == "PUT", Fault::Answer(503, "", String::new()));
    let (events, received) = Events::collect();
    let image = image(&[2 * PIECE]);
    let blobs = &image.blobs[1..];
    registry(&server)
        .repository(&repository(), &events, &Interrupt::default())
        .upload(&image.layout, blobs, &|_, _| {})
        .unwrap();
    let errors: Vec<String> = retries(&received).into_iter().map(|(error, _)| error).collect();
    assert_eq!(errors.len(), 2, "{errors:?}");
    assert!(errors[0].contains("500") && errors[1].contains("503"), "{errors:?}");
    assert!(server.state().blobs.contains_key(blobs[0].digest.as_str()));
}

#[test]
fn a_429_is_waited_for_as_long_as_it_asks() {
    let server = Server::start();
    server.fault(2, |head| head.method == "POST", Fault::Answer(429, "retry-after: 0\r\n", String::new()));
    let (events, received) = Events::collect();
    let image = image(&[1]);
    // With pauses of an hour, this ends only if what the registry asks for goes first.
    let hour = Duration::from_secs(3600);
    let registry = Registry::new(&server.host, None).with_backoff(Backoff { first: hour, longest: hour, ..quick() });
    registry
        .repository(&repository(), &events, &Interrupt::default())
        .upload(&image.layout, &image.blobs[1..], &|_, _| {})
        .unwrap();
    let pauses: Vec<f64> = retries(&received).into_iter().map(|(_, seconds)| seconds).collect();
    assert_eq!(pauses, [0.0, 0.0]);
}

#[test]
fn a_429_that_asks_for_an_hour_is_not_waited_for() {
    let server = Server::start();
    let body = String::from_utf8(complaint("TOOMANYREQUESTS", "rate exceeded")).unwrap();
    server.fault(9, |head| head.method == "POST", Fault::Answer(429, "retry-after: 3600\r\n", body));
    let error = send(&registry(&server), &image(&[1])).unwrap_err();
    let error = error.downcast_ref::<RegistryError>().unwrap();
    assert_eq!((error.status, error.attempts), (Some(429), 1));
    assert!(error.to_string().contains("TOOMANYREQUESTS: rate exceeded"), "{error}");
}

#[test]
fn a_connection_cut_in_the_middle_repeats_that_blob_alone() {
    let server = Server::start();
    let image = image(&[8 * PIECE, 1000, 2000]);
    let largest = image.blobs[1].digest.to_string();
    let cut = largest.clone();
    server.fault(2, move |head| head.is("PUT", &cut), Fault::CutAfter(3 * PIECE));
    send(&registry(&server), &image).unwrap();
    assert_eq!(server.count("PUT", &largest), 3);
    for blob in &image.blobs {
        assert!(server.state().blobs.contains_key(blob.digest.as_str()));
        if blob.digest.as_str() != largest {
            assert_eq!(server.count("PUT", blob.digest.as_str()), 1, "finished work is not repeated");
        }
    }
}

#[test]
fn a_connection_that_is_always_cut_ends_with_the_blob_the_place_and_the_count() {
    let server = Server::start();
    server.fault(99, |head| head.method == "PUT", Fault::CutAfter(PIECE));
    let image = image(&[4 * PIECE]);
    let error = send(&registry(&server), &Image { blobs: image.blobs[1..].to_vec(), ..image }).unwrap_err();
    let error = error.downcast_ref::<RegistryError>().unwrap();
    assert_eq!((error.status, error.attempts), (None, 4));
    let text = error.to_string();
    for part in ["upload blob sha256:", "(2.0 MiB)", "sample/app", &server.host, "connection", "after 4 attempts"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn an_answer_that_was_lost_does_not_send_the_blob_again() {
    let server = Server::start();
    server.fault(1, |head| head.method == "PUT", Fault::LoseAnswer);
    let image = image(&[3 * PIECE]);
    let blob = image.blobs[1].clone();
    send(&registry(&server), &Image { blobs: vec![blob.clone()], ..image }).unwrap();
    assert_eq!(server.count("PUT", blob.digest.as_str()), 1);
    assert_eq!(server.count("HEAD", blob.digest.as_str()), 1);
}

#[test]
fn an_upload_the_registry_forgot_begins_anew() {
    let server = Server::start();
    let body = String::from_utf8(complaint("BLOB_UPLOAD_UNKNOWN", "upload unknown")).unwrap();
    server.fault(1, |head| head.method == "PUT", Fault::Answer(404, "", body));
    send(&registry(&server), &image(&[PIECE])).unwrap();
    assert_eq!(server.count("POST", ""), 3, "two blobs, one of them twice");
}

#[test]
fn places_to_send_to_may_be_relative_or_absolute_and_keep_their_query() {
    for location in ["/v2/sample/app/blobs/uploads/9?a=b", "9?a=b", "http://{host}/v2/sample/app/blobs/uploads/9?a=b"] {
        let server = Server::start();
        server.state().location = Some(location);
        let image = image(&[1]);
        send(&registry(&server), &image).unwrap();
        let expected = format!("/v2/sample/app/blobs/uploads/9?a=b&digest={}", image.blobs[1].digest);
        assert_eq!(server.count("PUT", &expected), 1, "{location}: {:?}", server.state().heads);
    }
}

#[test]
fn a_refused_token_is_renewed_and_the_error_says_that_the_new_one_was_refused_too() {
    let server = Server::start();
    server.state().good = Some("Basic something else".into());
    let tokens = Arc::new(Tokens::default());
    let registry = Registry::new(&server.host, Some(tokens.clone())).with_backoff(quick());
    let image = image(&[1]);
    let error = send(&registry, &Image { blobs: image.blobs[1..].to_vec(), ..image }).unwrap_err().to_string();
    assert!(tokens.stale.load(Ordering::SeqCst) > 0);
    for part in ["401", "UNAUTHORIZED: authentication required", "a fresh token was refused too"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_token_that_expires_on_the_way_is_renewed_once_for_all_uploads() {
    let server = Server::start();
    server.state().good = Some("Basic token-1".into());
    let tokens = Arc::new(Tokens::default());
    let registry = Registry::new(&server.host, Some(tokens.clone())).with_backoff(quick());
    let image = image(&[2 * PIECE, 2 * PIECE + 1, 2 * PIECE + 2, 4, 5, 6, 7, 8]);
    let begun = AtomicUsize::new(0);
    let third = move |head: &Head| head.method == "PUT" && begun.fetch_add(1, Ordering::SeqCst) == 2;
    server.fault(1, third, Fault::Expire("Basic token-2"));
    send(&registry, &image).unwrap();
    assert!(image.blobs.iter().all(|blob| server.state().blobs.contains_key(blob.digest.as_str())));
    assert_eq!(tokens.stale.load(Ordering::SeqCst), 1);
}

#[test]
fn ecr_says_denied_of_an_expired_token() {
    let server = Server::start();
    let text = "Your authorization token has expired. Reauthenticate and try again.";
    let expired = String::from_utf8(complaint("DENIED", text)).unwrap();
    server.fault(1, |head| head.method == "PUT", Fault::Answer(403, "", expired));
    let tokens = Arc::new(Tokens::default());
    let registry = Registry::new(&server.host, Some(tokens.clone())).with_backoff(quick());
    send(&registry, &image(&[1])).unwrap();
    assert_eq!(tokens.stale.load(Ordering::SeqCst), 1);
}

#[test]
fn a_missing_permission_and_a_missing_repository_name_their_fix() {
    let server = Server::start();
    let denied = String::from_utf8(complaint("DENIED", "not authorized to perform: ecr:InitiateLayerUpload")).unwrap();
    server.fault(1, |head| head.method == "POST", Fault::Answer(403, "", denied));
    let error = send(&registry(&server), &image(&[1])).unwrap_err().to_string();
    for part in ["403", "DENIED", "allow ecr:InitiateLayerUpload, ecr:UploadLayerPart, ecr:CompleteLayerUpload"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    let server = Server::start();
    let unknown = String::from_utf8(complaint("NAME_UNKNOWN", "The repository does not exist")).unwrap();
    server.fault(9, |head| head.method == "POST", Fault::Answer(404, "", unknown));
    let error = send(&registry(&server), &image(&[1])).unwrap_err();
    assert_eq!(error.downcast_ref::<RegistryError>().unwrap().code, "NAME_UNKNOWN");
    assert!(error.to_string().contains("create the repository sample/app"), "{error}");
}

#[test]
fn a_corrupt_blob_never_becomes_complete() {
    for size in [100, 9 * PIECE] {
        let server = Server::start();
        server.state().trusting = true;
        let image = image(&[size]);
        let blob = image.blobs[1].clone();
        let path = image.layout.blob(&blob.digest);
        let mut damaged = std::fs::read(&path).unwrap();
        damaged[size / 2] ^= 1;
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, &damaged).unwrap();

        let root = image.layout.root().display().to_string();
        let error = send(&registry(&server), &Image { blobs: vec![blob.clone()], ..image }).unwrap_err();
        let text = format!("{error:#}");
        for part in
            [path.to_str().unwrap(), blob.digest.as_str(), Digest::of(&damaged).as_str(), &root, "remove the folder"]
        {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(error.downcast_ref::<crate::oci::layout::CorruptBlob>().is_some());
        assert!(server.state().blobs.is_empty());
        assert!(server.state().broken.iter().all(|came| *came < size), "the last piece was held back");
        assert_eq!(server.count("POST", ""), 1, "no second attempt");
    }
}

#[test]
fn a_blob_of_another_size_is_not_even_begun() {
    let server = Server::start();
    let image = image(&[100]);
    let path = image.layout.blob(&image.blobs[1].digest);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, [0; 99]).unwrap();
    let error = send(&registry(&server), &Image { blobs: image.blobs[1..].to_vec(), ..image }).unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("expected 100 bytes, found 99 bytes"), "{text}");
    assert_eq!(server.count("", ""), 0);
}

#[test]
fn the_interrupt_ends_an_upload_that_hangs() {
    let server = Server::start();
    let interrupt = Interrupt::default();
    let trigger = interrupt.clone();
    let pressed = move |head: &Head| {
        let hangs = head.method == "PUT";
        if hangs {
            trigger.set();
        }
        hangs
    };
    server.fault(9, pressed, Fault::Stall);
    let image = image(&[16 * PIECE]);
    let began = std::time::Instant::now();
    let (events, layout) = (Events::discard(), &image.layout);
    let error = registry(&server)
        .repository(&repository(), &events, &interrupt)
        .upload(layout, &image.blobs, &|_, _| {})
        .unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(10), "the stall deadline is a minute");
    assert_eq!(Failure::from(error).ending, Ending::Interrupted);
}

#[test]
fn the_interrupt_ends_a_pause() {
    let server = Server::start();
    let interrupt = Interrupt::default();
    let trigger = interrupt.clone();
    let pressed = move |_: &Head| {
        trigger.set();
        true
    };
    server.fault(1, pressed, Fault::Answer(500, "", String::new()));
    let hour = Duration::from_secs(3600);
    let registry = registry(&server).with_backoff(Backoff { first: hour, longest: hour, ..quick() });
    let error =
        registry.repository(&repository(), &Events::discard(), &interrupt).has_blob(&Digest::of(b"")).unwrap_err();
    assert_eq!(Failure::from(error).ending, Ending::Interrupted);
}

#[test]
fn a_connection_that_stands_still_is_given_up() {
    let server = Server::start();
    server.fault(9, |head| head.method == "PUT", Fault::Stall);
    let stall = Duration::from_millis(1);
    let registry = registry(&server).with_backoff(Backoff { attempts: 2, ..quick() }).with_stall(stall);
    let image = image(&[16 * PIECE]);
    let error = send(&registry, &Image { blobs: image.blobs[1..].to_vec(), ..image }).unwrap_err().to_string();
    assert!(error.contains("nothing moved for"), "{error}");
}

#[test]
fn the_manifest_goes_under_its_digest_and_a_registry_that_changes_it_is_not_believed() {
    let server = Server::start();
    let image = image(&[1]);
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let put = || registry(&server).repository(&repository(), &events, &interrupt).put_manifest(&image.manifest);
    put().unwrap();
    assert_eq!(server.state().manifests[image.manifest.digest.as_str()].1, image.manifest.bytes);

    let other = "docker-content-digest: sha256:0000000000000000000000000000000000000000000000000000000000000000\r\n";
    server.fault(1, |head| head.method == "PUT", Fault::Answer(201, other, String::new()));
    let error = format!("{:#}", put().unwrap_err());
    assert!(error.contains("stored the manifest") && error.contains("sha256:0000"), "{error}");
}

#[test]
fn what_is_missing_is_found_out() {
    let server = Server::start();
    let image = image(&[1, 2, 3]);
    server.state().blobs.insert(image.blobs[2].digest.to_string(), Vec::new());
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let missing = registry(&server).repository(&repository(), &events, &interrupt).missing(&image.blobs).unwrap();
    assert_eq!(missing, [&image.blobs[..2], &image.blobs[3..]].concat());
}
