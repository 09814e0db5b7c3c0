//! `cargo xtask ci --fresh`: the same run where nobody has worked before.
//!
//! New are the clone, CARGO_HOME, HOME, the target folder, the temporary folder, Go's and pip's and npm's caches, and
//! PATH, which holds the system's folders and this toolchain's. Shared with this machine remain its kernel, what is
//! installed under /usr, the toolchain, and where packages come from: the configuration files of the package clients
//! say that, and are copied; their caches are not.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use crate::console::{Command, quietly, say, warn};
use crate::signal::Interrupt;

const SYSTEM: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where package clients keep which registry they ask, from HOME.
const CLIENTS: [&str; 5] = [".npmrc", ".config/pip/pip.conf", ".pip/pip.conf", ".config/go/env", ".netrc"];

/// Clones what is committed in `root` and runs its `.ci/run` there.
pub fn run(root: &Path, interrupt: &Interrupt) -> Result<()> {
    let changed =
        quietly(&cmd!("git", "status", "--porcelain").dir(root), "looking for changes that are not committed")?;
    if !changed.is_empty() {
        warn("what is not committed is not in the clone");
    }
    let machine = tempfile::Builder::new().prefix("fresh-").tempdir().context("failed to make a folder for the run")?;
    let at = |name: &str| machine.path().join(name);
    for folder in ["home", "cargo", "tmp"] {
        fs::create_dir(at(folder))?;
    }
    let clone = at("clone");
    quietly(&cmd!("git", "clone", "--quiet", "--no-hardlinks", root, &clone), "cloning this repository")?;
    copy_settings(&at("home"), &at("cargo"))?;
    say("Fresh", &format!("clone, caches, HOME and PATH in {}", machine.path().display()));

    let path = format!("{}:{SYSTEM}", toolchain(root)?.display());
    let variables = [
        ("PATH", path),
        ("HOME", at("home").display().to_string()),
        ("CARGO_HOME", at("cargo").display().to_string()),
        ("TMPDIR", at("tmp").display().to_string()),
    ];
    let run = Command::new("bash", &clone, interrupt).args([".ci/run"]).inherits(is_kept);
    run.envs(&variables.map(|(name, value)| (name.to_owned(), value))).run()
}

/// The folder with the cargo and rustc that this run was started with, whatever stands before them in PATH.
fn toolchain(root: &Path) -> Result<PathBuf> {
    let root = quietly(&cmd!("rustc", "--print", "sysroot").dir(root), "asking rustc where it is")?;
    Ok(Path::new(root.trim()).join("bin"))
}

/// What is left of this run's environment: how its output looks, and how packages are reached: through which proxy,
/// trusting whom, at which address.
fn is_kept(name: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTRIES_", "CARGO_SOURCE_"];
    const NAMES: [&str; 17] = [
        "CI",
        "TERM",
        "COLORTERM",
        "NO_COLOR",
        "CARGO_TERM_COLOR",
        "PIP_INDEX_URL",
        "PIP_EXTRA_INDEX_URL",
        "PIP_CERT",
        "GOSUMDB",
        "GONOSUMDB",
        "NPM_CONFIG_REGISTRY",
        "NPM_CONFIG_CAFILE",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "CURL_CA_BUNDLE",
        "REQUESTS_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
    ];
    let name = name.to_ascii_uppercase();
    let has_prefix = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    has_prefix || name.ends_with("PROXY") || NAMES.contains(&name.as_str())
}

fn copy_settings(home: &Path, cargo: &Path) -> Result<()> {
    let old = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let Some(old_home) = old("HOME") else { return Ok(()) };
    for client in CLIENTS {
        copy(&old_home.join(client), &home.join(client))?;
    }
    let old_cargo = old("CARGO_HOME").unwrap_or_else(|| old_home.join(".cargo"));
    for name in ["config.toml", "config", "credentials.toml"].map(OsString::from) {
        copy(&old_cargo.join(&name), &cargo.join(&name))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if !from.is_file() {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("failed to copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_run_knows_how_packages_are_reached_and_nothing_else_of_its_user() {
        for kept in ["https_proxy", "GOPROXY", "CARGO_SOURCE_MIRROR_REGISTRY", "SSL_CERT_FILE", "CI"] {
            assert!(is_kept(kept), "{kept}");
        }
        for left in ["HOME", "PATH", "CARGO_HOME", "CARGO_TARGET_DIR", "PIP_FIND_LINKS", "GOFLAGS", "AWS_PROFILE"] {
            assert!(!is_kept(left), "{left}");
        }
    }

    #[test]
    fn settings_are_copied_where_there_are_some() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [from, to] = ["from", "a/new/folder/to"].map(|name| folder.path().join(name));
        copy(&from, &to).expect("nothing is to be copied");
        assert!(!to.exists());
        fs::write(&from, "registry").expect("written");
        copy(&from, &to).expect("copied");
        assert_eq!(fs::read_to_string(&to).expect("there"), "registry");
    }
}
