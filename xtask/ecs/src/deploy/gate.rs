//! What an image must have attached before it is deployed.

use std::time::Duration;

use super::plan::{Action, Plan};
use crate::aws::Session;
use crate::aws::ecr::Signing;
use crate::config::{Config, DeployGate};
use crate::event::Events;
use crate::evidence::verdicts;
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
    let today = today();
    let policy = Policy { scan: &config.scan, days: config.deploy.verdict_days, today: &today };
    let mut problems = Vec::new();
    for (image, pinned) in images {
        match config.deploy.gate.map(|DeployGate::Verdict| verdicts(session, pinned)) {
            None => {}
            Some(Err(error)) => problems.push(error.into()),
            Some(Ok(records)) => match stands(&records, &pinned.digest, &policy) {
                Ok(record) => events.note(
                    "Gate",
                    format!("{image} {} passed on {} by {}", pinned.digest.short(), record.day, record.scanner),
                ),
                Err(why) => problems.push(refused(config, image, pinned, &why)),
            },
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
    let not_deployed = format!("image `{image}` ({}) is not deployed", pinned.digest.short());
    loop {
        let signing = ecr.signing(&pinned.repository, &pinned.digest)?;
        let first = pause == PAUSES.0;
        match decide(&signing) {
            Signature::Good(by) => return Ok(by),
            Signature::None => {
                return Err(Failure::new(Ending::Refused, format_args!("{not_deployed}: ECR has not signed it")).help(
                    "`aws ecr get-signing-configuration` shows what is signed when it is pushed; what was pushed before such a \
                     rule is released again under another tag",
                ));
            }
            Signature::Failed(why) => {
                return Err(Failure::new(Ending::Refused, format_args!("{not_deployed}: {why}")).help(
                    "whoever pushes needs signer:SignPayload on the profile; what was not signed is released again under \
                     another tag",
                ));
            }
            Signature::Waits(by) if time::since(begun) >= SIGNING => {
                let waited = quantity::duration(SIGNING.as_secs_f64());
                let message = format!("{not_deployed}: after {waited} it still {by}");
                return Err(Failure::new(Ending::TimedOut, message).help("run it again"));
            }
            Signature::Waits(by) if first => events.note("Waiting", format!("{image} {by}")),
            Signature::Waits(_) => {}
        }
        if interrupt.wait(pause.mul_f64(0.5 + time::chance() / 2.0)) {
            return Err(Failure::interrupted(format_args!(
                "interrupted while image `{image}` was being signed; nothing was deployed"
            )));
        }
        pause = (pause * 2).min(PAUSES.1);
    }
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

fn refused(config: &Config, image: &str, pinned: &Pinned, why: &str) -> Failure {
    let message = format!("image `{image}` ({}) is not deployed: it {why}", pinned.digest.short());
    Failure::new(Ending::Refused, message).help(format!(
        "`{} {image}` scans what is under its tag with today's database and attaches the verdict",
        config.command("rescan")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

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
