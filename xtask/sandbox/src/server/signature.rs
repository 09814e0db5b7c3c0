//! Signatures of requests, version 4: who signed, and whether the signature holds.
//! Source: AWS Identity and Access Management User Guide, "Create a signed AWS API request".

use hyper::HeaderMap;
use hyper::http::request::Parts;
use ring::digest::{SHA256, digest};
use ring::hmac::{HMAC_SHA256, Key, sign};

use crate::ecr::names::hex;

/// The access key id that the sandbox hands out, with a secret against which it checks the signatures. It takes any
/// other key, too, whoever signed; `EXPIRED` and `DENIED` mean what they say.
pub const ACCESS_KEY: &str = "AKIASANDBOX000000000";

/// The secret that belongs to [`ACCESS_KEY`], and to nothing else in the world.
pub(crate) const SECRET_KEY: &str = "sandbox/not/a/secret/0000000000000000000";

/// An `Authorization` header, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Signature<'a> {
    pub access_key: &'a str,
    /// `DATE/REGION/SERVICE/aws4_request`.
    scope: &'a str,
    signed_headers: &'a str,
    hexadecimal: &'a str,
}

impl<'a> Signature<'a> {
    /// None where the request is not signed.
    pub fn of(headers: &'a HeaderMap) -> Option<Self> {
        Self::parse(headers.get("authorization")?.to_str().ok()?)
    }

    /// The region that it is for.
    pub fn region(&self) -> Option<&'a str> {
        self.scope.split('/').nth(1)
    }

    /// The service that it is for.
    pub fn service(&self) -> Option<&'a str> {
        self.scope.split('/').nth(2)
    }

    fn parse(authorization: &'a str) -> Option<Self> {
        let members = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
        let member = |name: &str| {
            members.split(',').map(str::trim).find_map(|member| member.strip_prefix(name)?.strip_prefix('='))
        };
        let (access_key, scope) = member("Credential")?.split_once('/')?;
        let signed_headers = member("SignedHeaders").unwrap_or_default();
        Some(Self { access_key, scope, signed_headers, hexadecimal: member("Signature").unwrap_or_default() })
    }

    /// Whether the holder of this secret signed exactly this request.
    pub fn holds(&self, head: &Parts, body: &[u8], secret: &str) -> bool {
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let line = |name: &str| {
            let words: Vec<&str> = header(name).split_whitespace().collect();
            format!("{name}:{}\n", words.join(" "))
        };
        let headers: String = self.signed_headers.split(';').map(line).collect();
        let (method, query) = (&head.method, canonical(head.uri.query().unwrap_or_default()));
        let path = head.uri.path();
        let path = if self.service() == Some("s3") { path.to_owned() } else { encoded_again(path) };
        // S3 lets a body go unsigned.
        let unsigned = Some(header("x-amz-content-sha256")).filter(|text| *text == "UNSIGNED-PAYLOAD");
        let body = unsigned.map_or_else(|| hash(body), str::to_owned);
        let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{}\n{body}", self.signed_headers);
        let text =
            format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", header("x-amz-date"), self.scope, hash(canonical.as_bytes()));
        let key = self.scope.split('/').fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac(&key, part));
        hex(&hmac(&key, &text)) == self.hexadecimal
    }
}

/// A path is signed as it is encoded once more, but for S3.
/// Source: AWS IAM User Guide, "Create a signed AWS API request", canonical URI.
fn encoded_again(path: &str) -> String {
    let letter = |byte: u8| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    path.bytes().map(letter).collect()
}

/// A query in the order in which it is signed.
fn canonical(query: &str) -> String {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<String> =
        pairs.map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") }).collect();
    pairs.sort();
    pairs.join("&")
}

fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    sign(&Key::new(HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Request;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// The request "post-vanilla" of AWS's own test suite for version 4 signatures.
    fn published() -> Parts {
        let authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
            SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        let request = Request::post("/")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization);
        request.body(()).expect("a request").into_parts().0
    }

    #[test]
    fn the_published_signature_holds() {
        let head = published();
        let signature = Signature::of(&head.headers).expect("it is signed");
        assert_eq!((signature.access_key, signature.region()), ("AKIDEXAMPLE", Some("us-east-1")));
        assert!(signature.holds(&head, b"", SECRET));
    }

    #[test]
    fn another_secret_body_or_header_breaks_it() {
        let mut head = published();
        let original = published();
        let signature = Signature::of(&original.headers).expect("it is signed");
        assert!(!signature.holds(&head, b"", "another"));
        assert!(!signature.holds(&head, b"x", SECRET));
        head.headers.insert("host", "example.com".parse().expect("a value"));
        assert!(!signature.holds(&head, b"", SECRET));
    }

    #[test]
    fn what_is_not_signed_has_no_signature() {
        assert_eq!(Signature::parse("Basic QVdTOng="), None);
        assert_eq!(Signature::parse("AWS4-HMAC-SHA256 SignedHeaders=host"), None);
    }
}
