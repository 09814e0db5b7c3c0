//! The key that signs evidence, and whose signatures a deploy believes.

use super::finding::Findings;
use crate::aws::Session;
use crate::config::Config;
use crate::evidence::{fits_file, of_file, signing};

/// Whether the key of the configuration signs, and is the one whose public half the workspace has; nothing where none is named.
pub(super) fn look(config: &Config, session: &Session) -> Findings {
    let mut found = Findings::of(None);
    let Some(wanted) = &config.evidence_key else { return found };
    match session.kms(&wanted.kms).public() {
        Err(error) => {
            found.refused("key", &error);
            // What is in the file needs no answer.
            if let Err(failure) = of_file(wanted) {
                found.failed("key", &failure);
            }
        }
        Ok(answer) => match signing(wanted, &answer).and_then(|key| fits_file(wanted, &key)) {
            Ok(()) => {
                let half = wanted.public.as_ref().map(|file| format!(", and {} is its public half", file.display()));
                found.ok("key", format!("{} signs, {}{}", wanted.kms, answer.spec, half.unwrap_or_default()));
            }
            Err(failure) => found.failed("key", &failure),
        },
    }
    found
}
