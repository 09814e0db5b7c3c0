//! RSA of a digest that somebody else made, which `ring` does not sign: PKCS #1 v1.5 with SHA-256, of the algorithms that KMS has.
//!
//! Nobody waits here until two primes are found: there is one key of each length, which openssl made, and which is no secret.
//!
//! Source: RFC 8017, 8.2.1, 9.2 and A.1.1.

use p256::elliptic_curve::bigint::modular::{FixedMontyForm, FixedMontyParams};
use p256::elliptic_curve::bigint::{Odd, U2048, U3072, U4096, Uint};

/// A line a key: its bits, its modulus and its private exponent.
const KEYS: &str = include_str!("rsa.txt");

/// What is before a digest of SHA-256. Source: RFC 8017, 9.2, note 1.
const SHA256: [u8; 19] = [0x30, 0x31, 0x30, 0x0d, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0, 4, 0x20];

/// A key.
#[derive(Clone, Debug)]
pub(super) struct Rsa {
    modulus: Vec<u8>,
    private: Vec<u8>,
}

impl Rsa {
    /// The key of so many bits.
    pub fn of(bits: usize) -> Self {
        let line = KEYS.lines().find_map(|line| line.strip_prefix(&format!("{bits} ")));
        let (modulus, private) = line.and_then(|line| line.split_once(' ')).expect("there is one of each length");
        Self { modulus: bytes(modulus), private: bytes(private) }
    }

    /// A SubjectPublicKeyInfo.
    pub fn public(&self) -> Vec<u8> {
        const ALGORITHM: [u8; 15] = [0x30, 0x0d, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
        // A modulus has its highest bit set, and is no negative number.
        let modulus = element(2, &[&[0], &self.modulus[..]].concat());
        let numbers = element(0x30, &[modulus, element(2, &[1, 0, 1])].concat());
        element(0x30, &[&ALGORITHM, &element(3, &[&[0], &numbers[..]].concat())[..]].concat())
    }

    /// The signature on a digest of SHA-256.
    pub fn sign(&self, digest: &[u8]) -> Vec<u8> {
        let padding = vec![0xff; self.modulus.len() - 3 - SHA256.len() - digest.len()];
        let message = [&[0, 1], &padding[..], &[0], &SHA256, digest].concat();
        match self.modulus.len() {
            256 => self.power::<{ U2048::LIMBS }>(&message),
            384 => self.power::<{ U3072::LIMBS }>(&message),
            _ => self.power::<{ U4096::LIMBS }>(&message),
        }
    }

    fn power<const LIMBS: usize>(&self, message: &[u8]) -> Vec<u8> {
        let number = |bytes: &[u8]| Uint::<LIMBS>::from_be_slice(bytes);
        let modulus = Odd::new(number(&self.modulus)).expect("two primes are no even number");
        let message = FixedMontyForm::new(&number(message), &FixedMontyParams::new_vartime(modulus));
        message.pow_vartime(&number(&self.private)).retrieve().to_be_bytes().as_ref().to_vec()
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("the keys are hex");
    (0..hex.len()).step_by(2).map(byte).collect()
}

/// Of DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let head = match u16::try_from(content.len()).expect("a key is short").to_be_bytes() {
        [0, length @ 0..0x80] => vec![tag, length],
        [0, length] => vec![tag, 0x81, length],
        [high, low] => vec![tag, 0x82, high, low],
    };
    [&head[..], content].concat()
}

#[cfg(test)]
mod tests {
    use ring::digest::{self, digest};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_here_another_program_verifies_and_nothing_else() {
        for bits in [2048, 3072, 4096] {
            let key = Rsa::of(bits);
            let signature = key.sign(digest(&digest::SHA256, b"a statement").as_ref());
            assert_eq!(signature.len() * 8, bits);
            let numbers =
                element(0x30, &[element(2, &[&[0], &key.modulus[..]].concat()), element(2, &[1, 0, 1])].concat());
            assert!(key.public().ends_with(&numbers));
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, numbers);
            public.verify(b"a statement", &signature).expect("it is this message's");
            public.verify(b"a changed one", &signature).expect_err("it is another one's");
        }
    }
}
