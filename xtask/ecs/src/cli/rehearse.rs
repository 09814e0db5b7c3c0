use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
#[cfg(feature = "rehearse")]
use clap::Parser;

use crate::context::Context;
use crate::failure::Result;
#[cfg(feature = "rehearse")]
use crate::simulate::Worlds;
use crate::stage::With;

/// Release and deploy into an embedded ECR and ECS; no AWS account is touched
#[derive(Args)]
pub(crate) struct Rehearse {
    /// Let this go wrong; `list` shows what can
    #[arg(long, value_name = "NAME")]
    pub fault: Option<String>,
    /// Run the released containers in earnest, with docker where an engine answers, or else in namespaces of their own
    #[arg(long, value_name = "WITH", num_args = 0..=1, require_equals = true, default_missing_value = "either")]
    #[arg(value_enum, conflicts_with = "fault")]
    pub run: Option<With>,
    /// A JSON document of what is there from the start, such as the secrets that containers are given
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
}

/// Serve the embedded ECR and ECS to other clients, until Ctrl-C
#[derive(Args)]
#[command(after_help = "stdout gets the variables that point a client at it, for a shell to read.")]
pub(crate) struct ServeSandbox {
    /// A loopback address and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:4680")]
    pub listen: SocketAddr,
    /// How many times as fast as the real one its clock runs
    #[arg(long, value_name = "TIMES", default_value = "1")]
    pub speed: u32,
    /// A further account, and the access key id whose calls are its own; as often as wanted
    #[arg(long = "account", value_name = "ACCOUNT=ACCESS_KEY", value_parser = account)]
    pub accounts: Vec<(String, String)>,
    /// A JSON document of the parameters, stacks, objects and secrets that it holds
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Run containers of its own registry's images in earnest, with docker where an engine answers, or else in namespaces
    /// of their own
    #[arg(long, value_name = "WITH", num_args = 0..=1, require_equals = true, default_missing_value = "either")]
    #[arg(value_enum)]
    pub run: Option<With>,
    /// Throttle what goes beyond ECS's documented limits
    #[arg(long)]
    pub limits: bool,
    /// A policy of IAM's: whoever calls may do what it allows, and nothing else
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Where each call is to be written at the end: `SECONDS ACCESS_KEY OPERATION STATUS`, a line each
    #[arg(long, value_name = "FILE")]
    pub calls: Option<PathBuf>,
}

/// Play worlds that seeds make, with the real commands in virtual time
#[cfg(feature = "rehearse")]
#[derive(Args)]
pub(crate) struct Simulate {
    /// The seed of the first world; by itself, that world is told of in full
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    pub seed: u64,
    /// How many worlds, of this seed and those after it
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub seeds: u64,
    /// Kill the commands before and after each of their effects instead
    #[arg(long, conflicts_with_all = ["seeds", "faults"])]
    pub crashes: bool,
    /// Put everything that can be wrong with a call into each of them instead; how commands end is held against this page
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    pub faults: Option<PathBuf>,
    /// Of one story alone
    #[arg(long, value_name = "NAME", requires = "faults")]
    pub story: Option<String>,
    /// Push images to a registry that cuts, repeats, reorders and lies, in place of rollouts
    #[arg(long, conflicts_with_all = ["crashes", "faults", "sparse"])]
    pub uploads: bool,
    /// Look at each rollout every 15 s at most: several times as many worlds in a time, and less of each is seen
    #[arg(long)]
    pub sparse: bool,
    /// In so many processes at once
    #[arg(long, value_name = "COUNT", default_value = "1")]
    pub jobs: u64,
}

fn account(text: &str) -> std::result::Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((account, key))
            if account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) && !key.is_empty() =>
        {
            Ok((account.to_owned(), key.to_owned()))
        }
        _ => Err("wanted: twelve digits, =, and an access key id"),
    }
}

impl Rehearse {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        with_sandbox::rehearse(&self, context)
    }
}

#[cfg(feature = "rehearse")]
impl Simulate {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let run = |words: &[String], context: &Context| {
            let cli = super::Cli::try_parse_from(words).map_err(crate::failure::Failure::usage)?;
            cli.command.run(context)
        };
        if self.crashes {
            return crate::simulate::crashes(run, context);
        }
        if let Some(page) = &self.faults {
            return crate::simulate::faults(run, page, self.story.as_deref(), context);
        }
        let Self { seed: first, seeds: count, jobs, sparse, uploads, .. } = self;
        let worlds = Worlds { first, count, jobs, sparse, uploads };
        crate::simulate::run(&worlds, run, context)
    }
}

impl ServeSandbox {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        with_sandbox::serve(&self, context)
    }
}

#[cfg(feature = "rehearse")]
mod with_sandbox {
    use super::{Context, Rehearse, Result, ServeSandbox};
    use crate::rehearse::{Rehearsing, Serving};

    pub(super) fn rehearse(command: &Rehearse, context: &Context) -> Result<()> {
        let Rehearse { fault, run, seed } = command;
        crate::rehearse::run(&Rehearsing { fault: fault.as_deref(), run: *run, seed: seed.as_deref() }, context)
    }

    pub(super) fn serve(command: &ServeSandbox, context: &Context) -> Result<()> {
        let serving = Serving {
            listen: command.listen,
            speed: command.speed,
            accounts: &command.accounts,
            seed: command.seed.as_deref(),
            run: command.run,
            limits: command.limits,
            policy: command.policy.as_deref(),
            calls: command.calls.as_deref(),
        };
        crate::rehearse::serve(&serving, context)
    }
}

/// Everyday commands do without the stand-in; these become the same binary, compiled with it.
#[cfg(not(feature = "rehearse"))]
mod with_sandbox {
    use std::ffi::OsString;

    use super::{Context, Rehearse, Result, ServeSandbox};
    use crate::failure::Failure;
    use crate::process;

    pub(super) fn rehearse(_: &Rehearse, _: &Context) -> Result<()> {
        become_rehearsal()
    }

    pub(super) fn serve(_: &ServeSandbox, _: &Context) -> Result<()> {
        become_rehearsal()
    }

    fn become_rehearsal() -> Result<()> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        // Cargo says which package this is. One that is a workspace of its own is none of the workspace around it.
        let package = match std::env::var_os("CARGO_MANIFEST_PATH") {
            Some(manifest) => ["--manifest-path".into(), manifest],
            None => ["--package".into(), "xtask".into()],
        };
        let mut args: Vec<OsString> = vec!["run".into()];
        args.extend(package);
        args.extend(["--features", "rehearse", "--"].map(OsString::from));
        args.extend(std::env::args_os().skip(1));
        let error = process::become_program(cargo, &args);
        Err(Failure::world(format_args!("could not start cargo to compile the rehearsal: {error}")))
    }
}
