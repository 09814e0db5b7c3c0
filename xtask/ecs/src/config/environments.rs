//! `[workspace.metadata.xtask.environments.NAME]`: what is otherwise in staging than in production.
//!
//! An environment's table is laid over the configuration before anything is read, key by key and table by table, so that
//! every reader stays as it is and every fault points at the line that somebody wrote.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{anywhere, invalid, suggestion};
use super::keys::{Keys, derived, optional};
use super::table::Table;
use super::value::Value;
use crate::failure::Result;

/// The variable that names one, as `-e` does.
pub(crate) const VARIABLE: &str = "XTASK_ENVIRONMENT";

pub(super) const ENVIRONMENT: Keys = Keys {
    table: "environments.NAME",
    note: "What is otherwise in one environment; `-e NAME` or `XTASK_ENVIRONMENT` chooses it, in the order written. Tables \
           are laid over those of the same name key by key, lists and `task-definition` as a whole. How an image is built \
           and which tag it has cannot differ: what was proven in one environment is what reaches the next.",
    list: &[
        derived(
            "account",
            "twelve digits",
            "the one at the top",
            "the AWS account; credentials of another one are refused",
        ),
        derived("region", "an AWS region", "the one at the top", "its region"),
        derived("registry", "`HOST[:PORT]`", "made of account and region", "its registry"),
        derived("cluster", "a name or an ARN", "the one at the top", "its cluster"),
        derived("role", "a role's ARN", "the one at the top", "the role that is assumed"),
        optional("images", "tables by name", "another `repository` of an image"),
        optional("scan", "a table", "as in `scan`"),
        optional(
            "evidence-key",
            "a key or a table",
            "another key; what the environment before signed is then not believed, until `rescan`, after the promotion and before the deploy, has signed a verdict",
        ),
        optional("services", "tables by name", "as in `services.NAME`; a service of this environment alone, too"),
        optional("tasks", "tables by name", "as in `tasks.NAME`; a task of this environment alone, too"),
        optional("schedules", "tables by name", "as in `schedules.NAME`; one of this environment alone, too"),
        optional("lock", "true, false or a table", "as in `lock`"),
        optional("promotion", "a table", "as in `promotion`"),
        optional("slack", "a table", "as in `slack`"),
        optional("lookups", "a table", "as in `lookups`"),
        optional("workflows", "a table", "another `environment` or `role` of the deploy job"),
    ],
};

pub(super) const IMAGE: Keys = Keys {
    table: "environments.NAME.images.NAME",
    note: "",
    list: &[optional("repository", "a name", "the repository in ECR")],
};

pub(super) const WORKFLOWS: Keys = Keys {
    table: "environments.NAME.workflows",
    note: "",
    list: &[
        derived("environment", "a name", "the environment's own name", "GitHub's environment of the deploy job"),
        derived("role", "a role's ARN", "the one under `workflows`", "the role that trusts GitHub's OIDC provider"),
    ],
};

/// The environments that a configuration declares.
pub(super) struct Declared {
    /// In the order written.
    pub(super) names: Vec<String>,
    pub(super) default: Option<String>,
}

impl Declared {
    /// Reads what the top table has under `environments` and `default-environment`, and checks what may stand there.
    pub(super) fn read(table: &mut Table<'_>) -> Self {
        let images = table.names("images");
        let mut names = Vec::new();
        for (name, mut environment) in table.children("environments", &[&ENVIRONMENT]) {
            for key in [
                "account",
                "region",
                "registry",
                "cluster",
                "role",
                "scan",
                "evidence-key",
                "services",
                "tasks",
                "schedules",
                "lock",
                "promotion",
                "slack",
                "lookups",
            ] {
                // Read where they are laid over what stands at the top.
                drop(environment.take(key));
            }
            for (image, mut over) in environment.children("images", &[&IMAGE]) {
                drop(over.take("repository"));
                if !images.contains(&image) {
                    let hint = suggestion(&image, images.iter().map(String::as_str), "images");
                    over.error(format!("there is no image `{image}` whose repository could be another one"), hint);
                }
                over.finish();
            }
            if let Some(mut workflows) = environment.take("workflows").and_then(|value| value.table(&[&WORKFLOWS])) {
                drop((workflows.take("environment"), workflows.take("role")));
                workflows.finish();
            }
            environment.finish();
            names.push(name);
        }
        let declared = |value: &Value<'_>| {
            let name = value.string()?;
            if names.contains(&name) {
                return Some(name);
            }
            value.error(unknown(&name), suggestion(&name, names.iter().map(String::as_str), "environments"));
            None
        };
        let default = table.optional("default-environment", declared);
        Self { names, default }
    }

    /// The environment that is meant: the one that was asked for, or the default one. `None` where none is declared.
    pub(super) fn choose(&self, asked: Option<&str>) -> Result<Option<String>> {
        let known = || self.names.iter().map(String::as_str);
        match (asked, &self.default) {
            (Some(name), _) if self.names.iter().any(|known| known == name) => Ok(Some(name.to_owned())),
            (Some(name), _) => Err(invalid(vec![anywhere(unknown(name), suggestion(name, known(), "environments"))])),
            (None, Some(default)) => Ok(Some(default.clone())),
            (None, None) if self.names.is_empty() => Ok(None),
            (None, None) => Err(invalid(vec![anywhere(
                "this workspace has several environments, and none was named",
                format!(
                    "{}; name one with `-e NAME`, or write `default-environment = \"{}\"`",
                    suggestion("", known(), "environments"),
                    self.names[0]
                ),
            )])),
        }
    }
}

fn unknown(name: &str) -> String {
    format!("there is no environment `{}`", name.escape_debug())
}

/// The configuration of one environment: its table laid over the top one.
pub(super) fn laid_over<'a>(top: &DeTable<'a>, name: &str) -> DeTable<'a> {
    let over = top.get("environments").and_then(|all| all.get_ref().as_table()?.get(name)?.get_ref().as_table());
    let Some(over) = over else { return top.clone() };
    let known = over.iter().filter(|(key, _)| ENVIRONMENT.has(key.get_ref()));
    let known = known.map(|(key, value)| match (key.get_ref().as_ref(), value.get_ref(), top.get("images")) {
        ("images", DeValue::Table(over), Some(images)) => {
            // An image that nothing says how to build has been told of as a name that nothing has.
            let there = over.iter().filter(|(name, _)| images.get_ref().get(name.get_ref().as_ref()).is_some());
            let there = there.map(|(name, value)| (name.clone(), value.clone())).collect();
            (key.clone(), Spanned::new(value.span(), DeValue::Table(there)))
        }
        _ => (key.clone(), value.clone()),
    });
    merge(top, &known.collect())
}

/// Tables key by key; anything else is replaced.
fn merge<'a>(under: &DeTable<'a>, over: &DeTable<'a>) -> DeTable<'a> {
    let mut merged = under.clone();
    for (key, value) in over {
        // A key that is there would keep its old place.
        let name: &str = key.get_ref();
        let before = merged.remove(name);
        let value = match (before, value.get_ref()) {
            (Some(before), DeValue::Table(over)) if name != "task-definition" => match before.get_ref() {
                DeValue::Table(under) => Spanned::new(before.span(), DeValue::Table(merge(under, over))),
                _ => value.clone(),
            },
            _ => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged
}
