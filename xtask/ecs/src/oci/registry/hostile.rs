//! For [`crate::hostile`]: what a registry answers, head and body.

use bytes::Bytes;
use hyper::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::access::Challenge;
use super::answer::{self, Answer};
use super::location;

/// The first line is the status, those up to an empty one the head, the rest the body.
pub(crate) fn answer(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let status =
        lines.next().and_then(|line| line.trim().parse().ok()).and_then(|code| StatusCode::from_u16(code).ok());
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if let (Ok(name), Ok(value)) = (name.trim().parse::<HeaderName>(), HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    let body = Bytes::copy_from_slice(body.as_bytes());
    let answer = Answer { status: status.unwrap_or(StatusCode::OK), headers, body, authorization: None };
    assert!(!answer.to_string().is_empty() && !answer::fix(&answer, "sample/app", &["ecr:PutImage"]).is_empty());
    let _ = (answer.passes(), answer.refuses_credentials(), crate::net::retry_after(&answer.headers));
    if let Some(challenge) = answer.header("www-authenticate").and_then(Challenge::parse) {
        let question = challenge.question();
        assert!(question.url.starts_with(&challenge.realm));
        assert!(!challenge.exchange("token").form.unwrap_or_default().contains(['"', ' ', '\n']));
    }
    if let Some(given) = answer.header("location") {
        let from = "https://registry.example/v2/sample/app/blobs/uploads/";
        if let Some(to) = location::resolve(from, given) {
            assert!(to.parse::<hyper::Uri>().is_ok_and(|to| to.authority().is_some()), "{to}");
            assert!(location::with_parameter(&to, "digest", "sha256:0").len() > to.len());
            let _ = location::same_server(from, &to);
        }
    }
}
