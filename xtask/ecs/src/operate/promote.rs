//! `cargo xtask promote --from ENVIRONMENT --to ENVIRONMENT`: two environments, each with its own credentials.

use crate::aws::Session;
use crate::config::{Config, Loaded, Origin, Setting};
use crate::context::{Context, environment};
use crate::failure::{Ending, Failure, Result};

/// The environment to copy from.
///
/// Fails (exit 2) where there is none of that name, or it is the one to copy to.
pub(crate) fn source(context: &Context, from: &str) -> Result<Loaded> {
    let source = environment(from)?;
    if source.config.environment == context.config()?.environment {
        return Err(Failure::usage(format_args!("`--from` and `--to` are both `{from}`"))
            .help("name the environment that has released the images, and the one that is to have them"));
    }
    known(&source, from)?;
    Ok(source)
}

/// Only the environment that is acted on has its lookups asked for: in another one, a name that stands in for a
/// repository or a tag would be taken for one.
fn known(source: &Loaded, from: &str) -> Result<()> {
    let of_image =
        |setting: &&Setting| setting.table.starts_with("images.") && matches!(&*setting.key, "repository" | "tag");
    let looked_up = source.origins.settings.iter().filter(of_image).find_map(|setting| match &setting.origin {
        Origin::Lookup { written, at } => Some((&setting.key, written, at)),
        _ => None,
    });
    match looked_up.filter(|_| source.stands_in) {
        Some((key, written, at)) => {
            Err(Failure::at(at.clone(), format_args!("`{key}` is {written}, which is not asked for in {from}"))
                .help("write it out, or make it of `env`, `account`, `region` and `environment`"))
        }
        None => Ok(()),
    }
}

/// Credentials for both ends: of the source, and of the target, which is the environment that this command acts on. What
/// keeps either from being had comes together.
pub(crate) fn open<'a>(context: &'a Context, source: &Config) -> Result<(Session, &'a Session)> {
    let target = context.config()?;
    match (context.open(source), context.session()) {
        (Ok(theirs), Ok(ours)) => Ok((theirs, ours)),
        (theirs, ours) => {
            let several = source.account != target.account;
            let of = [(theirs.err(), source), (ours.err(), target)];
            let failures = of.into_iter().filter_map(|(failure, config)| Some(explained(failure?, config, several)));
            Err(Failure::together(failures.collect()))
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
