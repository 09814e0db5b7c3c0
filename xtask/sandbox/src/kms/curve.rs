//! ECDSA of a digest that somebody else made, which `ring` does not sign: P-256 and P-384, as KMS has them.

use p256::ecdsa::signature::hazmat::PrehashSigner;
use ring::rand::{SecureRandom, SystemRandom};

/// One of the two curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

/// A key.
#[derive(Clone, Debug)]
pub(super) enum Pair {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

impl Pair {
    pub fn new(curve: Curve) -> Self {
        match curve {
            Curve::P256 => Self::P256(chance(|bytes: &[u8; 32]| p256::ecdsa::SigningKey::from_slice(bytes).ok())),
            Curve::P384 => Self::P384(chance(|bytes: &[u8; 48]| p384::ecdsa::SigningKey::from_slice(bytes).ok())),
        }
    }

    /// The public point, uncompressed. Source: SEC 1, 2.3.3.
    fn point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    /// A SubjectPublicKeyInfo. Source: RFC 5480, 2.
    pub fn public(&self) -> Vec<u8> {
        let head: &[u8] = match self {
            Self::P256(_) => &[
                0x30, 0x59, 0x30, 0x13, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d,
                3, 1, 7, 3, 0x42, 0,
            ],
            Self::P384(_) => &[
                0x30, 0x76, 0x30, 0x10, 6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 6, 5, 0x2b, 0x81, 4, 0, 0x22, 3,
                0x62, 0,
            ],
        };
        [head, &self.point()].concat()
    }

    /// The signature on a digest, as DER has it.
    pub fn sign(&self, digest: &[u8]) -> Vec<u8> {
        const LONG_ENOUGH: &str = "a digest is as long as the curve";
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(digest).expect(LONG_ENOUGH);
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest).expect(LONG_ENOUGH);
                signature.to_der().as_bytes().to_vec()
            }
        }
    }
}

/// The first key that chance gives: nearly every number is one.
fn chance<T, const SIZE: usize>(key: impl Fn(&[u8; SIZE]) -> Option<T>) -> T {
    loop {
        let mut bytes = [0; SIZE];
        SystemRandom::new().fill(&mut bytes).expect("this machine has chance");
        if let Some(key) = key(&bytes) {
            return key;
        }
    }
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, SHA384, digest};
    use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_here_another_program_verifies_and_nothing_else() {
        for message in [&b"a statement"[..], b"", b"another one"] {
            let pair = Pair::new(Curve::P256);
            let signature = pair.sign(digest(&SHA256, message).as_ref());
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.point());
            public.verify(message, &signature).expect("it is this message's");
            public.verify(b"a changed one", &signature).expect_err("it is another one's");

            let pair = Pair::new(Curve::P384);
            let signature = pair.sign(digest(&SHA384, message).as_ref());
            let public = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, pair.point());
            public.verify(message, &signature).expect("it is this message's");
        }
    }
}
