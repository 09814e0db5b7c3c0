//! `[workspace.metadata.xtask.workflows]`.

use serde_json::{Value as Json, json};
use toml::de::DeValue;

use super::diagnostic::suggestion;
use super::file::file;
use super::grammar::is_variable;
use super::keys::{Keys, derived, optional, or, required};
use super::model::{Call, Ci, Matrix, Pin, Runner, SlackSecret, Submodules, Workflows};
use super::origin::Effective;
use super::table::Table;
use super::value::Value;
use crate::gather::Gather;

pub(super) const WORKFLOWS: Keys = Keys {
    table: "workflows",
    note: "What they do with it: [GITHUB.md](GITHUB.md).",
    list: &[
        or("runner", "a label, an array of labels, or a table", "\"ubuntu-24.04\"", "where jobs run"),
        optional(
            "matrix",
            "`platform` or `image`",
            "builds each platform or each image on a runner of its own, and puts the tags when all are there",
        ),
        optional(
            "call",
            "`also` or `only`",
            "lets other workflows call the two stages; with `only` nothing else starts them but a hand",
        ),
        derived(
            "arm-runner",
            "as `runner`",
            "`ubuntu-24.04-arm`",
            "where a job of `matrix` runs that builds for arm64 alone",
        ),
        optional(
            "manifest",
            "a file",
            "the Cargo.toml of the package that runs, where that is no member called `xtask`",
        ),
        optional(
            "environment",
            "a name",
            "GitHub's environment of the deploy job, whose protection rules hold it back",
        ),
        optional(
            "role",
            "a role's ARN",
            "the role that is assumed by OIDC; without it, keys from the secrets are used",
        ),
        derived("toolchain", "a Rust version", "the runner's own", "the Rust that is installed"),
        or("lfs", "true or false", "false", "whether files of Git LFS are fetched"),
        or("submodules", "true, false or `recursive`", "false", "which submodules are checked out"),
        or("slack", "`none`, `webhook` or `bot`", "\"webhook\"", "which of Slack's secrets the stages get"),
        or("tags", "an array of patterns", "[\"v*\"]", "the tags that start Build Stage"),
        or(
            "tag-must-match",
            "true or false",
            "true",
            "whether `release` refuses a run for a git tag whose version no image has, in any CI; the tag is the one that a hand or a caller names, else that of the run",
        ),
        or("setup", "an array of commands", "[]", "what is run before anything is compiled"),
        or("env", "text by name", "{}", "variables of the two stages; those that cargo reads are CI's as well"),
        or("secrets", "an array of names", "[]", "secrets that both stages get as variables of the same name"),
        or("actions", "a table by action", "{}", "other versions of the actions that are used"),
        or("build-timeout", "a duration", "\"1h\"", "how long Build Stage may take"),
        derived(
            "deploy-timeout",
            "a duration",
            "the rollouts' deadlines and 15 minutes",
            "how long Deploy Stage may take",
        ),
        optional("rescan", "five fields of cron", "when what is released is scanned again, such as `17 5 * * *`, UTC"),
        or("ci", "a table", "{}", "CI"),
    ],
};

pub(super) const RUNNER: Keys = Keys {
    table: "workflows.runner",
    note: "A runner of a group.",
    list: &[required("group", "a name", "the group"), or("labels", "an array", "[]", "the labels that it has to have")],
};

pub(super) const PIN: Keys = Keys {
    table: "workflows.actions.ACTION",
    note: "",
    list: &[
        required("commit", "40 hexadecimal digits", "the action's commit"),
        required("version", "`v7.0.1`", "which version that is"),
    ],
};

pub(super) const CI: Keys = Keys {
    table: "workflows.ci",
    note: "",
    list: &[
        or("timeout", "a duration", "\"1h\"", "how long the job may take"),
        optional("container", "an image by digest", "what the job runs in"),
        optional("options", "text", "`docker create` options for it"),
        or("setup", "an array of commands", "[]", "what is run behind the stages' own `setup`"),
        or(
            "run",
            "an array of commands",
            "[]",
            "what is run; `cargo xtask ci` where this repository's xtask has such a command",
        ),
    ],
};

pub(super) fn read(table: &mut Table<'_>) -> Workflows {
    let mut table = match table.take("workflows").map(|value| value.table(&[&WORKFLOWS])) {
        Some(Some(table)) => table,
        Some(None) => return Workflows::default(),
        None => table.empty("workflows", &[&WORKFLOWS]),
    };
    let default = Workflows::default();
    let slack = [("none", SlackSecret::None), ("webhook", SlackSecret::Webhook), ("bot", SlackSecret::Bot)];
    let matrix = [("platform", Matrix::Platform), ("image", Matrix::Image)];
    let matrix = table.optional("matrix", |value| value.one_of(&matrix));
    let workflows = Workflows {
        runner: table.or("runner", runner, default.runner),
        matrix,
        call: table.optional("call", |value| call(value, matrix)),
        arm_runner: table.optional("arm-runner", runner),
        manifest: table.optional("manifest", |value| file(value, "manifest")),
        environment: table.optional("environment", Value::string),
        role: table.optional("role", |value| value.check(is_role)),
        toolchain: table.optional("toolchain", |value| value.check(is_toolchain)),
        lfs: table.or("lfs", Value::boolean, default.lfs),
        submodules: table.or("submodules", submodules, default.submodules),
        slack: table.or("slack", |value| value.one_of(&slack), default.slack),
        tags: table.or("tags", Value::strings, default.tags),
        tag_must_match: table.or("tag-must-match", Value::boolean, default.tag_must_match),
        setup: table.or("setup", Value::strings, default.setup),
        env: table.or("env", |value| value.map(variable), default.env),
        secrets: table.or("secrets", |value| value.list(|item| item.check(is_secret)), default.secrets),
        actions: table.or("actions", |value| value.map(pin), default.actions),
        build_timeout: table.or("build-timeout", Value::duration, default.build_timeout),
        deploy_timeout: table.optional("deploy-timeout", Value::duration),
        rescan: table.optional("rescan", |value| value.check(is_cron)),
        ci: ci(&mut table),
    };
    table.finish();
    workflows
}

/// The jobs of a matrix hand digests and verdicts on in the run that they are part of, which in a call is the caller's.
fn call(value: &Value<'_>, matrix: Option<Matrix>) -> Option<Call> {
    let how = value.one_of(&[("also", Call::Also), ("only", Call::Only)])?;
    if matrix.is_some() {
        value.error(
            "`call` and `matrix` do not go together: what a matrix's jobs leave for the last one, any job of the caller could leave",
            "take one of them out; a call builds every platform in one job",
        );
        return None;
    }
    Some(how)
}

fn ci(table: &mut Table<'_>) -> Ci {
    let mut table = match table.take("ci").map(|value| value.table(&[&CI])) {
        Some(Some(table)) => table,
        Some(None) => return Ci::default(),
        None => table.empty("ci", &[&CI]),
    };
    let default = Ci::default();
    let ci = Ci {
        timeout: table.or("timeout", Value::duration, default.timeout),
        container: table.optional("container", Value::string),
        options: table.optional("options", Value::string),
        setup: table.or("setup", Value::strings, default.setup),
        run: table.or("run", Value::strings, default.run),
    };
    table.finish();
    ci
}

/// A label, an array of labels, or `{ group = "…", labels = ["…"] }`.
fn runner(value: &Value<'_>) -> Option<Runner> {
    const FORMS: &str = "such as `\"ubuntu-24.04\"`, `[\"self-hosted\", \"arm64\"]` or `{ group = \"large\" }`";
    match value.get() {
        DeValue::String(_) => value.check(is_label).map(Runner::Label),
        DeValue::Array(_) => {
            let labels = value.list(|item| item.check(is_label))?;
            if labels.is_empty() {
                value.error("`runner` names no label", FORMS);
                return None;
            }
            Some(Runner::Labels(labels))
        }
        DeValue::Table(_) => {
            let mut table = value.table(&[&RUNNER])?;
            let group = table.need("group", "name it: `group = \"large\"`", Value::string);
            let labels =
                table.take("labels").map_or(Some(Vec::new()), |labels| labels.list(|item| item.check(is_label)));
            table.finish();
            Some(Runner::Group { group: group?, labels: labels? })
        }
        _ => value.wrong_type("a label, an array of labels or a group", FORMS),
    }
}

/// A label is passed on as it is. What looks like YAML for several would be one that no runner has, and a job that
/// waits for a day.
fn is_label(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("a label looks like `ubuntu-24.04`".to_owned());
    }
    if text.contains("${{") || !text.contains(['[', ']', '{', '}', ',', '\n']) && !text.starts_with("group:") {
        return Ok(text.to_owned());
    }
    if text.contains("group:") {
        return Err("write a group as a table: `runner = { group = \"…\", labels = [\"…\"] }`".to_owned());
    }
    let labels = text.split(['[', ']', '{', '}', ',', '\n', '"', '\'']);
    let labels = labels.map(|label| label.trim().trim_start_matches("- ")).filter(|label| !label.is_empty());
    let labels: Vec<String> = labels.map(|label| format!("\"{label}\"")).gather();
    Err(format!("write several labels as an array: `runner = [{}]`", labels.join(", ")))
}

/// True, false, or `"recursive"`.
fn submodules(value: &Value<'_>) -> Option<Submodules> {
    match value.get() {
        DeValue::Boolean(true) => Some(Submodules::Yes),
        DeValue::Boolean(false) => Some(Submodules::No),
        DeValue::String(_) => value.one_of(&[("recursive", Submodules::Recursive)]),
        _ => value.wrong_type("true, false or \"recursive\"", ""),
    }
}

pub(super) fn is_role(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split(':').gather();
    match parts.as_slice() {
        ["arn", _, "iam", "", account, role] if account.len() == 12 && role.starts_with("role/") => Ok(text.to_owned()),
        _ => Err("a role's ARN looks like `arn:aws:iam::123456789012:role/NAME`"),
    }
}

/// Source: GitHub Docs, "Events that trigger workflows", schedule: POSIX cron.
fn is_cron(text: &str) -> Result<String, &'static str> {
    let field =
        |field: &str| field.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b',' | b'-' | b'/'));
    let fits = text.split(' ').count() == 5 && text.split(' ').all(|it| !it.is_empty() && field(it));
    fits.then(|| text.to_owned()).ok_or("write minute, hour, day, month and day of the week: `17 5 * * *`")
}

/// What rustup takes, and a shell passes through as it is.
fn is_toolchain(text: &str) -> Result<String, &'static str> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    if fits { Ok(text.to_owned()) } else { Err("a toolchain looks like `1.95.0` or `stable`") }
}

fn variable(name: &str, value: &Value<'_>) -> Option<String> {
    if let Err(rule) = is_variable(name) {
        value.error_at_key(format!("`{}` is not a name of a variable", name.escape_debug()), rule);
        return None;
    }
    value.text().map(str::to_owned)
}

fn is_secret(text: &str) -> Result<String, String> {
    is_variable(text).map_err(str::to_owned)?;
    if text.to_ascii_uppercase().starts_with("GITHUB_") {
        return Err("GitHub keeps names that begin with GITHUB_ for itself".to_owned());
    }
    Ok(text.to_owned())
}

/// `{ commit = "40 digits", version = "v7.0.1" }`
fn pin(action: &str, value: &Value<'_>) -> Option<Pin> {
    if !Workflows::known_actions().any(|known| known == action) {
        let known: Vec<&str> = Workflows::known_actions().gather();
        let hint = suggestion(action, known.iter().copied(), "the actions");
        value.error_at_key(format!("no workflow uses the action `{}`", action.escape_debug()), hint);
        return None;
    }
    let mut table = value.table(&[&PIN])?;
    let is_commit = |text: &str| {
        let fits = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits { Ok(text.to_owned()) } else { Err("a commit is 40 lowercase hexadecimal digits") }
    };
    let is_version = |text: &str| {
        let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
        if fits { Ok(text.to_owned()) } else { Err("a version looks like `v7.0.1`") }
    };
    let commit = table.need("commit", "pin it: `commit = \"…\"`", |value| value.check(is_commit));
    let version =
        table.need("version", "say which version that is: `version = \"v7.0.1\"`", |value| value.check(is_version));
    table.finish();
    Some(Pin { commit: commit?, version: version? })
}

impl Effective for SlackSecret {
    fn effective(&self, _: &std::path::Path) -> Json {
        json!(match self {
            Self::None => "none",
            Self::Webhook => "webhook",
            Self::Bot => "bot",
        })
    }
}

impl Effective for Matrix {
    fn effective(&self, _: &std::path::Path) -> Json {
        json!(match self {
            Self::Platform => "platform",
            Self::Image => "image",
        })
    }
}

impl Effective for Call {
    fn effective(&self, _: &std::path::Path) -> Json {
        json!(match self {
            Self::Also => "also",
            Self::Only => "only",
        })
    }
}

impl Effective for Runner {
    fn effective(&self, _: &std::path::Path) -> Json {
        match self {
            Self::Label(label) => json!(label),
            Self::Labels(labels) => json!(labels),
            Self::Group { group, labels } if labels.is_empty() => json!({ "group": group }),
            Self::Group { group, labels } => json!({ "group": group, "labels": labels }),
        }
    }
}

impl Effective for Submodules {
    fn effective(&self, _: &std::path::Path) -> Json {
        match self {
            Self::No => json!(false),
            Self::Yes => json!(true),
            Self::Recursive => json!("recursive"),
        }
    }
}

impl Effective for Pin {
    fn effective(&self, _: &std::path::Path) -> Json {
        json!({ "commit": self.commit, "version": self.version })
    }
}
