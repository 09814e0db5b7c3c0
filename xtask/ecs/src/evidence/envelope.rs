//! A statement and a signature on it, as sigstore's clients read them: a DSSE envelope inside a bundle.
//!
//! Sources: DSSE 1.0.2, protocol.md and envelope.md; sigstore bundle 0.3, which takes exactly one signature.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::{Value, json};

use super::{IN_TOTO, PublicKey};
use crate::digest::Digest;
use crate::gather::Gather;

/// The type of a bundle.
pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
/// Whoever may push can attach any number of statements.
const SHOWN: usize = 3;

/// What an envelope says before anybody has verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Of the key that signed it, as whoever wrote it says; empty where that is nothing to show.
    pub hint: String,
    kind: String,
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

/// Why a statement is not believed, as the end of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    Unsigned,
    /// Its bytes are not in its manifest, or are others than that names.
    NotAtHand,
    Unreadable,
    /// It can be read, and says nothing that is known.
    Strange,
    /// With what it says of that key.
    AnotherKey(String),
    Changed,
    Several(usize),
    OfAnother(Digest),
}

/// What is signed of a statement. Source: DSSE, "Signature Definition".
pub(crate) fn pre_authenticated(payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {IN_TOTO} {} ", IN_TOTO.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// A statement with its signature.
pub(crate) fn seal(payload: &[u8], key: &PublicKey, signature: &[u8]) -> Vec<u8> {
    let bundle = json!({
        "mediaType": BUNDLE,
        "verificationMaterial": { "publicKey": { "hint": key.id } },
        "dsseEnvelope": {
            "payload": STANDARD.encode(payload),
            "payloadType": IN_TOTO,
            // Without a `keyid`: go-securesystemslib passes over a signature whose id it would not have made itself.
            "signatures": [{ "sig": STANDARD.encode(signature) }],
        },
    });
    bundle.to_string().into_bytes()
}

impl Envelope {
    /// `None` of what is no such bundle.
    pub(crate) fn read(bundle: &[u8]) -> Option<Self> {
        let bundle: Value = serde_json::from_slice(bundle).ok()?;
        let envelope = &bundle["dsseEnvelope"];
        let signatures = envelope["signatures"].as_array()?;
        let hint = [&bundle["verificationMaterial"]["publicKey"]["hint"], &envelope["signatures"][0]["keyid"]];
        let hint = hint.into_iter().find_map(Value::as_str).filter(|hint| fit_to_show(hint));
        Some(Self {
            hint: hint.unwrap_or_default().to_owned(),
            kind: envelope["payloadType"].as_str()?.to_owned(),
            payload: decoded(&envelope["payload"])?,
            signatures: signatures.iter().map(|one| decoded(&one["sig"])).collect::<Option<_>>()?,
        })
    }

    /// What it says, whoever signed it.
    pub(crate) fn unverified(self) -> Vec<u8> {
        self.payload
    }

    /// What it says, where this key has signed that.
    pub(crate) fn open(self, key: &PublicKey) -> Result<Vec<u8>, Doubt> {
        let [signature] = self.signatures.as_slice() else { return Err(Doubt::Several(self.signatures.len())) };
        if self.kind == IN_TOTO && key.verifies(&pre_authenticated(&self.payload), signature) {
            return Ok(self.payload);
        }
        // The hint is nobody's word: it decides what is said, and nothing else.
        Err(if self.hint == key.id { Doubt::Changed } else { Doubt::AnotherKey(self.hint) })
    }
}

/// Whether what somebody wrote may stand in a line of ours.
fn fit_to_show(foreign: &str) -> bool {
    foreign.len() <= 100 && foreign.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The first of them, and how many more there are.
pub(crate) fn doubted(doubts: &[Doubt]) -> String {
    let shown = doubts.iter().take(SHOWN).map(|doubt| format!("one {doubt}"));
    let more = doubts.len().checked_sub(SHOWN).filter(|more| *more > 0).map(|more| format!("and {more} more"));
    shown.chain(more).gather::<Vec<_>>().join("; ")
}

/// Either spelling of base64, as DSSE has verifiers take it.
fn decoded(text: &Value) -> Option<Vec<u8>> {
    let text = text.as_str()?;
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("is not signed"),
            Self::NotAtHand => f.write_str("has a manifest without the bytes that it names"),
            Self::Strange => f.write_str("is no statement that can be read"),
            Self::Unreadable => f.write_str("is no envelope that can be read"),
            Self::AnotherKey(hint) if hint.is_empty() => f.write_str("is signed by another key"),
            Self::AnotherKey(hint) => write!(f, "is signed by another key, {hint}"),
            Self::Changed => f.write_str("has a signature that is not this key's of these bytes"),
            Self::Several(0) => f.write_str("has no signature in its envelope"),
            Self::Several(count) => write!(f, "has {count} signatures, where a bundle has one"),
            Self::OfAnother(digest) => write!(f, "is about another image, {digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use xtask_sandbox::{Options, Sandbox};

    use super::*;

    /// Source: DSSE, protocol.md, "Signature Definition".
    #[test]
    fn what_is_signed_has_type_and_length_before_it() {
        assert_eq!(pre_authenticated(b"hello world"), b"DSSEv1 28 application/vnd.in-toto+json 11 hello world");
    }

    #[test]
    fn what_somebody_says_of_a_key_is_shown_where_it_is_short_and_one_line_and_of_many_doubts_three_are() {
        let hint = |hint: &str| {
            let bundle = json!({
                "verificationMaterial": { "publicKey": { "hint": hint } },
                "dsseEnvelope": { "payload": "", "payloadType": IN_TOTO, "signatures": [{ "sig": "", "keyid": "id" }] },
            });
            Envelope::read(bundle.to_string().as_bytes()).expect("it is a bundle").hint
        };
        let longest = "x".repeat(100);
        for shown in ["SHA256:+/a b~", &longest] {
            assert_eq!(hint(shown), shown);
        }
        for foreign in ["a\nerror: b", "\u{1b}[2J", "\u{202e}a", "\u{7f}", &format!("{longest}x")] {
            assert_eq!(hint(foreign), "", "{foreign:?}");
        }
        let mut doubts = vec![Doubt::Unsigned, Doubt::NotAtHand, Doubt::AnotherKey(String::new())];
        let three =
            "one is not signed; one has a manifest without the bytes that it names; one is signed by another key";
        assert_eq!(doubted(&doubts), three);
        doubts.extend([Doubt::Several(2), Doubt::Several(3)]);
        assert_eq!(doubted(&doubts), format!("{three}; and 2 more"));
    }

    /// A key of a sandbox's, and what it signs.
    fn key(sandbox: &Sandbox, alias: &str, message: &[u8]) -> (PublicKey, Vec<u8>) {
        sandbox.seed(&json!({ "kms": { alias: "ECC_NIST_P256" } })).expect("it knows keys");
        let call = |operation: &str, input: Value| {
            sandbox.site("123456789012", "ap-northeast-1").call("kms", operation, input).expect("the key is there")
        };
        let public = call("GetPublicKey", json!({ "KeyId": alias }));
        let public = PublicKey::of_der(alias, &decoded(&public["PublicKey"]).expect("base64")).expect("a key");
        let digest = STANDARD.encode(public.digest(&pre_authenticated(message)));
        let algorithm = public.algorithm();
        let input =
            json!({ "KeyId": alias, "Message": digest, "MessageType": "DIGEST", "SigningAlgorithm": algorithm });
        let signature = decoded(&call("Sign", input)["Signature"]).expect("base64");
        (public, signature)
    }

    #[test]
    fn only_what_one_key_signed_of_exactly_these_bytes_is_opened() {
        let sandbox = Sandbox::start(Options::default()).expect("it starts");
        let ((key, signature), (other, of_other)) = (key(&sandbox, "alias/a", b"{}"), key(&sandbox, "alias/b", b"{}"));
        let open = |bundle: Vec<u8>| Envelope::read(&bundle).expect("it is a bundle").open(&key);
        assert_eq!(open(seal(b"{}", &key, &signature)), Ok(b"{}".to_vec()));
        assert_eq!(open(seal(b"[]", &key, &signature)), Err(Doubt::Changed));
        assert_eq!(open(seal(b"{}", &other, &of_other)), Err(Doubt::AnotherKey(other.id.clone())));
        // A hint is nobody's word.
        assert_eq!(open(seal(b"{}", &key, &of_other)), Err(Doubt::Changed));
        assert_eq!(open(seal(b"{}", &other, &signature)), Ok(b"{}".to_vec()));
        let change = |by: fn(&mut Value)| {
            let mut bundle: Value = serde_json::from_slice(&seal(b"{}", &key, &signature)).expect("JSON");
            by(&mut bundle["dsseEnvelope"]);
            bundle.to_string().into_bytes()
        };
        let twice = change(|it| it["signatures"] = json!([it["signatures"][0], it["signatures"][0]]));
        assert_eq!(open(twice), Err(Doubt::Several(2)));
        assert_eq!(open(change(|it| it["signatures"] = json!([]))), Err(Doubt::Several(0)));
        assert_eq!(open(change(|it| it["payloadType"] = json!("text/plain"))), Err(Doubt::Changed));
        assert_eq!(Envelope::read(&change(|it| it["payload"] = json!("%"))), None);
        assert_eq!(Envelope::read(b"{}"), None);
    }
}
