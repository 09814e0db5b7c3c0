//! The real parts while they run, and how tests find them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::engine::{Engine, Store};
use crate::parts::Parts;
use crate::registry::Registry;
use crate::signal::Interrupt;

/// Every server the tests need. Dropping it stops them.
pub struct Started {
    containerd: Engine,
    plain: Engine,
    registry: Registry,
    docker_config: tempfile::TempDir,
    missing: Vec<String>,
    // Dropped last, as it holds the lock on what the servers use.
    parts: Parts,
}

impl Started {
    /// To be called by the main thread: a server is told to stop when the thread that started it is gone.
    pub fn start(parts: Parts, interrupt: &Interrupt) -> Result<Self> {
        let containerd = Engine::start(&parts, Store::Containerd, interrupt)?;
        let plain = Engine::start(&parts, Store::Plain, interrupt)?;
        let registry = Registry::start(&parts, interrupt)?;
        let mut missing = Vec::new();
        match &parts.builder_image {
            Ok(archive) => plain.import_builder(&parts, archive)?,
            Err(reason) => missing.push(format!("the docker-container builder and actionlint: {reason}")),
        }
        let docker_config = docker_config(&parts).context("failed to prepare docker's configuration folder")?;
        Ok(Self { containerd, plain, registry, docker_config, missing, parts })
    }

    /// The parts that could not be had, each with its reason.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Whether what is built from Go source is there: actionlint, and the builder's image.
    pub fn has_go_tools(&self) -> bool {
        self.parts.builder_image.is_ok()
    }

    /// The test modules that need a missing part: their names say which.
    pub fn skipped_modules(&self) -> &[&str] {
        if self.has_go_tools() { &[] } else { &["container_builder::"] }
    }

    /// What the tests see:
    ///
    /// - `XTASK_PARTS`: target/parts; its bin/, a link to every program, comes first in `PATH`
    /// - `XTASK_DOCKER_CONTAINERD`, `XTASK_DOCKER_PLAIN`: a `DOCKER_HOST` for each engine
    /// - `XTASK_REGISTRY_V2`: HOST:PORT of a plain registry without TLS or accounts
    /// - `XTASK_TEST_PYTHON`: a Python that finds slack_sdk; `XTASK_NODE_MODULES`: GitHub's expression library
    /// - `DOCKER_CONFIG`: a folder of this run with buildx in it and no account
    /// - `TRIVY_*`: the offline database, and no way to another one
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_default();
        [
            ("PATH", format!("{}:{path}", self.parts.bin.display())),
            ("XTASK_PARTS", self.parts.root().display().to_string()),
            ("XTASK_DOCKER_CONTAINERD", self.containerd.host()),
            ("XTASK_DOCKER_PLAIN", self.plain.host()),
            ("XTASK_REGISTRY_V2", self.registry.address().to_owned()),
            ("DOCKER_CONFIG", self.docker_config.path().display().to_string()),
            ("XTASK_TEST_PYTHON", self.parts.slack_python.display().to_string()),
            ("XTASK_NODE_MODULES", self.parts.node_modules.display().to_string()),
            ("TRIVY_CACHE_DIR", self.parts.trivy_cache.display().to_string()),
            ("TRIVY_SKIP_DB_UPDATE", "true".to_owned()),
            ("TRIVY_OFFLINE_SCAN", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

fn docker_config(parts: &Parts) -> Result<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("docker-config-").tempdir_in(parts.running())?;
    let plugins = folder.path().join("cli-plugins");
    fs::create_dir(&plugins)?;
    let buildx = parts.engine.join(Path::new("sid/usr/libexec/docker/cli-plugins/docker-buildx"));
    std::os::unix::fs::symlink(buildx, plugins.join("docker-buildx"))?;
    Ok(folder)
}
