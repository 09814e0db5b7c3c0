//! Every effect of a fault.

use std::time::Duration;

use crate::client::{Registry, call, digest, raw_call, release, sandbox};
use serde_json::json;
use xtask_sandbox::{Effect, Fault, Sandbox, Which};

fn inject(sandbox: &Sandbox, call: &str, which: Which, effect: Effect) {
    sandbox.inject(Fault { call: call.to_owned(), which, effect });
}

fn error(status: u16, code: &str, retry_after: Option<u64>) -> Effect {
    Effect::Error { status, code: code.to_owned(), message: "as was wished".to_owned(), retry_after }
}

#[test]
fn an_error_is_answered_in_the_words_of_the_api() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:ListImages", Which::First(1), error(503, "ServiceUnavailableException", Some(2)));
    let input = json!({"repositoryName": "sample/app"});
    let reply = raw_call(&sandbox, Some("AKIATEST"), "ecr", "ListImages", &input).unwrap();
    assert_eq!((reply.status, reply.header("retry-after")), (503, "2"));
    assert_eq!(reply.json(), json!({"__type": "ServiceUnavailableException", "message": "as was wished"}));
    call(&sandbox, "ecr", "ListImages", &input).expect("only the first call is refused");
    assert_eq!(sandbox.calls()[0].status, 503);
}

#[test]
fn an_error_is_answered_in_the_words_of_the_registry() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:POST blob", Which::Nth(1), error(429, "TOOMANYREQUESTS", Some(1)));
    let reply = registry.send("POST", "/v2/sample/app/blobs/uploads/", &[], b"").unwrap();
    assert_eq!((reply.status, reply.header("retry-after"), reply.code().as_str()), (429, "1", "TOOMANYREQUESTS"));
    registry.upload("sample/app", b"layer");
}

#[test]
fn an_upload_that_is_answered_with_an_error_is_not_stored() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::First(1), error(500, "UNKNOWN", None));
    let upload = registry.begin("sample/app");
    let bytes = vec![1; 2_000_000];
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 500);
    assert_eq!(registry.head(&format!("/v2/sample/app/blobs/{}", digest(&bytes))).status, 404);
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 201);
}

#[test]
fn a_cut_upload_has_no_answer_and_can_be_sent_again() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::Cut { after_bytes: 1000 });
    let upload = registry.begin("sample/app");
    let bytes = vec![1; 2_000_000];
    registry.finish(&upload, &digest(&bytes), &bytes).expect_err("the connection is cut");
    assert_eq!(sandbox.calls().last().unwrap().status, 0);
    assert_eq!(registry.finish(&upload, &digest(&bytes), &bytes).unwrap().status, 201);
}

#[test]
fn a_download_is_cut_in_the_middle() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    release(&registry, "1.0", b"a layer of some length");
    inject(&sandbox, "registry:GET blob", Which::Nth(1), Effect::Cut { after_bytes: 7 });
    let blob = format!("/v2/sample/app/blobs/{}", digest(b"a layer of some length"));
    registry.send("GET", &blob, &[], b"").expect_err("the answer is shorter than it says");
    assert_eq!(registry.get(&blob).status, 200);
}

#[test]
fn a_cut_call_of_the_api_has_no_effect() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:CreateRepository", Which::Every, Effect::Cut { after_bytes: 0 });
    let input = json!({"repositoryName": "other"});
    raw_call(&sandbox, Some("AKIATEST"), "ecr", "CreateRepository", &input).expect_err("the connection is cut");
    sandbox.ecr("CreateRepository", input).expect("it was not made");
}

#[test]
fn a_stalled_call_is_answered_late() {
    let sandbox = sandbox();
    inject(&sandbox, "ecr:ListImages", Which::Every, Effect::Stall { millis: 60 });
    inject(&sandbox, "registry:GET base", Which::Every, Effect::Stall { millis: 60 });
    let registry = Registry::of(&sandbox);
    let started = std::time::Instant::now();
    call(&sandbox, "ecr", "ListImages", &json!({"repositoryName": "sample/app"})).unwrap();
    registry.get("/v2/");
    assert!(started.elapsed() >= Duration::from_millis(120));
}

#[test]
fn a_token_expires_in_the_middle_and_the_next_one_is_good() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::ExpireToken);
    let upload = registry.begin("sample/app");
    let reply = registry.finish(&upload, &digest(b"layer"), b"layer").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (403, "DENIED"));
    let reply = Registry::of(&sandbox).finish(&upload, &digest(b"layer"), b"layer").unwrap();
    assert_eq!(reply.status, 201);
}

#[test]
fn a_blob_is_changed_on_its_way_in_and_on_its_way_out() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT blob", Which::Nth(1), Effect::Corrupt);
    let reply = registry.finish(&registry.begin("sample/app"), &digest(b"layer"), b"layer").unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (400, "DIGEST_INVALID"));
    release(&registry, "1.0", b"layer");
    inject(&sandbox, "registry:GET blob", Which::Nth(1), Effect::Corrupt);
    let blob = format!("/v2/sample/app/blobs/{}", digest(b"layer"));
    assert_eq!(registry.get(&blob).body, b"mayer");
    assert_eq!(registry.get(&blob).body, b"layer");
}

#[test]
fn a_stale_range_loses_no_bytes() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PATCH blob", Which::Every, Effect::StaleRange);
    let upload = registry.begin("sample/app");
    let reply = registry.send("PATCH", &upload, &[], b"layer").unwrap();
    assert_eq!((reply.status, reply.header("range")), (201, "0-0"));
    assert_eq!(registry.finish(&upload, &digest(b"layer"), b"").unwrap().status, 201);
}

#[test]
fn images_are_forgotten_after_a_call() {
    let sandbox = sandbox();
    let registry = Registry::of(&sandbox);
    inject(&sandbox, "registry:PUT manifest", Which::Nth(1), Effect::ForgetImages);
    release(&registry, "1.0", b"layer");
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 404);
    release(&registry, "1.0", b"layer");
    assert_eq!(registry.get("/v2/sample/app/manifests/1.0").status, 200);
}
