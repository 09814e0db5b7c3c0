use clap::{Args, ValueEnum};

use super::to_json;
use crate::aws::calls::{By, EVERYONE};
use crate::aws::iam;
use crate::commit::Commit;
use crate::config::Config;
use crate::context::{Context, environments};
use crate::deploy::Checks;
use crate::failure::{Failure, Result};
use crate::gather::Gather;
use crate::policy::{Facts, Habit, Policy, policy, terraform, trust};
use crate::process::ask;
use crate::text::nearest;

/// Print the least policy that commands need in this configuration
#[derive(Args)]
#[command(after_help = "\
stdout gets the document alone. Without --command it is for what the workflows run: release or promote, and deploy. AWS is asked for lookups, \
and with --check for what the role may do: needed is iam:SimulatePrincipalPolicy.

Exit codes: 0 done, or the role may do all of it · 1 it may not, or the world failed · 2 usage or configuration")]
pub(crate) struct Iam {
    /// What the policy is for, such as `deploy`, `release --plan` or `promote --from`; as often as wanted
    #[arg(long = "command", value_name = "COMMAND", value_parser = command)]
    commands: Vec<By>,
    /// With what a push needs that makes its repository, by a creation template of ECR's
    #[arg(long, conflicts_with = "trust")]
    create_on_push: bool,
    /// The trust policy for GitHub's OIDC in its place: repository, tags and environment
    #[arg(long)]
    trust: bool,
    /// How it is written
    #[arg(long, value_enum, default_value = "json")]
    format: Written,
    /// Compare with what this role may do, by its ARN or name; print nothing
    #[arg(long, value_name = "ROLE", conflicts_with = "trust")]
    check: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Written {
    #[default]
    Json,
    Terraform,
}

impl Iam {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        if self.trust {
            let config = &context.drafted()?.config;
            let remote = Commit::of(&config.root)?.remote;
            let server = std::env::var("GITHUB_SERVER_URL").ok();
            return self.print(
                context,
                "trust",
                &trust(config, remote.as_deref(), server.as_deref(), &branch(config))?,
            );
        }
        let loaded = context.loaded()?;
        let mut facts = Facts::of(loaded, context)?;
        facts.learn(Habit::DecidesAtPauses, !context.stages().is_empty());
        facts.learn(Habit::HasPushesCreate, self.create_on_push);
        for family in &facts.unknown {
            context.events().warn(format!(
                "the task definition {family} is not in this workspace: its roles, log groups and secrets are all of the account's in this policy"
            ));
        }
        let commands = if self.commands.is_empty() { of_the_workflows(&loaded.config)? } else { self.commands.clone() };
        let policy = policy(&facts, &commands);
        match &self.check {
            Some(role) => check(context, role, &policy),
            None => self.print(context, "xtask", &policy.document()),
        }
    }

    fn print(&self, context: &Context, name: &str, document: &serde_json::Value) -> Result<()> {
        match self.format {
            Written::Json => context.print(to_json(document)?),
            Written::Terraform => context.print(terraform(name, document)),
        }
        Ok(())
    }
}

/// The branch that GitHub runs Deploy Stage on, as far as this clone knows.
fn branch(config: &Config) -> String {
    let head = ask(&config.root, "git", &["symbolic-ref", "--short", "refs/remotes/origin/HEAD"]);
    let head = head.and_then(|head| head.strip_prefix("origin/").map(str::to_owned));
    head.filter(|branch| !branch.is_empty()).unwrap_or_else(|| "main".to_owned())
}

/// What Build Stage and Deploy Stage do in this environment, and what others take from it.
fn of_the_workflows(config: &Config) -> Result<Vec<By>> {
    let first = if config.promoted_from.is_some() { By::PromoteTo } else { By::Release };
    let mut commands = vec![first, By::Deploy];
    let others = environments()?;
    let is_source =
        |other: &crate::config::Loaded| other.config.promoted_from.as_deref() == config.environment.as_deref();
    if config.environment.is_some() && others.iter().any(is_source) {
        commands.push(By::PromoteFrom);
    }
    Ok(commands)
}

/// Asks IAM of each statement whether the role may do it.
fn check(context: &Context, role: &str, policy: &Policy) -> Result<()> {
    let sdk = context.session()?.sdk();
    let role = match iam::role(sdk, role)? {
        Some(role) => role.arn,
        None => return Err(Failure::usage(format_args!("there is no role {role} in this account"))),
    };
    let mut missing = Vec::new();
    for statement in &policy.statements {
        let resources: Vec<&str> = statement.resources.iter().map(String::as_str).gather();
        let context = statement.condition.as_ref().and_then(|it| Some((it.key, it.values.first()?.as_str())));
        for action in &statement.actions {
            let refused = iam::denied(sdk, &role, action, &resources, context)?;
            missing.extend(refused.into_iter().map(|resource| format!("{action} on {resource}")));
        }
    }
    if missing.is_empty() {
        context.events().note("Checked", format!("{role} may do all that is needed"));
        return Ok(());
    }
    Err(Failure::world(format_args!("{role} may not do {} of what is needed", missing.len()))
        .said(missing)
        .help("without --check this command prints the policy that it needs"))
}

fn command(text: &str) -> std::result::Result<By, String> {
    EVERYONE.iter().copied().find(|by| by.name() == text).ok_or_else(|| {
        let near = nearest(text, EVERYONE.iter().map(|by| by.name()));
        let known: Vec<&str> = EVERYONE.iter().map(|by| by.name()).gather();
        near.map_or_else(|| format!("known are {}", known.join(", ")), |near| format!("did you mean `{near}`?"))
    })
}
