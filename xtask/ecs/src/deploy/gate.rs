//! What an image must have attached before it is deployed.

use std::time::Duration;

use super::plan::{Action, Plan};
use crate::aws::Session;
use crate::aws::ecr::Signing;
use crate::config::{Config, DeployGate};
use crate::digest::Digest;
use crate::event::Events;
use crate::evidence::{Doubt, PublicKey, doubted, trusted, verdicts, warn_of};
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Policy, stands};
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::reference::Pinned;
use crate::sorted::Arrange;
use crate::text::quantity;
use crate::time::{self, today};

/// ECR signs an image within seconds of its push.
const SIGNING: Duration = Duration::from_secs(120);
/// The first pause between two looks, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// Refuses (exit 3) every image that is to be rolled out without a verdict that lets it pass, or the signature that is
/// wanted. One that cannot be looked for lets nothing pass either.
pub(super) fn hold(
    config: &Config,
    session: &Session,
    plans: &[Plan],
    events: &Events,
    interrupt: &Interrupt,
) -> Result<()> {
    if config.deploy.gate.is_none() && !config.deploy.signed {
        return Ok(());
    }
    let mut images: Vec<(&str, &Pinned)> = plans
        .iter()
        .filter(|plan| !matches!(plan.action, Action::NothingToDo { .. }))
        .flat_map(|plan| plan.pins.iter().map(|pin| (pin.image.as_str(), &pin.pinned)))
        .gather();
    images.arrange_by_key(|(image, pinned)| (*image, pinned.to_string()));
    images.dedup();
    if images.is_empty() {
        return Ok(());
    }
    let today = today();
    let policy = Policy { scan: &config.scan, days: config.deploy.verdict_days, today: &today };
    let mut problems = Vec::new();
    // Without the key that is wanted nothing is believed, and what needs none is looked at all the same.
    let key = config.deploy.gate.and_then(|DeployGate::Verdict| match trusted(config, session) {
        Ok(key) => Some(key),
        Err(failure) => {
            problems.push(failure);
            None
        }
    });
    for (image, pinned) in images {
        match key.as_ref().map(|key| (key, verdicts(session, pinned, key.as_ref()))) {
            None => {}
            Some((_, Err(error))) => problems.push(error.into()),
            Some((key, Ok((records, doubts)))) if records.is_empty() && !doubts.is_empty() => {
                problems.push(refused(config, image, pinned, &unbelieved(key.as_ref(), &doubts)));
            }
            Some((key, Ok((records, doubts)))) => {
                warn_of(&doubts, (image, &pinned.digest), events);
                match stands(&records, &pinned.digest, &policy) {
                    Ok(record) => events.note(
                        "Gate",
                        format!(
                            "{image} {} passed on {} by {}{}",
                            pinned.digest.short(),
                            record.day,
                            record.scanner,
                            key.as_ref().map(|key| format!(", signed by {}", key.name)).unwrap_or_default()
                        ),
                    ),
                    Err(why) => problems.push(refused(config, image, pinned, &why)),
                }
            }
        }
        if !config.deploy.signed {
            continue;
        }
        match signature(session, (image, pinned), events, interrupt) {
            Ok(signature) => events.note("Gate", format!("{image} {} is {signature}", pinned.digest.short())),
            Err(failure) if failure.ending == Ending::Interrupted => return Err(failure),
            Err(failure) => problems.push(failure),
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::together(problems)) }
}

/// What signed an image; waits while it is being signed.
fn signature(
    session: &Session,
    (image, pinned): (&str, &Pinned),
    events: &Events,
    interrupt: &Interrupt,
) -> Result<String> {
    let ecr = session.ecr();
    let (begun, mut pause) = (time::instant(), PAUSES.0);
    loop {
        let signature = decide(&ecr.signing(&pinned.repository, &pinned.digest)?);
        if let Some(ended) = ended(&signature, time::since(begun), (image, &pinned.digest)) {
            return ended;
        }
        if let Signature::Waits(by) = signature
            && pause == PAUSES.0
        {
            events.note("Waiting", format!("{image} {by}"));
        }
        if interrupt.wait(pause.mul_f64(0.5 + time::chance() / 2.0)) {
            return Err(Failure::interrupted(format_args!(
                "interrupted while image `{image}` was being signed; nothing was deployed"
            )));
        }
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// What comes of a signature when it has been waited for so long; `None` where it is waited for further.
fn ended(signature: &Signature, waited: Duration, (image, digest): (&str, &Digest)) -> Option<Result<String>> {
    let not_deployed = format!("image `{image}` ({}) is not deployed", digest.short());
    Some(Err(match signature {
        Signature::Good(by) => return Some(Ok(by.clone())),
        Signature::Waits(_) if waited < SIGNING => return None,
        Signature::Waits(by) => {
            let waited = quantity::duration(SIGNING.as_secs_f64());
            Failure::new(Ending::TimedOut, format!("{not_deployed}: after {waited} it still {by}")).help("run it again")
        }
        Signature::None => {
            Failure::new(Ending::Refused, format_args!("{not_deployed}: ECR has not signed it")).help(
                "`aws ecr get-signing-configuration` shows what is signed when it is pushed; what was pushed before such a rule \
                 is released again under another tag",
            )
        }
        Signature::Failed(why) => Failure::new(Ending::Refused, format_args!("{not_deployed}: {why}")).help(
            "whoever pushes needs signer:SignPayload on the profile; what was not signed is released again under another tag",
        ),
    }))
}

/// What the rules' signatures come to.
#[derive(Debug, PartialEq, Eq)]
enum Signature {
    Good(String),
    Waits(String),
    Failed(String),
    None,
}

/// Each rule's signature has to be there.
fn decide(signing: &[Signing]) -> Signature {
    let first = |status: &str| signing.iter().find(|one| one.status == status).map(Signing::says);
    let unknown = signing.iter().find(|one| !["COMPLETE", "IN_PROGRESS"].contains(&one.status.as_str()));
    match (first("FAILED").or_else(|| unknown.map(Signing::says)), first("IN_PROGRESS")) {
        (Some(failed), _) => Signature::Failed(failed),
        (None, Some(waits)) => Signature::Waits(waits),
        (None, None) => first("COMPLETE").map_or(Signature::None, Signature::Good),
    }
}

/// Why none of the verdicts that are attached counts.
fn unbelieved(key: Option<&PublicKey>, doubts: &[Doubt]) -> String {
    let each = doubted(doubts);
    match key {
        Some(key) => format!("has no verdict that {} signed: {each}", key.name),
        None => format!("has no verdict that counts: {each}"),
    }
}

fn refused(config: &Config, image: &str, pinned: &Pinned, why: &str) -> Failure {
    let message = format!("image `{image}` ({}) is not deployed: it {why}", pinned.digest.short());
    Failure::new(Ending::Refused, message).help(format!(
        "`{} {image}` scans what is under its tag with today's database and attaches the verdict{}",
        config.command("rescan"),
        if config.evidence_key.is_some() { ", signed" } else { "" }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_signed_is_waited_for_two_minutes_and_then_it_is_a_timeout_that_says_by_what() {
        let image = ("app", &Digest::of(b"image"));
        let waits = Signature::Waits("is being signed by p".into());
        for waited in [Duration::ZERO, Duration::from_millis(119_999)] {
            assert!(ended(&waits, waited, image).is_none());
        }
        let failure = ended(&waits, SIGNING, image).expect("an end").expect_err("no good one");
        assert_eq!((failure.ending, failure.ending.exit_code()), (Ending::TimedOut, 7));
        let told = failure.to_string();
        assert!(told.contains("is not deployed: after 2 min 0 s it still is being signed by p"), "{told}");
        let signed = ended(&Signature::Good("signed by p".into()), SIGNING, image).expect("an end");
        assert_eq!(signed.expect("a good one"), "signed by p", "what is there by then counts");
    }

    #[test]
    fn each_rules_signature_has_to_be_there_and_one_that_failed_is_not_waited_for() {
        let one = |status: &str| Signing { profile: "p".into(), status: status.into(), why: "Code, why".into() };
        let all = |statuses: &[&str]| decide(&statuses.iter().map(|status| one(status)).collect::<Vec<_>>());
        assert_eq!(all(&[]), Signature::None);
        assert_eq!(all(&["COMPLETE"]), Signature::Good("signed by p".into()));
        assert_eq!(all(&["COMPLETE", "IN_PROGRESS"]), Signature::Waits("is being signed by p".into()));
        let failed = Signature::Failed("not signed by p: Code, why".into());
        assert_eq!(all(&["COMPLETE", "FAILED"]), failed);
        assert_eq!(all(&["IN_PROGRESS", "FAILED"]), failed);
        assert_eq!(all(&["COMPLETE", "REVOKED"]), Signature::Failed("REVOKED by p".into()), "what is new is no pass");
    }
}
