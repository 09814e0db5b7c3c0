//! What an image must have attached before it is deployed.

use super::plan::{Action, Plan};
use crate::aws::Session;
use crate::config::{Config, DeployGate};
use crate::event::Events;
use crate::evidence::verdicts;
use crate::failure::{Ending, Failure, Result};
use crate::gate::{Policy, stands};
use crate::gather::Gather;
use crate::reference::Pinned;
use crate::sorted::Arrange;
use crate::time::today;

/// Refuses (exit 3) every image that is to be rolled out without a verdict that lets it pass. One that cannot be looked
/// for lets nothing pass either.
pub(super) fn hold(config: &Config, session: &Session, plans: &[Plan], events: &Events) -> Result<()> {
    let Some(DeployGate::Verdict) = config.deploy.gate else { return Ok(()) };
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
        match verdicts(session, pinned) {
            Err(error) => problems.push(error.into()),
            Ok(records) => match stands(&records, &pinned.digest, &policy) {
                Ok(record) => events.note(
                    "Gate",
                    format!("{image} {} passed on {} by {}", pinned.digest.short(), record.day, record.scanner),
                ),
                Err(why) => problems.push(refused(config, image, pinned, &why)),
            },
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::together(problems)) }
}

fn refused(config: &Config, image: &str, pinned: &Pinned, why: &str) -> Failure {
    let message = format!("image `{image}` ({}) is not deployed: it {why}", pinned.digest.short());
    Failure::new(Ending::Refused, message).help(format!(
        "`{} {image}` scans what is under its tag with today's database and attaches the verdict",
        config.command("rescan")
    ))
}
