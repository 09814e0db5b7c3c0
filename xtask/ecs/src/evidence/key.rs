//! The public half of the key that signs evidence, and whether it was that key.
//!
//! Verified here and not by KMS: one read of the key is enough for any number of statements, and none where the half is a file of
//! the workspace, so that whoever deploys needs no right on a key that is another account's.
//!
//! Sources: RFC 5280, 4.1.2.7; RFC 5480, 2; RFC 8017, A.1; ITU-T X.690, 8.1; RFC 7468, 13.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, SHA384, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

/// A public key that verifies what one of KMS signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// The key as the configuration names it.
    pub name: String,
    /// What an envelope says of the key that signed it: SHA-256 of the key's DER, as sigstore's clients have it.
    pub id: String,
    kind: Kind,
    /// As `ring` takes it: a point, or the numbers of RSA.
    half: Vec<u8>,
}

/// What signs, of what KMS has and other programs verify without being told: for RSA that is PKCS #1, and not PSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    P256,
    P384,
    Rsa,
}

/// The specs of KMS that this is for, for people.
pub(crate) const SPECS: &str = "ECC_NIST_P256, ECC_NIST_P384, RSA_2048, RSA_3072 and RSA_4096";

impl PublicKey {
    /// Of a SubjectPublicKeyInfo; `None` of what is none, or of a kind that nothing here verifies.
    pub(crate) fn of_der(name: &str, der: &[u8]) -> Option<Self> {
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
        const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
        let (all, rest) = element(0x30, der)?;
        rest.is_empty().then_some(())?;
        let (algorithm, half) = element(0x30, all)?;
        let (algorithm, parameters) = element(6, algorithm)?;
        let (half, _) = element(3, half)?;
        let kind = match algorithm {
            EC => match element(6, parameters)?.0 {
                P256 => Kind::P256,
                P384 => Kind::P384,
                _ => return None,
            },
            RSA => Kind::Rsa,
            _ => return None,
        };
        // The first byte says how many bits are unused.
        let half = half.strip_prefix(&[0])?.to_vec();
        let id = STANDARD.encode(digest(&SHA256, der));
        Some(Self { name: name.to_owned(), id, kind, half })
    }

    /// Of a file as `aws kms get-public-key` and `openssl pkey -pubout` have it.
    pub(crate) fn of_pem(name: &str, pem: &str) -> Option<Self> {
        let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----")?;
        let (text, _) = rest.split_once("-----END PUBLIC KEY-----")?;
        let text: String = text.split_whitespace().collect();
        Self::of_der(name, &STANDARD.decode(text).ok()?)
    }

    /// The algorithm's name in KMS.
    pub(crate) fn algorithm(&self) -> &'static str {
        match self.kind {
            Kind::P256 => "ECDSA_SHA_256",
            Kind::P384 => "ECDSA_SHA_384",
            Kind::Rsa => "RSASSA_PKCS1_V1_5_SHA_256",
        }
    }

    /// What is signed of a message.
    pub(crate) fn digest(&self, message: &[u8]) -> Vec<u8> {
        let hash = if self.kind == Kind::P384 { &SHA384 } else { &SHA256 };
        digest(hash, message).as_ref().to_vec()
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let algorithm: &dyn VerificationAlgorithm = match self.kind {
            Kind::P256 => &ECDSA_P256_SHA256_ASN1,
            Kind::P384 => &ECDSA_P384_SHA384_ASN1,
            Kind::Rsa => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(algorithm, &self.half).verify(message, signature).is_ok()
    }
}

/// The content of the DER element of this tag that bytes begin with, and what is behind it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(&[tag])?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), &rest[1..]),
        0x82 => (usize::from(*rest.first()?) << 8 | usize::from(*rest.get(1)?), &rest[2..]),
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests;
