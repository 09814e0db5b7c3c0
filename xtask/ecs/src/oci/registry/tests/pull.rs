//! Fetching, and tokens.

use super::*;

fn hosted(server: &Server, image: &Image) {
    let mut state = server.state();
    for blob in &image.blobs {
        let bytes = std::fs::read(image.layout.blob(&blob.digest)).unwrap();
        state.blobs.insert(blob.digest.to_string(), bytes);
    }
    let manifest = (media_type::MANIFEST.to_owned(), image.manifest.bytes.clone());
    state.manifests.insert(image.manifest.digest.to_string(), manifest);
}

#[test]
fn an_index_leads_to_the_manifest_of_the_platform_and_its_blobs_are_kept() {
    let (server, image) = (Server::start(), image(&[1000]));
    hosted(&server, &image);
    let mut entry = serde_json::to_value(image.manifest.descriptor()).unwrap();
    entry["platform"] = serde_json::json!({"os": "linux", "architecture": "amd64"});
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [entry]}).to_string().into_bytes();
    let digest = Digest::of(&index);
    server.state().manifests.insert(digest.to_string(), (media_type::INDEX.to_owned(), index));

    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let registry = registry(&server);
    let manifest = registry.repository(&repository(), &events, &interrupt).manifest(&digest, "linux/amd64").unwrap();
    assert_eq!(manifest, image.manifest);
    let error = registry.repository(&repository(), &events, &interrupt).manifest(&digest, "linux/arm64").unwrap_err();
    assert!(format!("{error:#}").contains("no image for linux/arm64, only for linux/amd64"), "{error:#}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache/blob");
    for _ in 0..2 {
        registry.repository(&repository(), &events, &interrupt).blob(&manifest.layers[0], &path).unwrap();
    }
    assert_eq!(std::fs::read(&path).unwrap(), bytes(1000, 0));
    assert_eq!(server.count("GET", "/blobs/"), 1, "the second time it is there");
}

#[test]
fn what_has_another_digest_is_refused_and_not_kept() {
    let (server, image) = (Server::start(), image(&[1000]));
    hosted(&server, &image);
    let layer = &image.manifest.layers[0];
    server.state().blobs.insert(layer.digest.to_string(), bytes(1000, 9));
    let other = (media_type::MANIFEST.to_owned(), b"{}".to_vec());
    server.state().manifests.insert(image.manifest.digest.to_string(), other);

    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let registry = registry(&server);
    let digest = &image.manifest.digest;
    let error = registry.repository(&repository(), &events, &interrupt).manifest(digest, "linux/amd64").unwrap_err();
    assert!(format!("{error:#}").contains("answered a manifest with digest sha256:44136fa3"), "{error:#}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blob");
    let error = registry.repository(&repository(), &events, &interrupt).blob(layer, &path).unwrap_err();
    assert!(format!("{error:#}").contains(Digest::of(&bytes(1000, 9)).as_str()), "{error:#}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left");
}

#[test]
fn a_challenge_is_answered_with_a_token_that_storage_never_sees() {
    let (server, image) = (Server::start(), image(&[1000]));
    hosted(&server, &image);
    let realm = format!("http://{}/token", server.host);
    let scope = "repository:sample/app:pull";
    server.state().challenge =
        format!("www-authenticate: Bearer realm=\"{realm}\",service=\"here\",scope=\"{scope}\"\r\n");
    server.state().good = Some("Bearer for-service-here-scope-repository-3Asample-2Fapp-3Apull".into());

    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let registry = registry(&server);
    let digest = &image.manifest.digest;
    registry.repository(&repository(), &events, &interrupt).manifest(digest, "linux/amd64").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let blob = &image.manifest.layers[0];
    registry.repository(&repository(), &events, &interrupt).blob(blob, &folder.path().join("blob")).unwrap();
    assert_eq!(server.count("GET", "/token"), 1, "one token serves both");
}

#[test]
fn without_credentials_a_refusal_says_so() {
    let server = Server::start();
    server.state().good = Some("Basic x".into());
    let error = registry(&server)
        .repository(&repository(), &Events::discard(), &Interrupt::default())
        .has_blob(&Digest::of(b""))
        .unwrap_err();
    assert!(error.to_string().contains("needs credentials, and none were given"), "{error}");
}

/// A login without a password.
struct Identity(Option<&'static str>);

impl Credentials for Identity {
    fn authorization(&self, _stale: bool) -> Result<Option<String>> {
        Ok(None)
    }

    fn identity_token(&self) -> Result<Option<String>> {
        Ok(self.0.map(str::to_owned))
    }
}

#[test]
fn an_identity_token_is_traded_for_one_of_the_registry() {
    let server = Server::start();
    server.state().challenge =
        format!("www-authenticate: Bearer realm=\"http://{}/token\",service=\"here\"\r\n", server.host);
    server.state().good = Some("Bearer traded".into());
    let answer = Fault::Answer(200, "", r#"{"access_token": "traded"}"#.to_owned());
    server.fault(1, |head| head.is("POST", "/token") && head.authorization.is_none() && head.length > 0, answer);
    let registry = Registry::new(&server.host, Some(Arc::new(Identity(Some("secret")))));
    let there =
        registry.repository(&repository(), &Events::discard(), &Interrupt::default()).has_blob(&Digest::of(b""));
    assert!(!there.unwrap());
}

#[test]
fn somebody_without_a_login_is_told_how_to_get_one() {
    let server = Server::start();
    server.state().good = Some("Basic x".into());
    let error = Registry::new(&server.host, Some(Arc::new(Identity(None))))
        .repository(&repository(), &Events::discard(), &Interrupt::default())
        .has_blob(&Digest::of(b""))
        .unwrap_err();
    let advice = format!("`docker login {}`", server.host);
    assert!(error.to_string().contains(&advice), "{error}");
}

#[test]
fn a_token_is_not_fetched_without_tls() {
    let server = Server::start();
    server.state().good = Some("Basic x".into());
    server.state().challenge = "www-authenticate: Bearer realm=\"http://auth.example/token\"\r\n".into();
    let error = registry(&server)
        .repository(&repository(), &Events::discard(), &Interrupt::default())
        .has_blob(&Digest::of(b""))
        .unwrap_err();
    assert!(error.to_string().contains("without TLS"), "{error}");
}
