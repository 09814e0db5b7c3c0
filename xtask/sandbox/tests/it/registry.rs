//! The registry, version 2, with ECR's manners.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::client::{self, OCI_INDEX, Registry, base64, descriptor, digest, manifest, path_of, release, sandbox, send};
use serde_json::json;

#[test]
fn a_stranger_is_challenged() {
    let sandbox = sandbox();
    let reply = send(&sandbox, "GET", "/v2/", &[], b"").unwrap();
    assert_eq!(reply.status, 401);
    let realm = format!("Basic realm=\"http://{}/\",service=\"ecr.amazonaws.com\"", sandbox.registry());
    assert_eq!(reply.header("www-authenticate"), realm);
    assert_eq!(Registry::of(&sandbox).get("/v2/").status, 200);
}

#[test]
fn a_token_that_was_never_given_is_refused() {
    let sandbox = sandbox();
    for pair in ["AWS:guess", "bob:secret"] {
        let authorization = format!("Basic {}", base64(pair.as_bytes()));
        let reply = send(&sandbox, "GET", "/v2/", &[("authorization", &authorization)], b"").unwrap();
        assert_eq!((reply.status, reply.code().as_str()), (400, "DENIED"));
    }
}

#[test]
fn a_token_lasts_twelve_hours() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    sandbox.advance(std::time::Duration::from_secs(11 * 3600));
    assert_eq!(registry.get("/v2/").status, 200);
    sandbox.advance(std::time::Duration::from_secs(3601));
    let reply = registry.get("/v2/");
    assert_eq!((reply.status, reply.code().as_str()), (403, "DENIED"));
    assert!(reply.json()["errors"][0]["message"].as_str().unwrap().contains("has expired"));
}

#[test]
fn an_image_goes_in_and_comes_out_the_same() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let manifest = release(&registry, "1.0", b"layer").to_string();
    let digest = digest(manifest.as_bytes());
    for reference in ["1.0", &digest] {
        let reply = registry.get(&format!("/v2/sample/app/manifests/{reference}"));
        assert_eq!(reply.body, manifest.as_bytes());
        assert_eq!(reply.header("content-type"), client::OCI_MANIFEST);
        assert_eq!(reply.header("docker-content-digest"), digest);
        let head = registry.head(&format!("/v2/sample/app/manifests/{reference}"));
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.header("content-length"), manifest.len().to_string());
    }
    let blob = format!("/v2/sample/app/blobs/{}", client::digest(b"layer"));
    assert_eq!(registry.get(&blob).body, b"layer");
    assert_eq!(registry.head(&blob).header("content-length"), "5");
    assert_eq!(registry.get("/v2/sample/app/tags/list").json(), json!({"name": "sample/app", "tags": ["1.0"]}));
}

#[test]
fn a_docker_manifest_keeps_its_media_type() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    registry.upload("sample/app", b"{}");
    let media_type = "application/vnd.docker.distribution.manifest.v2+json";
    let mut manifest = manifest(b"{}", &[]);
    manifest["mediaType"] = json!(media_type);
    assert_eq!(registry.put_manifest("sample/app", "docker", &manifest).status, 201);
    assert_eq!(registry.get("/v2/sample/app/manifests/docker").header("content-type"), media_type);
}

#[test]
fn an_index_needs_its_manifests() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let child = manifest(b"{}", &[b"layer"]).to_string();
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX,
        "manifests": [descriptor(client::OCI_MANIFEST, child.as_bytes())]});
    let reply = registry.put_manifest("sample/app", "all", &index);
    assert_eq!((reply.status, reply.code().as_str()), (404, "MANIFEST_BLOB_UNKNOWN"));
    release(&registry, "one", b"layer");
    assert_eq!(registry.put_manifest("sample/app", "all", &index).status, 201);
    assert_eq!(registry.get("/v2/sample/app/manifests/all").header("content-type"), OCI_INDEX);
}

#[test]
fn a_manifest_put_by_another_digest_is_refused() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    registry.upload("sample/app", b"{}");
    let reply = registry.put_manifest("sample/app", &digest(b"other"), &manifest(b"{}", &[]));
    assert_eq!((reply.status, reply.code().as_str()), (400, "DIGEST_INVALID"));
}

#[test]
fn a_manifest_whose_layers_are_missing_is_refused_as_ecr_does() {
    let sandbox = sandbox();
    let reply = Registry::of(&sandbox).put_manifest("sample/app", "1.0", &manifest(b"{}", &[]));
    assert_eq!((reply.status, reply.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
    let message = reply.json()["errors"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("Layers with digests '[{}]' required", digest(b"{}"))), "{message}");
}

#[test]
fn an_immutable_tag_takes_the_same_image_again_and_no_other() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let mutability = json!({"repositoryName": "sample/app", "imageTagMutability": "IMMUTABLE"});
    sandbox.ecr("PutImageTagMutability", mutability).unwrap();
    release(&registry, "1.0", b"layer");
    release(&registry, "1.0", b"layer");
    registry.upload("sample/app", b"other");
    let reply = registry.put_manifest("sample/app", "1.0", &manifest(b"{}", &[b"other"]));
    assert_eq!((reply.status, reply.code().as_str()), (400, "TAG_INVALID"));
}

#[test]
fn what_is_missing_is_told_apart() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let code = |target: &str| {
        let reply = registry.get(target);
        (reply.status, reply.code())
    };
    assert_eq!(code("/v2/sample/app/manifests/9"), (404, "MANIFEST_UNKNOWN".into()));
    assert_eq!(code("/v2/sample/none/manifests/9"), (404, "NAME_UNKNOWN".into()));
    assert_eq!(code(&format!("/v2/sample/app/blobs/{}", digest(b"x"))), (404, "BLOB_UNKNOWN".into()));
    assert_eq!(code("/v2/_catalog"), (404, "NAME_INVALID".into()));
    assert_eq!(registry.head(&format!("/v2/sample/app/blobs/{}", digest(b"x"))).status, 404);
    let reply = registry.send("POST", "/v2/sample/none/blobs/uploads/", &[], b"").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (404, "NAME_UNKNOWN"));
    let reply = registry.send("DELETE", "/v2/sample/app/manifests/1.0", &[], b"").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (405, "UNSUPPORTED"));
}

#[test]
fn a_layer_is_seen_at_once_and_pulled_only_when_an_image_names_it() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let blob = format!("/v2/sample/app/blobs/{}", registry.upload("sample/app", b"layer"));
    assert_eq!(registry.head(&blob).status, 200);
    assert_eq!(registry.get(&blob).status, 404);
    release(&registry, "1.0", b"layer");
    assert_eq!(registry.get(&blob).status, 200);
}

#[test]
fn a_blob_of_another_digest_is_refused_and_not_kept() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    let reply = registry.finish(&upload, &digest(b"expected"), b"arrived").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (400, "DIGEST_INVALID"));
    for content in [b"expected", b"arrived!"] {
        assert_eq!(registry.head(&format!("/v2/sample/app/blobs/{}", digest(content))).status, 404);
    }
    let reply = registry.finish(&upload, &digest(b"expected"), b"expected").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (404, "BLOB_UPLOAD_UNKNOWN"));
    let reply = registry.finish(&registry.begin("sample/app"), "sha512:00", b"x").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (400, "DIGEST_INVALID"));
}

#[test]
fn chunks_are_answered_with_201_and_joined() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    let first = vec![1; 5 * 1024 * 1024];
    let reply = registry.send("PATCH", &upload, &[("content-range", "0-5242879")], &first).unwrap();
    assert_eq!((reply.status, reply.header("range")), (201, "0-5242879"));
    assert_eq!(path_of(reply.header("location")), upload);
    let reply = registry.send("PATCH", &upload, &[("content-range", "7-10")], b"rest").unwrap();
    assert_eq!((reply.status, reply.header("range")), (416, "0-5242879"));
    assert_eq!(registry.send("PATCH", &upload, &[("content-range", "5242880-5242883")], b"rest").unwrap().status, 201);
    let status = registry.get(&upload);
    assert_eq!((status.status, status.header("range")), (204, "0-5242883"));
    let digest = digest(&[first, b"rest".to_vec()].concat());
    assert_eq!(registry.finish(&upload, &digest, b"").unwrap().status, 201);
    assert_eq!(registry.head(&format!("/v2/sample/app/blobs/{digest}")).header("content-length"), "5242884");
}

#[test]
fn a_chunk_that_is_not_the_last_has_five_mebibytes() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    for chunk in [b"small", b"chunk"] {
        assert_eq!(registry.send("PATCH", &upload, &[], chunk).unwrap().status, 201);
    }
    let reply = registry.finish(&upload, &digest(b"smallchunk"), b"").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (400, "SIZE_INVALID"));
}

#[test]
fn an_upload_can_be_cancelled() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    assert_eq!(registry.send("DELETE", &upload, &[], b"").unwrap().status, 204);
    assert_eq!(registry.get(&upload).status, 404);
}

#[test]
fn a_part_whose_connection_is_lost_is_not_stored() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    let head = format!(
        "PUT {upload}?digest={} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: 100\r\n\r\nhalf",
        digest(b"whole"),
        registry.authorization
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    // The server closes when it has noticed.
    stream.read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(registry.finish(&upload, &digest(b"whole"), b"whole").unwrap().status, 201);
}

#[test]
fn a_blob_is_mounted_where_the_account_mounts_and_a_pull_of_it_would_go_well() {
    let sandbox = sandbox();
    sandbox.ecr("CreateRepository", json!({"repositoryName": "other"})).unwrap();
    let registry = Registry::of(&sandbox);
    let (named, unnamed) = (digest(b"layer"), registry.upload("sample/app", b"no image names it"));
    release(&registry, "1.0", b"layer");
    let mount = |blob: &str, from: &str| {
        let target = format!("/v2/other/blobs/uploads/?mount={blob}&from={from}");
        registry.send("POST", &target, &[], b"").unwrap()
    };
    assert_eq!(mount(&named, "sample/app").status, 202, "accounts mount nothing by default");
    let setting = json!({"name": "BLOB_MOUNTING", "value": "ENABLED"});
    assert_eq!(sandbox.ecr("PutAccountSetting", setting.clone()).unwrap(), setting);
    for (blob, from) in [(&unnamed, "sample/app"), (&named, "other"), (&named, "nowhere")] {
        assert_eq!(mount(blob, from).status, 202, "{blob} from {from}");
    }
    let mounted = mount(&named, "sample/app");
    assert_eq!((mounted.status, mounted.header("docker-content-digest")), (201, named.as_str()));
    assert_eq!(registry.head(&format!("/v2/other/blobs/{named}")).status, 200);
    let wrong = json!({"name": "BLOB_MOUNTING", "value": "ON"});
    assert_eq!(sandbox.ecr("PutAccountSetting", wrong).unwrap_err().code, "InvalidParameterException");
}

#[test]
fn a_blob_is_read_in_ranges() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    release(&registry, "1.0", b"0123456789");
    let blob = format!("/v2/sample/app/blobs/{}", digest(b"0123456789"));
    let reply = registry.send("GET", &blob, &[("range", "bytes=3-5")], b"").unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (206, b"345".as_slice()));
    assert_eq!(reply.header("content-range"), "bytes 3-5/10");
    let reply = registry.send("GET", &blob, &[("range", "bytes=10-")], b"").unwrap();
    assert_eq!((reply.status, reply.header("content-range")), (416, "bytes */10"));
}

#[test]
fn two_uploads_and_two_tags_at_once_do_not_disturb_each_other() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let registry = &registry;
            scope.spawn(move || release(registry, &format!("1.{number}"), &vec![number; 300_000]));
        }
    });
    let tags = registry.get("/v2/sample/app/tags/list").json()["tags"].as_array().unwrap().len();
    assert_eq!(tags, 8);
    let page = registry.get("/v2/sample/app/tags/list?n=3&last=1.1");
    assert_eq!(page.json()["tags"], json!(["1.2", "1.3", "1.4"]));
    assert!(page.header("link").contains("last=1.4&n=3"));
}

#[test]
fn what_refers_to_an_image_is_listed() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let image = release(&registry, "1.0", b"layer").to_string();
    let mut attestation = manifest(b"{}", &[]);
    attestation["artifactType"] = json!("application/x-test");
    attestation["subject"] = descriptor(client::OCI_MANIFEST, image.as_bytes());
    let reply = registry.put_manifest("sample/app", &digest(attestation.to_string().as_bytes()), &attestation);
    assert_eq!((reply.status, reply.header("oci-subject")), (201, digest(image.as_bytes()).as_str()));
    let index = registry.get(&format!("/v2/sample/app/referrers/{}", digest(image.as_bytes()))).json();
    assert_eq!(index["manifests"][0]["artifactType"], "application/x-test");
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);

    let referrers = |members: serde_json::Value| {
        let mut input = json!({"repositoryName": "sample/app", "subjectId": {"imageDigest": digest(image.as_bytes())}});
        input.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        sandbox.ecr("ListImageReferrers", input).unwrap()
    };
    let mut second = attestation.clone();
    second["artifactType"] = json!("application/x-other");
    registry.put_manifest("sample/app", &digest(second.to_string().as_bytes()), &second);
    let all = referrers(json!({}));
    assert_eq!(all["referrers"].as_array().unwrap().len(), 2);
    assert_eq!(all["referrers"][0]["artifactStatus"], "ACTIVE");
    let typed = referrers(json!({"filter": {"artifactTypes": ["application/x-test"]}}));
    assert_eq!(typed["referrers"].as_array().unwrap().len(), 1);
    assert_eq!(typed["referrers"][0]["digest"], digest(attestation.to_string().as_bytes()));
    let page = referrers(json!({"maxResults": 1}));
    let rest = referrers(json!({"maxResults": 1, "nextToken": page["nextToken"]}));
    assert_ne!(page["referrers"][0]["digest"], rest["referrers"][0]["digest"]);
    assert!(rest.get("nextToken").is_none());
    let lost = json!({"repositoryName": "sample/app", "subjectId": {"imageDigest": digest(b"nothing")}});
    assert_eq!(sandbox.ecr("ListImageReferrers", lost).unwrap_err().code, "ImageNotFoundException");
}

#[test]
fn a_tls_greeting_is_answered_in_plain_http() {
    let sandbox = sandbox();
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    stream.write_all(&[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.0 400");
}

#[test]
fn a_client_that_waits_for_100_continue_is_told_to_go_on() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    let head = format!(
        "PUT {upload}?digest={} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\nexpect: 100-continue\r\n\
         content-length: 4\r\nconnection: close\r\n\r\n",
        digest(b"body"),
        registry.authorization
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    stream.write_all(b"body").unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("HTTP/1.1 201 Created"), "{rest}");
}

#[test]
fn an_upload_of_unknown_length_is_taken_in_one_patch() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let upload = registry.begin("sample/app");
    let mut stream = TcpStream::connect(sandbox.address()).unwrap();
    let request = format!(
        "PATCH {upload} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ntransfer-encoding: chunked\r\n\
         connection: close\r\n\r\n3\r\nlay\r\n2\r\ner\r\n0\r\n\r\n",
        registry.authorization
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201") && answer.contains("range: 0-4\r\n"), "{answer}");
    assert_eq!(registry.finish(&upload, &digest(b"layer"), b"").unwrap().status, 201);
}
