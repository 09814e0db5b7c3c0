//! What signs statements, and whose signatures are believed.

use super::envelope::{BUNDLE, Envelope, pre_authenticated, seal};
use super::key::SPECS;
use super::{Attached, Made, PublicKey};
use crate::aws::kms::{Kms, MADE_BY, Public};
use crate::aws::{AwsError, Session};
use crate::config::{Config, Evidence, EvidenceKey};
use crate::digest::Digest;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::reference::Repository;

/// A key that signs, found to be one.
pub(crate) struct Signer {
    kms: Kms,
    key: PublicKey,
}

impl Signer {
    /// `None` where the configuration names no key. Nothing is signed yet.
    ///
    /// Fails where the key is missing, disabled, not for signing, or another one than the workspace's file has.
    pub(crate) fn open(config: &Config, session: &Session) -> Result<Option<Self>> {
        let Some(wanted) = &config.evidence_key else { return Ok(None) };
        let kms = session.kms(&wanted.kms);
        let key = signing(wanted, &kms.public()?)?;
        fits_file(wanted, &key)?;
        Ok(Some(Self { kms, key }))
    }

    /// The same for a release; `None` also where nothing that it attaches is signed.
    pub(crate) fn of_release(config: &Config, session: &Session) -> Result<Option<Self>> {
        if config.evidence.iter().all(|kind| *kind == Evidence::Sbom) { Ok(None) } else { Self::open(config, session) }
    }

    pub(crate) fn key(&self) -> &PublicKey {
        &self.key
    }

    fn sign(&self, made: &Made) -> Result<Made, AwsError> {
        let digest = self.key.digest(&pre_authenticated(&made.bytes));
        let signature = self.kms.sign(&digest, self.key.algorithm())?;
        Ok(Made { bytes: seal(&made.bytes, &self.key, &signature), sealed: true, kind: made.kind })
    }

    /// These with a signature on each statement; without what is attached already and signed by this key, since a second
    /// signature on the same would be another artifact. Lists of contents are no statements, and stay as they are.
    pub(crate) fn signed(
        &self,
        session: &Session,
        (repository, subject): (&Repository, &Digest),
        all: Vec<Made>,
    ) -> Result<Vec<Made>, AwsError> {
        let there = session.ecr().attached(repository, subject, &[BUNDLE])?;
        let payload = |(_, manifest): &(Digest, String)| {
            let attached = Attached::read(manifest.as_bytes()).filter(|it| it.subject.as_ref() == Some(subject))?;
            Envelope::read(&attached.bytes?)?.open(&self.key).ok()
        };
        let there: Vec<Vec<u8>> = there.iter().filter_map(payload).gather();
        let mut signed = Vec::new();
        for made in all {
            if made.kind == Evidence::Sbom {
                signed.push(made);
            } else if !there.contains(&made.bytes) {
                signed.push(self.sign(&made)?);
            }
        }
        Ok(signed)
    }
}

/// The key whose signatures are believed: as the workspace's file has it, else as KMS answers. `None` where the configuration names
/// none, and everything is believed.
pub(crate) fn trusted(config: &Config, session: &Session) -> Result<Option<PublicKey>> {
    let Some(wanted) = &config.evidence_key else { return Ok(None) };
    match of_file(wanted)? {
        Some(key) => Ok(Some(key)),
        None => signing(wanted, &session.kms(&wanted.kms).public()?).map(Some),
    }
}

/// What KMS answered of the key, where that signs. Fails where it is for something else.
pub(crate) fn signing(wanted: &EvidenceKey, answer: &Public) -> Result<PublicKey> {
    let unfit = |why: &str| Failure::usage(format_args!("the key {} {why}", wanted.kms)).help(MADE_BY);
    if answer.usage != "SIGN_VERIFY" {
        return Err(unfit(&format!("is for {} and cannot sign", answer.usage)));
    }
    PublicKey::of_der(&wanted.kms, &answer.der)
        .ok_or_else(|| unfit(&format!("is of {}, and what signs here is of {SPECS}", answer.spec)))
}

/// Fails where the workspace has a file with another public half than the key's.
pub(crate) fn fits_file(wanted: &EvidenceKey, key: &PublicKey) -> Result<()> {
    match of_file(wanted)? {
        Some(pinned) if pinned != *key => Err(Failure::usage(format_args!(
            "{} has another public key than {}, so nobody who reads it would believe what is signed",
            file(wanted),
            wanted.kms
        ))
        .help(FETCH.replace("KEY", &wanted.kms))),
        _ => Ok(()),
    }
}

/// How a public half becomes a file.
const FETCH: &str = "`aws kms get-public-key --key-id KEY --output text --query PublicKey | base64 -d | openssl pkey -pubin \
                     -inform DER` prints it";

fn file(wanted: &EvidenceKey) -> String {
    wanted.public.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
}

/// The public half that the workspace has; `None` where no file is named.
pub(crate) fn of_file(wanted: &EvidenceKey) -> Result<Option<PublicKey>> {
    let Some(path) = &wanted.public else { return Ok(None) };
    let unreadable = |error| Failure::usage(format_args!("{} could not be read: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    PublicKey::of_pem(&wanted.kms, &text).map(Some).ok_or_else(|| {
        Failure::usage(format_args!("{} is no public key of {SPECS} in PEM", path.display()))
            .help(FETCH.replace("KEY", &wanted.kms))
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn a_key_that_is_for_something_else_or_of_a_kind_that_nobody_here_verifies_is_named_with_what_signs() {
        let wanted = EvidenceKey { kms: "alias/x".to_owned(), public: None };
        let ed25519 = "MCowBQYDK2VwAyEABeOn3jTWpKFnTJVf2L4m+lXEt1vgKLWpjCw2SWXI8LM=";
        let says = |usage: &str, spec: &str, says: &str| {
            let der = STANDARD.decode(ed25519).expect("base64");
            let answer = Public { der, spec: spec.to_owned(), usage: usage.to_owned() };
            let failure = signing(&wanted, &answer).expect_err("it is none").to_string();
            assert!(failure.contains(says) && failure.contains("--key-spec ECC_NIST_P256"), "{failure}");
        };
        says("KEY_AGREEMENT", "ECC_NIST_P256", "the key alias/x is for KEY_AGREEMENT and cannot sign");
        says(
            "SIGN_VERIFY",
            "ECC_NIST_EDWARDS25519",
            "the key alias/x is of ECC_NIST_EDWARDS25519, and what signs here is of",
        );
    }
}
