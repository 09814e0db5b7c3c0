//! The parts that the workflows have in common, as YAML text.

use std::fmt::Write;
use std::time::Duration;

use super::{SlackSecret, Workflows};
use crate::config::Config;

pub const HEAD: &str = "\
# Written by `cargo xtask workflows`: what should be otherwise goes into [workspace.metadata.xtask.workflows] in
# Cargo.toml, and `cargo xtask workflows --check` tells when this file and that table differ.
";

/// A scalar: plain where no reader could take it for something else, else in double quotes, which are JSON's.
pub fn scalar(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./ ".contains(letter);
    let ambiguous = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && !text.ends_with(' ')
        && text.chars().all(plain)
        && !ambiguous.contains(&text.to_ascii_lowercase().as_str());
    if is_word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

pub fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| scalar(item)).collect();
    format!("[{}]", items.join(", "))
}

/// Whole minutes, at least one.
pub fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60).max(1)
}

/// A step that runs shell commands: `run` lines indented under `run: |`.
pub fn shell(name: &str, condition: &str, commands: &[String]) -> String {
    let mut text = format!("\n      - name: {}\n", scalar(name));
    if !condition.is_empty() {
        writeln!(text, "        if: {condition}").expect("writing to a String cannot fail");
    }
    match commands {
        [command] if !command.contains('\n') && scalar(command) == *command => {
            writeln!(text, "        run: {command}").expect("writing to a String cannot fail");
        }
        commands => {
            text.push_str("        run: |\n");
            for line in commands.iter().flat_map(|command| command.lines()) {
                writeln!(text, "          {line}").expect("writing to a String cannot fail");
            }
        }
    }
    text
}

pub fn checkout(workflows: &Workflows, name: &str, reference: &str) -> String {
    let mut text = format!(
        "      - name: {name}\n        uses: {}\n        with:\n          persist-credentials: false\n",
        workflows.action("actions/checkout")
    );
    if !reference.is_empty() {
        writeln!(text, "          ref: {reference}").expect("writing to a String cannot fail");
    }
    text
}

/// The steps before the first `cargo`, where there are any.
pub fn prepare(workflows: &Workflows, condition: &str, components: &str) -> String {
    let mut text = String::new();
    if let Some(toolchain) = &workflows.toolchain {
        let components = if components.is_empty() { String::new() } else { format!(" --component {components}") };
        let commands = [
            format!("rustup toolchain install {toolchain} --profile minimal --no-self-update{components}"),
            format!("rustup default {toolchain}"),
        ];
        text.push_str(&shell(&format!("Install Rust {toolchain}"), condition, &commands));
    }
    if !workflows.setup.is_empty() {
        text.push_str(&shell("Set up", condition, &workflows.setup));
    }
    text
}

/// The step that trades GitHub's token for the role's credentials, where there is a role.
pub fn assume_role(config: &Config) -> String {
    let workflows = &config.workflows;
    let Some(role) = &workflows.role else { return String::new() };
    format!(
        "\n      - name: Assume the role\n        uses: {}\n        with:\n          role-to-assume: {}\n          \
         aws-region: {}\n",
        workflows.action("aws-actions/configure-aws-credentials"),
        scalar(role),
        scalar(&config.region)
    )
}

pub fn role_permission(workflows: &Workflows) -> &'static str {
    if workflows.role.is_some() { "      id-token: write # to assume the role\n" } else { "" }
}

/// The variables of the step that does a stage's work, secrets among them; no other step has them.
pub fn stage_environment(workflows: &Workflows, build_secrets: &[String]) -> String {
    let mut entries: Vec<(String, String)> =
        workflows.env.iter().map(|(name, value)| (name.clone(), scalar(value))).collect();
    let secret = |name: &str| (name.to_owned(), format!("${{{{ secrets.{name} }}}}"));
    if workflows.role.is_none() {
        entries.push(secret("AWS_ACCESS_KEY_ID"));
        entries.push(secret("AWS_SECRET_ACCESS_KEY"));
    }
    match workflows.slack {
        SlackSecret::None => {}
        SlackSecret::Webhook => entries.push(secret("SLACK_WEBHOOK_URL")),
        SlackSecret::Bot => {
            entries.push(secret("SLACK_BOT_TOKEN"));
            entries.push(("SLACK_CHANNEL".to_owned(), "${{ vars.SLACK_CHANNEL }}".to_owned()));
        }
    }
    for name in workflows.secrets.iter().chain(build_secrets) {
        if !entries.iter().any(|(known, _)| known == name) {
            entries.push(secret(name));
        }
    }
    if entries.is_empty() {
        return String::new();
    }
    let lines = entries.iter().map(|(name, value)| format!("          {name}: {value}\n"));
    format!("        env:\n{}", lines.collect::<String>())
}
