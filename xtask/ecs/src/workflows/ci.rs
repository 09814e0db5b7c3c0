//! ci.yml: the repository's own checks.

use super::yaml::{self, HEAD, scalar};
use crate::config::Config;

/// `cargo xtask ci` for every branch and every pull request, with no secrets.
pub fn render(config: &Config) -> String {
    let workflows = &config.workflows;
    let ci = &workflows.ci;
    let container = ci.container.as_ref().map(|image| {
        let options = ci.options.as_ref().map(|options| format!("      options: {}\n", scalar(options)));
        format!("    container:\n      image: {}\n{}", scalar(image), options.unwrap_or_default())
    });
    let setup = if ci.setup.is_empty() { String::new() } else { yaml::shell("Set up CI", "", &ci.setup) };
    format!(
        "\
{HEAD}name: CI

on:
  push:
    branches: [\"**\"]
  pull_request:

permissions: {{}}

concurrency:
  group: ci-${{{{ github.ref }}}}
  cancel-in-progress: true

defaults:
  run:
    shell: bash

jobs:
  ci:
    name: CI
    runs-on: {runner}
    timeout-minutes: {timeout}
{container}    permissions:
      contents: read # to check out
    steps:
{checkout}{prepare}{setup}
      - name: Check everything
        run: exec cargo xtask ci
",
        runner = scalar(&workflows.runner),
        timeout = yaml::minutes(ci.timeout),
        container = container.unwrap_or_default(),
        checkout = yaml::checkout(workflows, "Check out", ""),
        prepare = yaml::prepare(workflows, "", "clippy,rustfmt"),
    )
}
