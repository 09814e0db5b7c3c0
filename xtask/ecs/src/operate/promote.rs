//! `cargo xtask promote --from ENVIRONMENT --to ENVIRONMENT`: two environments, each with its own credentials.

use crate::aws::Session;
use crate::config::{Config, Loaded};
use crate::context::{Context, environment};
use crate::failure::{Ending, Failure, Result};
use crate::gather::Gather;

/// The environment to copy from.
///
/// Fails (exit 2) where there is none of that name, or it is the one to copy to.
pub(crate) fn source(context: &Context, from: &str) -> Result<Loaded> {
    let source = environment(from)?;
    if source.config.environment == context.drafted()?.config.environment {
        return Err(Failure::usage(format_args!("`--from` and `--to` are both `{from}`"))
            .help("name the environment that has released the images, and the one that is to have them"));
    }
    Ok(source)
}

/// Both ends with their lookups answered and their credentials: the source, and the target, which is the environment that
/// this command acts on. What keeps either from being had comes together.
pub(crate) fn open(context: &Context, source: Loaded) -> Result<(Loaded, Session)> {
    let (before, target) = (source.config.clone(), &context.drafted()?.config);
    match (context.other(source), context.session()) {
        (Ok(theirs), Ok(_)) => Ok(theirs),
        (theirs, ours) => {
            let several = before.account != target.account;
            let of = [(theirs.err(), &before), (ours.err(), target)];
            let failures = of.into_iter().filter_map(|(failure, config)| Some(explained(failure?, config, several)));
            Err(Failure::together(failures.gather()))
        }
    }
}

/// One run has one set of credentials, which cannot be of two accounts.
fn explained(failure: Failure, config: &Config, several: bool) -> Failure {
    match (&config.role, &config.environment) {
        (None, Some(name)) if several && failure.ending == Ending::Usage => failure.help(format!(
            "a promotion needs both environments' credentials at once: a `role` under \
             [workspace.metadata.xtask.environments.{name}] is assumed for its own part alone"
        )),
        _ => failure,
    }
}
