//! ECR's JSON API, as a client meets it.

use crate::client::{self, Registry, base64, call, call_as, descriptor, digest, manifest, release, sandbox, send};
use serde_json::{Value, json};
use xtask_sandbox::{Options, Sandbox};

fn refused(sandbox: &Sandbox, operation: &str, input: &Value) -> (String, String) {
    call(sandbox, "ecr", operation, input).expect_err("the call is refused")
}

fn put(manifest: &Value, tag: &str) -> Value {
    json!({"repositoryName": "sample/app", "imageManifest": manifest.to_string(), "imageTag": tag})
}

#[test]
fn an_unsigned_request_is_refused() {
    let sandbox = sandbox();
    let (code, message) = call_as(&sandbox, None, "ecr", "DescribeRepositories", &json!({})).unwrap_err();
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("MissingAuthenticationTokenException", "Missing Authentication Token")
    );
}

#[test]
fn an_expired_credential_is_refused() {
    let sandbox = sandbox();
    let (code, _) = call_as(&sandbox, Some("EXPIRED"), "ecr", "DescribeRepositories", &json!({})).unwrap_err();
    assert_eq!(code, "ExpiredTokenException");
}

#[test]
fn a_denied_credential_is_told_the_action_and_the_resource() {
    let sandbox = sandbox();
    let input = json!({"repositoryName": "sample/app", "imageIds": [{"imageTag": "1"}]});
    let (code, message) = call_as(&sandbox, Some("DENIED"), "ecr", "BatchGetImage", &input).unwrap_err();
    assert_eq!(code, "AccessDeniedException");
    assert_eq!(
        message,
        "User: arn:aws:iam::123456789012:user/denied is not authorized to perform: ecr:BatchGetImage on resource: \
         arn:aws:ecr:ap-northeast-1:123456789012:repository/sample/app because no identity-based policy allows the \
         ecr:BatchGetImage action"
    );
    let input = json!({"cluster": "sample", "service": "app"});
    let (_, message) = call_as(&sandbox, Some("DENIED"), "ecs", "UpdateService", &input).unwrap_err();
    assert!(
        message.contains("on resource: arn:aws:ecs:ap-northeast-1:123456789012:service/sample/app because"),
        "{message}"
    );
}

#[test]
fn an_unknown_member_is_refused_and_named() {
    let (code, message) = refused(&sandbox(), "DescribeImages", &json!({"repositoryname": "sample/app"}));
    assert_eq!(code, "SerializationException");
    assert!(message.contains("'repositoryname'"), "{message}");
}

#[test]
fn a_missing_member_a_wrong_type_and_a_broken_rule_are_told_apart() {
    let sandbox = sandbox();
    let (code, message) = refused(&sandbox, "DescribeImages", &json!({}));
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("'repositoryName'") && message.contains("must not be null"), "{message}");
    let (code, _) = refused(&sandbox, "DescribeImages", &json!({"repositoryName": 7}));
    assert_eq!(code, "SerializationException");
    let (code, message) = refused(&sandbox, "CreateRepository", &json!({"repositoryName": "Sample"}));
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("must satisfy regular expression"), "{message}");
    let ids = vec![json!({"imageTag": "1"}); 101];
    let (code, message) = refused(&sandbox, "BatchGetImage", &json!({"repositoryName": "sample/app", "imageIds": ids}));
    assert_eq!(code, "InvalidParameterException");
    assert!(message.contains("less than or equal to 100"), "{message}");
}

#[test]
fn an_operation_that_does_not_exist_is_refused() {
    assert_eq!(refused(&sandbox(), "PutImages", &json!({})).0, "UnknownOperationException");
    let reply = send(&sandbox(), "GET", "/", &[], b"").unwrap();
    assert_eq!(reply.status, 404);
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let sandbox = sandbox();
    let headers = [
        ("x-amz-target", "AmazonEC2ContainerRegistry_V20150921.DescribeImages"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=A/b/c, Signature=0"),
    ];
    let reply = send(&sandbox, "POST", "/", &headers, b"{").unwrap();
    assert_eq!((reply.status, reply.json()["__type"].as_str()), (400, Some("SerializationException")));
    assert_eq!(reply.header("x-amzn-errortype"), "SerializationException");
}

#[test]
fn a_missing_repository_is_not_a_missing_image() {
    let (code, message) = refused(&sandbox(), "DescribeImages", &json!({"repositoryName": "sample/other"}));
    assert_eq!(code, "RepositoryNotFoundException");
    assert_eq!(
        message,
        "The repository with name 'sample/other' does not exist in the registry with id '123456789012'"
    );
}

#[test]
fn repositories_are_made_described_and_deleted() {
    let sandbox = Sandbox::start(Options::default()).unwrap();
    let input = json!({"repositoryName": "a/b", "imageTagMutability": "IMMUTABLE"});
    let made = call(&sandbox, "ecr", "CreateRepository", &input).unwrap();
    assert_eq!(made["repository"]["repositoryUri"], format!("{}/a/b", sandbox.registry()));
    assert_eq!(made["repository"]["repositoryArn"], "arn:aws:ecr:ap-northeast-1:123456789012:repository/a/b");
    assert!(made["repository"]["createdAt"].is_f64());
    assert_eq!(refused(&sandbox, "CreateRepository", &input).0, "RepositoryAlreadyExistsException");
    call(&sandbox, "ecr", "CreateRepository", &json!({"repositoryName": "cc"})).unwrap();
    let first = call(&sandbox, "ecr", "DescribeRepositories", &json!({"maxResults": 1})).unwrap();
    assert_eq!(first["repositories"][0], made["repository"]);
    let second = json!({"maxResults": 1, "nextToken": first["nextToken"]});
    let second = call(&sandbox, "ecr", "DescribeRepositories", &second).unwrap();
    assert_eq!((&second["repositories"][0]["repositoryName"], second.get("nextToken")), (&json!("cc"), None));
    call(&sandbox, "ecr", "DeleteRepository", &json!({"repositoryName": "a/b"})).unwrap();
    let input = json!({"repositoryNames": ["a/b"]});
    assert_eq!(refused(&sandbox, "DescribeRepositories", &input).0, "RepositoryNotFoundException");
}

#[test]
fn a_repository_with_images_is_deleted_only_by_force() {
    let sandbox = sandbox();
    release(&Registry::of(&sandbox), "1.0", b"layer");
    let mut input = json!({"repositoryName": "sample/app"});
    assert_eq!(refused(&sandbox, "DeleteRepository", &input).0, "RepositoryNotEmptyException");
    input["force"] = json!(true);
    call(&sandbox, "ecr", "DeleteRepository", &input).unwrap();
}

#[test]
fn an_image_is_found_by_tag_and_by_digest_and_the_rest_are_failures() {
    let sandbox = sandbox();
    let manifest = release(&Registry::of(&sandbox), "1.0", b"layer").to_string();
    let digest = digest(manifest.as_bytes());
    let ids = json!([{"imageTag": "1.0"}, {"imageDigest": digest}, {"imageTag": "2.0"}, {}, {"imageTag": "-"},
        {"imageTag": "1.0", "imageDigest": format!("sha256:{}", "0".repeat(64))}]);
    let input = json!({"repositoryName": "sample/app", "imageIds": ids, "acceptedMediaTypes": [client::OCI_MANIFEST]});
    let answer = call(&sandbox, "ecr", "BatchGetImage", &input).unwrap();
    let images = answer["images"].as_array().unwrap();
    assert_eq!(images[0]["imageId"], json!({"imageDigest": digest, "imageTag": "1.0"}));
    assert_eq!(images[1]["imageId"], json!({"imageDigest": digest}));
    assert_eq!(images[1]["imageManifest"], manifest);
    assert_eq!(images[1]["imageManifestMediaType"], client::OCI_MANIFEST);
    let codes: Vec<_> =
        answer["failures"].as_array().unwrap().iter().map(|it| it["failureCode"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ImageNotFound", "MissingDigestAndTag", "InvalidImageTag", "ImageTagDoesNotMatchDigest"]);
    assert_eq!(answer["failures"][0]["imageId"], json!({"imageTag": "2.0"}));
}

#[test]
fn an_image_is_described_without_members_that_are_not_set() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let text = release(&registry, "1.0", b"layer").to_string();
    let untagged = manifest(b"{}", &[]).to_string();
    registry.put_manifest("sample/app", &digest(untagged.as_bytes()), &manifest(b"{}", &[]));
    let input = json!({"repositoryName": "sample/app", "filter": {"tagStatus": "TAGGED"}});
    let details = call(&sandbox, "ecr", "DescribeImages", &input).unwrap()["imageDetails"].clone();
    assert_eq!(details.as_array().unwrap().len(), 1);
    assert_eq!(details[0]["imageDigest"], digest(text.as_bytes()));
    assert_eq!(details[0]["imageTags"], json!(["1.0"]));
    assert_eq!(details[0]["imageSizeInBytes"], b"{}".len() + b"layer".len());
    assert!(details[0]["imagePushedAt"].is_f64());
    let input = json!({"repositoryName": "sample/app", "filter": {"tagStatus": "UNTAGGED"}});
    let details = call(&sandbox, "ecr", "DescribeImages", &input).unwrap()["imageDetails"].clone();
    assert_eq!(details[0]["imageDigest"], digest(untagged.as_bytes()));
    assert!(details[0].get("imageTags").is_none());
    let listed = call(&sandbox, "ecr", "ListImages", &json!({"repositoryName": "sample/app"})).unwrap();
    assert_eq!(listed["imageIds"].as_array().unwrap().len(), 2);
}

#[test]
fn describing_an_image_that_is_not_there_names_it() {
    let input = json!({"repositoryName": "sample/app", "imageIds": [{"imageTag": "9"}]});
    let (code, message) = refused(&sandbox(), "DescribeImages", &input);
    assert_eq!(code, "ImageNotFoundException");
    assert!(
        message.starts_with("The image with imageId {imageDigest:'null', imageTag:'9'} does not exist"),
        "{message}"
    );
}

#[test]
fn an_image_whose_layers_are_missing_is_refused_and_they_are_named() {
    let sandbox = sandbox();
    Registry::of(&sandbox).upload("sample/app", b"{}");
    let (code, message) = refused(&sandbox, "PutImage", &put(&manifest(b"{}", &[b"absent"]), "1.0"));
    assert_eq!(code, "LayersNotFoundException");
    assert!(message.contains(&format!("[{}]", digest(b"absent"))), "{message}");
    let index = json!({"schemaVersion": 2, "mediaType": client::OCI_INDEX,
        "manifests": [descriptor(client::OCI_MANIFEST, b"absent")]});
    let (code, message) = refused(&sandbox, "PutImage", &put(&index, "1.0"));
    assert_eq!(code, "ReferencedImagesNotFoundException");
    assert!(message.contains(&digest(b"absent")), "{message}");
}

#[test]
fn a_layer_of_another_repository_does_not_count() {
    let sandbox = sandbox();
    sandbox.ecr("CreateRepository", json!({"repositoryName": "other"})).unwrap();
    Registry::of(&sandbox).upload("other", b"{}");
    assert_eq!(refused(&sandbox, "PutImage", &put(&manifest(b"{}", &[]), "1.0")).0, "LayersNotFoundException");
}

#[test]
fn an_image_is_put_once() {
    let sandbox = sandbox();
    Registry::of(&sandbox).upload("sample/app", b"{}");
    let input = put(&manifest(b"{}", &[]), "1.0");
    let image = call(&sandbox, "ecr", "PutImage", &input).unwrap()["image"].clone();
    let digest = digest(manifest(b"{}", &[]).to_string().as_bytes());
    assert_eq!(image["imageId"], json!({"imageDigest": digest, "imageTag": "1.0"}));
    let (code, message) = refused(&sandbox, "PutImage", &input);
    assert_eq!(code, "ImageAlreadyExistsException");
    assert!(message.contains(&digest) && message.contains("'1.0'"), "{message}");
    call(&sandbox, "ecr", "PutImage", &put(&manifest(b"{}", &[]), "1.1")).expect("another tag is another matter");
}

#[test]
fn a_digest_that_differs_from_the_manifests_is_refused() {
    let sandbox = sandbox();
    Registry::of(&sandbox).upload("sample/app", b"{}");
    let mut input = put(&manifest(b"{}", &[]), "1.0");
    input["imageDigest"] = json!(digest(b"something else"));
    assert_eq!(refused(&sandbox, "PutImage", &input).0, "ImageDigestDoesNotMatchException");
    input["imageDigest"] = json!(digest(manifest(b"{}", &[]).to_string().as_bytes()));
    call(&sandbox, "ecr", "PutImage", &input).unwrap();
}

#[test]
fn a_tag_moves_unless_the_repository_is_immutable() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    release(&registry, "1.0", b"first");
    let second = release(&registry, "1.0", b"second");
    let mutability = json!({"repositoryName": "sample/app", "imageTagMutability": "IMMUTABLE"});
    call(&sandbox, "ecr", "PutImageTagMutability", &mutability).unwrap();
    let (code, message) = refused(&sandbox, "PutImage", &put(&manifest(b"{}", &[b"first"]), "1.0"));
    assert_eq!(code, "ImageTagAlreadyExistsException");
    assert!(message.contains("tag is immutable"), "{message}");
    assert_eq!(refused(&sandbox, "PutImage", &put(&second, "1.0")).0, "ImageAlreadyExistsException");
}

#[test]
fn a_manifest_of_another_media_type_or_size_is_refused() {
    let sandbox = sandbox();
    Registry::of(&sandbox).upload("sample/app", b"{}");
    let mut input = put(&manifest(b"{}", &[]), "1.0");
    input["imageManifestMediaType"] = json!("application/vnd.docker.distribution.manifest.v2+json");
    assert_eq!(refused(&sandbox, "PutImage", &input).0, "InvalidParameterException");
    let mut lies = manifest(b"{}", &[]);
    lies["config"]["size"] = json!(3);
    assert_eq!(refused(&sandbox, "PutImage", &put(&lies, "1.0")).0, "InvalidParameterException");
}

#[test]
fn a_deleted_image_takes_its_tags_along() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let text = release(&registry, "1.0", b"layer").to_string();
    release(&registry, "latest", b"layer");
    let delete = |id: Value| {
        let input = json!({"repositoryName": "sample/app", "imageIds": [id]});
        call(&sandbox, "ecr", "BatchDeleteImage", &input).unwrap()
    };
    delete(json!({"imageTag": "latest"}));
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 200);
    let gone = delete(json!({"imageDigest": digest(text.as_bytes())}));
    assert_eq!(gone["imageIds"][0]["imageTag"], "1.0");
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 404);
    assert_eq!(delete(json!({"imageTag": "1.0"}))["failures"][0]["failureCode"], "ImageNotFound");
}

#[test]
fn layers_are_available_once_uploaded() {
    let sandbox = sandbox();
    let there = Registry::of(&sandbox).upload("sample/app", b"layer");
    let absent = digest(b"absent");
    let input = json!({"repositoryName": "sample/app", "layerDigests": [there, absent, "sha256:x"]});
    let answer = call(&sandbox, "ecr", "BatchCheckLayerAvailability", &input).unwrap();
    assert_eq!(answer["layers"][0]["layerAvailability"], "AVAILABLE");
    assert_eq!(answer["layers"][0]["layerSize"], 5);
    assert_eq!(answer["layers"][1], json!({"layerDigest": absent, "layerAvailability": "UNAVAILABLE"}));
    assert_eq!(answer["failures"][0]["failureCode"], "InvalidLayerDigest");
}

#[test]
fn a_layer_is_uploaded_in_parts_through_the_api() {
    let sandbox = sandbox();
    let begin = json!({"repositoryName": "sample/app"});
    let upload = call(&sandbox, "ecr", "InitiateLayerUpload", &begin).unwrap()["uploadId"].clone();
    let part = |first: u64, bytes: &[u8]| {
        let input = json!({"repositoryName": "sample/app", "uploadId": upload, "partFirstByte": first,
            "partLastByte": first + bytes.len() as u64 - 1, "layerPartBlob": base64(bytes)});
        call(&sandbox, "ecr", "UploadLayerPart", &input)
    };
    let first = vec![7; 5 * 1024 * 1024];
    assert_eq!(part(0, &first).unwrap()["lastByteReceived"], first.len() - 1);
    assert_eq!(part(3, b"rest").unwrap_err().0, "InvalidLayerPartException");
    part(first.len() as u64, b"rest").unwrap();
    let digest = digest(&[first, b"rest".to_vec()].concat());
    let mut input =
        json!({"repositoryName": "sample/app", "uploadId": upload, "layerDigests": [client::digest(b"other")]});
    assert_eq!(refused(&sandbox, "CompleteLayerUpload", &input).0, "InvalidLayerException");
    input["layerDigests"] = json!([digest]);
    assert_eq!(call(&sandbox, "ecr", "CompleteLayerUpload", &input).unwrap()["layerDigest"], digest);
    assert_eq!(refused(&sandbox, "CompleteLayerUpload", &input).0, "UploadNotFoundException");
}

#[test]
fn a_layer_has_a_download_url_once_an_image_names_it() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    let layer = registry.upload("sample/app", b"layer");
    let input = json!({"repositoryName": "sample/app", "layerDigest": layer});
    assert_eq!(refused(&sandbox, "GetDownloadUrlForLayer", &input).0, "LayerInaccessibleException");
    release(&registry, "1.0", b"layer");
    let url = call(&sandbox, "ecr", "GetDownloadUrlForLayer", &input).unwrap()["downloadUrl"].clone();
    let reply = send(&sandbox, "GET", &client::path_of(url.as_str().unwrap()), &[], b"").unwrap();
    assert_eq!((reply.status, reply.body.as_slice()), (200, b"layer".as_slice()));
}

#[test]
fn calls_over_the_network_are_kept_and_direct_ones_are_not() {
    let sandbox = sandbox();
    call(&sandbox, "ecr", "ListImages", &json!({"repositoryName": "sample/app"})).unwrap();
    refused(&sandbox, "ListImages", &json!({"repositoryName": "none"}));
    let calls = sandbox.calls();
    let seen: Vec<_> = calls.iter().map(|call| (call.operation.as_str(), call.status)).collect();
    assert_eq!(seen, [("ecr:ListImages", 200), ("ecr:ListImages", 400)]);
    assert_eq!(calls[1].input, json!({"repositoryName": "none"}));
}

#[test]
fn an_address_that_is_not_loopback_is_refused() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let error = Sandbox::start(Options { listen, ..Options::default() }).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_dropped_sandbox_answers_nobody_and_frees_its_port() {
    let sandbox = sandbox();
    let address = sandbox.address();
    drop(sandbox);
    assert!(std::net::TcpStream::connect(address).is_err());
    Sandbox::start(Options { listen: address, ..Options::default() }).expect("the port is free again");
}

#[test]
fn two_sandboxes_know_nothing_of_each_other() {
    let (one, other) = (sandbox(), Sandbox::start(Options::default()).unwrap());
    assert_ne!(one.address(), other.address());
    assert_eq!(
        refused(&other, "ListImages", &json!({"repositoryName": "sample/app"})).0,
        "RepositoryNotFoundException"
    );
}

#[test]
fn a_signature_of_another_secret_is_refused() {
    let sandbox = sandbox();
    let key = Some(xtask_sandbox::ACCESS_KEY);
    let (code, _) = call_as(&sandbox, key, "ecr", "DescribeRepositories", &json!({})).unwrap_err();
    assert_eq!(code, "InvalidSignatureException");
}

#[test]
fn the_caller_is_told_who_they_are() {
    let sandbox = sandbox();
    let form = [
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/ap-northeast-1/sts/aws4_request, Signature=0"),
    ];
    let body = b"Action=GetCallerIdentity&Version=2011-06-15";
    let reply = send(&sandbox, "POST", "/", &form, body).unwrap();
    let text = String::from_utf8(reply.body).unwrap();
    assert_eq!(reply.status, 200);
    assert!(text.contains("<Arn>arn:aws:iam::123456789012:user/akiatest</Arn>"), "{text}");
    assert_eq!(send(&sandbox, "POST", "/", &form[..1], body).unwrap().status, 403);
}
