//! build.yml: Build Stage.

use super::yaml::{self, HEAD, scalar};
use super::{build_secrets, names, stage_folder, target_folder};
use crate::config::Config;

/// One job for a pushed tag. Whether there is anything to build is found inside, so that an image that is there costs
/// seconds and the stage is still a success. No cache is restored: whoever could write one would be published.
pub fn render(config: &Config) -> String {
    let workflows = &config.workflows;
    let (stage, target) = (stage_folder(config), target_folder(config));
    format!(
        "\
{HEAD}name: Build Stage

on:
  push:
    tags: {tags}

permissions: {{}}

# A tag that is delivered twice is released once: the second run waits, and finds the image in ECR.
concurrency:
  group: build-stage-${{{{ github.ref }}}}
  cancel-in-progress: false

defaults:
  run:
    shell: bash

jobs:
  release:
    name: {name}
    runs-on: {runner}
    timeout-minutes: {timeout}
    permissions:
      contents: read # to check out
{role_permission}    steps:
{checkout}{prepare}
      # Before any credentials are there.
      - name: Compile xtask
        run: cargo build --locked --package xtask
{assume_role}
      - name: Release
        id: release
        run: exec cargo xtask release
{environment}
      - name: Hash xtask
        run: |
          mkdir -p {stage}
          cp {target}/debug/xtask {stage}/
          cd {stage}
          git rev-parse HEAD > commit
          sha256sum xtask commit > SHA256SUMS

      # Deploy Stage compiles where this is missing.
      - name: Hand xtask to Deploy Stage
        continue-on-error: true
        uses: {upload}
        with:
          name: xtask-${{{{ github.sha }}}}
          path: {stage}
          if-no-files-found: error
          overwrite: true
          retention-days: 7
",
        tags = yaml::list(&workflows.tags),
        name = scalar(format!("Release {}", names(config.images.keys())).trim_end()),
        runner = scalar(&workflows.runner),
        timeout = yaml::minutes(workflows.build_timeout),
        role_permission = yaml::role_permission(workflows),
        checkout = yaml::checkout(workflows, "Check out", ""),
        prepare = yaml::prepare(workflows, "", ""),
        assume_role = yaml::assume_role(config),
        environment = yaml::stage_environment(workflows, &build_secrets(config)),
        upload = workflows.action("actions/upload-artifact"),
    )
}
