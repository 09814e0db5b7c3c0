//! What answers lookups: the environment, git, Terraform's state, CloudFormation, Systems Manager, and a repository's own.
//!
//! Everything that is wanted is asked for at once, the sources beside each other and equal lookups once a command; all
//! that fails comes together.

mod fetch;
mod remote;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::aws::{SdkConfig, Session};
use crate::config::{Answers, Config, stand_in};
use crate::failure::{Failure, Result};
use crate::gather::Gather as _;
use crate::lookup::{self, FACTS, Lookup, SOURCES};
use crate::process::question;
use crate::sorted::{SortedMap, SortedSet};

/// What a repository's own source is asked by.
pub struct Asking<'a> {
    /// The workspace's root.
    pub root: &'a Path,
    /// The environment that was chosen, where any is declared.
    pub environment: Option<&'a str>,
    /// Twelve digits.
    pub account: &'a str,
    /// Such as `ap-northeast-1`.
    pub region: &'a str,
    session: Open<'a>,
}

impl Asking<'_> {
    /// What the AWS SDK's clients are made from, with the credentials that the stages use.
    ///
    /// Fails (exit 1) where there are no credentials.
    pub fn aws(&self) -> Result<&SdkConfig> {
        Ok((self.session)()?.sdk())
    }
}

/// Answers a name; an error is told where the lookup is written.
pub(crate) type OwnSource = Box<dyn Fn(&Asking<'_>, &str) -> anyhow::Result<Value>>;
/// Opens the session, or gives the one that is open.
pub(crate) type Open<'a> = &'a dyn Fn() -> Result<&'a Session>;

/// Somebody who knows what lookups stand for.
pub(crate) trait LookUps {
    fn look_up(&self, wanted: &SortedSet<Lookup>) -> Result<Answers>;

    /// Whether the answers are names that stand in, for which a number stands in where ECS wants one.
    fn stands_in(&self) -> bool {
        false
    }
}

/// Nobody is asked: names stand in.
pub(crate) struct StandIns;

impl LookUps for StandIns {
    fn look_up(&self, wanted: &SortedSet<Lookup>) -> Result<Answers> {
        Ok(wanted.iter().map(|lookup| (lookup.clone(), Ok(stand_in(lookup)))).gather())
    }

    fn stands_in(&self) -> bool {
        true
    }
}

/// Everybody who can be asked, and what they have said.
#[derive(Default)]
pub(crate) struct Sources {
    own: SortedMap<String, OwnSource>,
    /// By environment: one name means another thing in each.
    answered: Mutex<SortedMap<Option<String>, Answers>>,
}

impl Sources {
    /// Panics for a name that no lookup could have, or that is taken: only the author of a repository's xtask sees that.
    pub(crate) fn add(&mut self, name: &str, source: OwnSource) {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        assert!(
            !name.is_empty() && name.chars().all(fits),
            "a source of lookups is named in small letters, and not `{name}`"
        );
        assert!(!SOURCES.contains(&name) && !FACTS.contains(&name), "the source of lookups `{name}` is built in");
        self.own.insert(name.to_owned(), source);
    }

    /// Asks for all of these.
    ///
    /// Fails where there is no session and one is needed; what a lookup itself fails with is its answer.
    pub(crate) fn ask<'a>(&self, config: &'a Config, session: Open<'a>, wanted: &SortedSet<Lookup>) -> Result<Answers> {
        let mut all = self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        let answered = all.or_default(config.environment.clone());
        let new: Vec<&Lookup> = wanted.iter().filter(|lookup| !answered.contains_key(lookup)).gather();
        let of = |source: &str| new.iter().copied().filter(|lookup| lookup.source == source).gather::<Vec<_>>();
        let remote = remote::Wanted { ssm: of("ssm"), cfn: of("cfn"), tfstate: of("tfstate") };
        let sdk = if remote.needs_aws(config) { Some(session()?.sdk()) } else { None };
        answered.extend(remote.ask(config, sdk));
        for lookup in new {
            if !["ssm", "cfn", "tfstate"].contains(&lookup.source.as_str()) {
                answered.insert(lookup.clone(), self.near(config, session, lookup));
            }
        }
        Ok(wanted.iter().filter_map(|lookup| Some((lookup.clone(), answered.get(lookup)?.clone()))).gather())
    }

    /// What is answered on this machine, or by the repository itself.
    fn near<'a>(&self, config: &'a Config, session: Open<'a>, lookup: &Lookup) -> Result<Value> {
        let Lookup { source, name } = lookup;
        match source.as_str() {
            "account" => Ok(Value::from(config.account.as_str())),
            "region" => Ok(Value::from(config.region.as_str())),
            "environment" => config.environment.as_deref().map(Value::from).ok_or_else(|| {
                Failure::usage(format_args!("{lookup} is not known: there are no environments"))
                    .help("declare one under `environments`")
            }),
            "env" => {
                let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
                lookup::variable(name, set)
            }
            "git" => git(config, name),
            own => match self.own.get(own) {
                Some(source) => {
                    let Config { root, environment, account, region, .. } = config;
                    let asking = Asking { root, environment: environment.as_deref(), account, region, session };
                    source(&asking, name).map_err(|error| Failure::from(error).during(lookup))
                }
                None => Err(self.unknown(lookup)),
            },
        }
    }

    fn unknown(&self, lookup: &Lookup) -> Failure {
        let own = self.own.keys().map(String::as_str);
        let known: Vec<&str> = SOURCES.into_iter().chain(own).gather();
        let (message, help) = lookup::unknown_source(lookup, &known);
        Failure::usage(message).help(help)
    }
}

fn git(config: &Config, name: &str) -> Result<Value> {
    let (asked, none): (&[&str], _) = match name {
        "commit" => (&["rev-parse", "HEAD"], "there is no commit here"),
        "tag" => (&["describe", "--tags", "--exact-match"], "no tag is on this commit"),
        other => {
            return Err(Failure::usage(format_args!("${{git:{other}}}: git is not asked for `{other}`"))
                .help("write `${git:commit}` or `${git:tag}`"));
        }
    };
    question(&config.root, "git", asked)
        .map(Value::from)
        .map_err(|said| Failure::world(format_args!("${{git:{name}}}: {none}")).said(said))
}
