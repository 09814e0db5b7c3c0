//! What the configuration puts into the holes of the templates.

use std::time::Duration;

use super::fill::{Holes, list, scalar, script};
use super::{Checkout, PARTS, STAGE, call};
use crate::config::{
    Builder, Cache, Call, Config, ENVIRONMENT_VARIABLE, Image, Matrix, Runner, SlackSecret, Submodules, Workflows,
};
use crate::gather::Gather;
use crate::platform::Platform;
use crate::release::GIT_TAG;
use crate::sorted::SortedSet;

/// What the deploy job takes beside the rollouts.
const AROUND: Duration = Duration::from_secs(900);

/// How long a role's credentials last where nobody asks for more, and the longest that can be asked for.
/// Source: configure-aws-credentials, `role-duration-seconds`; IAM, "Update the maximum session duration for a role".
const SESSION: (u64, u64) = (3600, 43_200);

/// What starts build.yml, of which these are the jobs.
pub(super) fn pushed(config: &Config, checkout: &Checkout, jobs: &str) -> Holes {
    let folder = Some(checkout.folder.as_str()).filter(|folder| !folder.is_empty());
    let call = config.workflows.call;
    let tags = format!("tags: {}", list(&config.workflows.tags));
    let mut holes = call::declared(call, jobs);
    holes.insert("tags", if call == Some(Call::Only) { String::new() } else { tags });
    holes.insert("folder", entry("working-directory", folder));
    holes
}

/// The job of build.yml that puts the tags. Whether there is anything to build is found inside, so that an image that is
/// there costs seconds and the stage is still a success. No cache is restored: whoever could write one would be published.
pub(super) fn release(config: &Config, checkout: &Checkout) -> Holes {
    let workflows = &config.workflows;
    let mut holes = stage(config, checkout, workflows.build_timeout);
    let secrets = if workflows.matrix.is_some() { registry_tokens(config) } else { build_secrets(config) };
    holes.extend([
        ("job", "release:".to_owned()),
        ("name", name("Release", config.images.keys(), "")),
        ("step", "- name: Release".to_owned()),
        ("command", "run: exec cargo xtask release".to_owned()),
        (
            "variables",
            lines(chosen(config).into_iter().chain([named_tag()]).chain(stage_variables(workflows, &secrets))),
        ),
        ("upload", uses(workflows, "actions/upload-artifact")),
        ("show", show_cache(config)),
    ]);
    holes.extend(call::build(config));
    if workflows.matrix.is_some() {
        holes.extend([
            ("needs", "needs: build".to_owned()),
            ("command", "run: exec cargo xtask release --assemble".to_owned()),
            ("download", uses(workflows, "actions/download-artifact")),
            ("parts", entry("path", Some(&below(checkout, PARTS)))),
            ("show", String::new()),
        ]);
    }
    holes
}

/// The job of build.yml that makes one part of the images on a runner of its own, and leaves the tags to the other job.
pub(super) fn part(config: &Config, checkout: &Checkout, by: Matrix) -> Holes {
    let workflows = &config.workflows;
    let mut holes = stage(config, checkout, workflows.build_timeout);
    let (key, variable, command, parts) = match by {
        Matrix::Platform => ("platform", "PLATFORM", "--platform \"$PLATFORM\"", by_platform(config)),
        Matrix::Image => ("image", "IMAGE", "--no-tag \"$IMAGE\"", by_image(config)),
    };
    holes.extend(call::build(config));
    let one = format!("${{{{ matrix.{key} }}}}");
    // No artifact's name has a slash.
    let named = if by == Matrix::Platform { "part" } else { key };
    let include = |(part, runner): &(String, String)| {
        let named =
            if named == key { String::new() } else { format!("{named}: {}, ", scalar(&part.replace('/', "-"))) };
        format!("- {{ {key}: {}, {named}runner: {runner} }}", scalar(part))
    };
    let variables = stage_variables(workflows, &build_secrets(config));
    let own = [named_tag(), (variable.to_owned(), one.clone())];
    let variables = chosen(config).into_iter().chain(own).chain(variables);
    holes.extend([
        ("job", "build:".to_owned()),
        ("name", format!("name: Build {one}")),
        ("matrix", parts.iter().map(include).gather::<Vec<_>>().join("\n")),
        ("runner", "runs-on: ${{ matrix.runner }}".to_owned()),
        ("step", "- name: Build, scan and push".to_owned()),
        ("command", format!("run: exec cargo xtask release {command}")),
        ("variables", lines(variables)),
        ("left", entry("path", Some(&below(checkout, PARTS)))),
        ("named", format!("name: part-${{{{ matrix.{named} }}}}")),
        ("upload", uses(workflows, "actions/upload-artifact")),
        ("show", show_cache(config)),
        ("artifact", String::new()),
        ("outputs", String::new()),
    ]);
    holes
}

/// Each platform that an image is for, and where it is built.
fn by_platform(config: &Config) -> Vec<(String, String)> {
    let mut parts: Vec<(String, String)> = Vec::new();
    for part in config.images.values().flat_map(Image::parts) {
        let Ok(platform) = part.platform().parse::<Platform>() else { continue };
        if !parts.iter().any(|(known, _)| *known == platform.to_string()) {
            parts.push((platform.to_string(), runner_for(config, &[part])));
        }
    }
    parts
}

fn by_image(config: &Config) -> Vec<(String, String)> {
    config.images.values().map(|image| (image.name.clone(), runner_for(config, &image.parts()))).gather()
}

/// Where these are built, as a value: what is all for arm64 where nothing has to be emulated for it.
fn runner_for(config: &Config, parts: &[Image]) -> String {
    let Workflows { runner, arm_runner, .. } = &config.workflows;
    let is_arm = |part: &Image| part.platform().parse().is_ok_and(|it: Platform| it.architecture == "arm64");
    if !parts.iter().all(is_arm) {
        return as_value(runner);
    }
    arm_runner.as_ref().map_or_else(|| "ubuntu-24.04-arm".to_owned(), as_value)
}

/// GitHub's cache is shown to builds that ask for it, and to nothing else.
fn show_cache(config: &Config) -> String {
    let asks = |image: &Image| matches!(&image.builder, Builder::Dockerfile(it) if it.cache == Some(Cache::Gha));
    let show = config.images.values().any(asks).then(|| uses(&config.workflows, "actions/github-script"));
    show.unwrap_or_default()
}

/// rescan.yml: what the default branch's configuration says is released, scanned with the database of the day.
pub(super) fn rescan(config: &Config, checkout: &Checkout, cron: &str) -> Holes {
    let workflows = &config.workflows;
    let mut holes = stage(config, checkout, workflows.build_timeout);
    holes.insert("cron", format!("- cron: {}", scalar(cron)));
    holes.insert("name", name("Rescan", config.images.keys(), ""));
    let variables = stage_variables(workflows, &registry_tokens(config));
    holes.insert("variables", lines(chosen(config).into_iter().chain(variables)));
    holes
}

/// What starts deploy.yml, of which these are the jobs, and what somebody is asked for who starts it by hand.
pub(super) fn started(environments: &[Config], checkout: &Checkout, jobs: &str) -> Holes {
    let names = names(environments);
    let options = if names.is_empty() { String::new() } else { format!("options: {}", list(&names)) };
    let folder = Some(checkout.folder.as_str()).filter(|folder| !folder.is_empty());
    let call = environments[0].workflows.call;
    let mut holes = call::declared(call, jobs);
    holes.extend([
        ("follows", if call == Some(Call::Only) { String::new() } else { "workflows: [Build Stage]".to_owned() }),
        ("environments", options),
        ("folder", entry("working-directory", folder)),
    ]);
    holes
}

/// The environments that are declared.
pub(super) fn names(environments: &[Config]) -> Vec<String> {
    environments.iter().filter_map(|config| config.environment.clone()).gather()
}

/// A job of deploy.yml: on the commit that Build Stage ran on, with the xtask that it compiled.
pub(super) fn deploy(environments: &[Config], place: usize, checkout: &Checkout) -> Holes {
    let config = &environments[place];
    // Build Stage is one, whatever an environment says of it.
    let call = environments[0].workflows.call;
    let before = place.checked_sub(1).map(|place| &environments[place]);
    let name_of = |config: &Config| config.environment.clone().unwrap_or_default();
    let job = |config: &Config| format!("deploy-{}", name_of(config)).trim_end_matches('-').to_owned();
    let workflows = &config.workflows;
    let deadlines: Duration = config.services.values().map(|service| service.rollout.deadline).sum();
    let mut holes = stage(config, checkout, workflows.deploy_timeout.unwrap_or(deadlines + AROUND));
    let protected = workflows.environment.as_ref().or(config.environment.as_ref());
    let promotes = before.filter(|before| {
        config.images.iter().any(|(name, image)| {
            before.images.get(name).is_some_and(|other| other.reference.to_string() != image.reference.to_string())
        })
    });
    let variables = stage_variables(workflows, &registry_tokens(config));
    let promotion = |before: &Config| {
        lines(
            [("FROM", name_of(before)), ("TO", name_of(config))].map(|(name, value)| (name.to_owned(), scalar(&value))),
        )
    };
    let follows = before.filter(|_| call != Some(Call::Only));
    holes.extend(call::deploy(call, config));
    let at = config.environment.as_ref().map_or(String::new(), |name| format!(" to {name}"));
    holes.extend([
        ("job", format!("{}:", job(config))),
        ("name", name("Deploy", config.services.keys(), &at)),
        ("needs", follows.map_or(String::new(), |before| format!("needs: {}", job(before)))),
        ("condition", call::condition(call, config.environment.as_deref(), follows.map(job).as_deref())),
        ("queue", format!("group: {}", job(config).replacen("deploy", "deploy-stage", 1))),
        ("environment", entry("environment", protected.map(String::as_str))),
        ("promote", promotes.map_or(String::new(), promotion)),
        ("variables", lines(chosen(config).into_iter().chain(variables))),
        ("download", uses(workflows, "actions/download-artifact")),
    ]);
    holes
}

/// The variable that chooses the environment, where any is declared.
fn chosen(config: &Config) -> Option<Variable> {
    config.environment.as_ref().map(|name| (ENVIRONMENT_VARIABLE.to_owned(), scalar(name)))
}

/// ci.yml: the repository's own checks for every branch and every pull request. Of the secrets only the tokens that
/// cargo needs to read the workspace.
pub(super) fn ci(config: &Config, checkout: &Checkout, commands: &[String]) -> Holes {
    let (workflows, ci) = (&config.workflows, &config.workflows.ci);
    let for_cargo = |name: &String| name.starts_with("CARGO") || name.starts_with("RUST");
    let variables = workflows.env.iter().filter(|(name, _)| for_cargo(name)).map(plain);
    let options = ci.options.as_deref().filter(|_| ci.container.is_some());
    let container = [entry("image", ci.container.as_deref()), entry("options", options)];
    let mut holes = everywhere(config, checkout, ci.timeout, " --component clippy,rustfmt");
    holes.insert("container", container.join("\n").trim_end().to_owned());
    holes.insert("cargo", lines(variables.chain(registry_tokens(config).iter().map(secret))));
    holes.insert("ci-setup", run(&ci.setup));
    holes.insert("run", run(commands));
    holes
}

/// What the two stages have in common.
fn stage(config: &Config, checkout: &Checkout, timeout: Duration) -> Holes {
    let workflows = &config.workflows;
    let tokens = registry_tokens(config);
    let role = workflows.role.as_deref();
    let mut holes = everywhere(config, checkout, timeout, "");
    holes.extend([
        ("token", role.map_or("", |_| "id-token: write # to assume the role").to_owned()),
        ("credentials", uses(workflows, "aws-actions/configure-aws-credentials")),
        ("role", entry("role-to-assume", role)),
        ("region", entry("aws-region", Some(&config.region))),
        ("session", session(timeout)),
        ("cargo", lines(workflows.env.iter().map(plain).chain(tokens.iter().map(secret)))),
        ("artifact", entry("path", Some(&below(checkout, STAGE)))),
        ("needs", String::new()),
        ("matrix", String::new()),
        ("parts", String::new()),
        ("left", String::new()),
        ("download", String::new()),
    ]);
    holes
}

/// A path in the workspace, as seen from the repository's root.
fn below(checkout: &Checkout, path: &str) -> String {
    if checkout.folder.is_empty() { path.to_owned() } else { format!("{}/{path}", checkout.folder) }
}

/// What all three have in common.
fn everywhere(config: &Config, checkout: &Checkout, timeout: Duration, components: &str) -> Holes {
    let workflows = &config.workflows;
    let toolchain = workflows.toolchain.as_deref().unwrap_or_default();
    let install = [
        format!("rustup toolchain install {toolchain} --profile minimal --no-self-update{components}"),
        format!("rustup default {toolchain}"),
    ];
    let submodules = match workflows.submodules {
        Submodules::No => "",
        Submodules::Yes => "submodules: true",
        Submodules::Recursive => "submodules: recursive",
    };
    let folder = Some(checkout.folder.as_str()).filter(|folder| !folder.is_empty());
    Holes::from([
        ("folder", entry("working-directory", folder)),
        ("runner", runs_on(&workflows.runner)),
        ("timeout", format!("timeout-minutes: {}", timeout.as_secs().div_ceil(60).max(1))),
        ("checkout", uses(workflows, "actions/checkout")),
        ("lfs", if workflows.lfs { "lfs: true".to_owned() } else { String::new() }),
        ("submodules", submodules.to_owned()),
        ("toolchain", if toolchain.is_empty() { String::new() } else { format!("- name: Install Rust {toolchain}") }),
        ("install", run(&install)),
        ("setup", run(&workflows.setup)),
    ])
}

/// `KEY: VALUE`; nothing where there is no value.
fn entry(key: &str, value: Option<&str>) -> String {
    value.map_or(String::new(), |value| format!("{key}: {}", scalar(value)))
}

fn run(commands: &[String]) -> String {
    if commands.is_empty() { String::new() } else { script("run", commands) }
}

fn uses(workflows: &Workflows, action: &str) -> String {
    format!("uses: {}", workflows.action(action))
}

pub(super) fn runs_on(runner: &Runner) -> String {
    format!("runs-on: {}", as_value(runner))
}

fn as_value(runner: &Runner) -> String {
    match runner {
        Runner::Label(label) => scalar(label),
        Runner::Labels(labels) => list(labels),
        Runner::Group { group, labels } if labels.is_empty() => format!("{{ group: {} }}", scalar(group)),
        Runner::Group { group, labels } => format!("{{ group: {}, labels: {} }}", scalar(group), list(labels)),
    }
}

/// `Deploy app, worker and 3 more to staging`
fn name<'a>(verb: &str, names: impl ExactSizeIterator<Item = &'a String>, at: &str) -> String {
    let count = names.len();
    let shown: Vec<&str> = names.take(5).map(String::as_str).gather();
    let more = if count > shown.len() { format!(" and {} more", count - shown.len()) } else { String::new() };
    entry("name", Some(format!("{verb} {}{more}{at}", shown.join(", ")).trim_end()))
}

/// Credentials that last as long as the job may take.
fn session(timeout: Duration) -> String {
    let (usual, longest) = SESSION;
    let why = "as long as the job; the role's maximum session duration has to allow it";
    match timeout.as_secs() {
        seconds if seconds <= usual => String::new(),
        seconds if seconds <= longest => format!("role-duration-seconds: {seconds} # {why}"),
        _ => format!("role-duration-seconds: {longest} # the longest there is, and less than the job may take"),
    }
}

pub(super) type Variable = (String, String);

fn plain((name, value): (&String, &String)) -> Variable {
    (name.clone(), scalar(value))
}

fn secret(name: impl AsRef<str>) -> Variable {
    let name = name.as_ref();
    (name.to_owned(), format!("${{{{ secrets.{name} }}}}"))
}

/// `NAME: VALUE`, each name once.
pub(super) fn lines(variables: impl IntoIterator<Item = Variable>) -> String {
    let mut named = SortedSet::new();
    let first = variables.into_iter().filter(|(name, _)| named.insert(name.clone()));
    first.map(|(name, value)| format!("{name}: {value}")).gather::<Vec<_>>().join("\n")
}

/// The tag that a hand or a caller names; empty where the run itself is for one. What is checked out is what is released for.
fn named_tag() -> Variable {
    (GIT_TAG.to_owned(), "${{ inputs.tag }}".to_owned())
}

/// The variables of the step that does a stage's work, secrets among them; no other step has those.
fn stage_variables(workflows: &Workflows, more: &[String]) -> Vec<Variable> {
    let mut variables: Vec<Variable> = workflows.env.iter().map(plain).gather();
    if workflows.role.is_none() {
        variables.extend(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].map(secret));
    }
    match workflows.slack {
        SlackSecret::None => {}
        SlackSecret::Webhook => variables.push(secret("SLACK_WEBHOOK_URL")),
        SlackSecret::Bot => {
            variables.push(secret("SLACK_BOT_TOKEN"));
            variables.push(("SLACK_CHANNEL".to_owned(), "${{ vars.SLACK_CHANNEL }}".to_owned()));
        }
    }
    variables.extend(workflows.secrets.iter().chain(more).map(secret));
    variables
}

/// The names of the secrets that images' builds need.
fn build_secrets(config: &Config) -> Vec<String> {
    let dockerfiles = config.images.values().filter_map(|image| match &image.builder {
        Builder::Dockerfile(dockerfile) => Some(dockerfile),
        Builder::Package(_) | Builder::Own(_) => None,
    });
    let mut names: Vec<String> = dockerfiles.flat_map(|dockerfile| dockerfile.secrets.values().cloned()).gather();
    names.sort();
    names.dedup();
    names
}

/// The secrets that cargo itself reads: without them it cannot even tell which packages there are, whatever it
/// compiles. Source: the Cargo book, "Configuration", `registries.NAME.token`.
fn registry_tokens(config: &Config) -> Vec<String> {
    let named = config.workflows.secrets.iter().cloned().chain(build_secrets(config));
    named.filter(|name| name.starts_with("CARGO_REGISTRIES_")).gather()
}
