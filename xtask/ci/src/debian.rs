//! Programs from Debian's packages, unpacked into a folder instead of installed.
//!
//! apt runs with a configuration, package lists and cache of its own, so that nothing on the machine changes. The
//! mirror is the one the machine's own configuration names; apt checks every file against Debian's signatures.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use duct::cmd;

use crate::console::quietly;
use crate::stock::Stock;

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The suites parts come from: bookworm's glibc is the oldest that must run them, sid has the newest engine.
pub const BOOKWORM: &str = "bookworm";
pub const SID: &str = "sid";

pub struct Debian {
    root: PathBuf,
    updated: OnceLock<()>,
}

impl Debian {
    /// Fails where this machine cannot run Debian's packages as root. Touches no network.
    pub fn open(stock: &Stock) -> Result<Self> {
        if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
            bail!("the real parts are made for Linux on x86-64");
        }
        if !rustix::process::geteuid().is_root() {
            bail!("a docker engine of our own needs root");
        }
        if os_release("ID").as_deref() != Some("debian") {
            bail!("the real parts come from Debian's packages, and this is another system");
        }
        Ok(Self { root: stock.root().join("apt"), updated: OnceLock::new() })
    }

    /// Unpacks packages of one suite into `into` and returns the first one's version. Dependencies are not followed.
    pub fn unpack(&self, suite: &str, packages: &[&str], into: &Path) -> Result<String> {
        self.update()?;
        let downloads = tempfile::tempdir_in(&self.root).context("failed to create a folder for packages")?;
        let wanted = packages.iter().map(|package| format!("{package}/{suite}"));
        let arguments = std::iter::once("download".to_owned()).chain(wanted);
        let download = self.apt("apt-get", arguments).dir(downloads.path());
        quietly(&download, &format!("downloading {} from Debian {suite}", packages.join(", ")))?;
        let mut version = None;
        for entry in fs::read_dir(downloads.path())? {
            let package = entry?.path();
            quietly(&cmd!("dpkg", "-x", &package, into), &format!("unpacking {}", package.display()))?;
            // Files are named PACKAGE_VERSION_ARCHITECTURE.deb, with an epoch's colon escaped.
            let name = package.file_name().unwrap_or_default().to_string_lossy().replace("%3a", ":");
            if let Some((package, rest)) = name.split_once('_')
                && packages.first() == Some(&package)
            {
                version = rest.split_once('_').map(|(version, _)| version.to_owned());
            }
        }
        version.with_context(|| format!("apt-get download left no package {:?}", packages.first()))
    }

    /// The first package with this prefix that a metapackage depends on, such as golang-1.26-go for golang-go.
    pub fn depends(&self, suite: &str, package: &str, prefix: &str) -> Result<String> {
        self.update()?;
        let arguments = ["show", &format!("{package}/{suite}")].map(str::to_owned);
        let text = quietly(&self.apt("apt-cache", arguments), &format!("asking what {package} depends on"))?;
        text.lines()
            .filter_map(|line| line.strip_prefix("Depends: "))
            .flat_map(|packages| packages.split([',', ' ']))
            .find(|name| name.starts_with(prefix))
            .map(str::to_owned)
            .with_context(|| format!("{package} of Debian {suite} depends on no package named {prefix}…"))
    }

    fn apt(&self, program: &str, arguments: impl IntoIterator<Item = String>) -> duct::Expression {
        cmd(program, arguments).env("APT_CONFIG", self.root.join("apt.conf")).env("LC_ALL", "C")
    }

    /// Fetches the package lists, once a process.
    fn update(&self) -> Result<()> {
        if self.updated.get().is_some() {
            return Ok(());
        }
        let mirror = mirror()?;
        for folder in ["state/lists/partial", "cache/archives/partial", "sources.list.d", "preferences.d"] {
            fs::create_dir_all(self.root.join(folder))?;
        }
        let sources = [BOOKWORM, SID].map(|suite| format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n"));
        fs::write(self.root.join("sources.list"), sources.concat())?;
        fs::write(self.root.join("status"), "")?;
        fs::write(self.root.join("apt.conf"), configuration(&self.root))?;
        quietly(&self.apt("apt-get", ["update".to_owned()]), "fetching Debian's package lists")?;
        self.updated.set(()).ok();
        Ok(())
    }
}

/// apt's configuration for a private place. Proxies and the like stay as the machine has them: apt reads its usual
/// apt.conf.d besides this file. A mirror may be a snapshot of some day, so an old signature is as good as a new one:
/// parts for tests need not be the newest.
fn configuration(root: &Path) -> String {
    let root = root.display();
    format!(
        r#"Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "{root}/sources.list.d";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{root}/preferences.d";
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
APT::Sandbox::User "root";
APT::Update::Post-Invoke-Success "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
APT::Update::Error-Mode "any";
Acquire::Check-Valid-Until "false";
"#
    )
}

/// The address this machine gets its own suite from.
fn mirror() -> Result<String> {
    let codename = os_release("VERSION_CODENAME").context("/etc/os-release names no VERSION_CODENAME")?;
    let uris = cmd!("apt-get", "--print-uris", "update").stderr_null().unchecked().read()?;
    mirror_of(&uris, &codename)
        .map(str::to_owned)
        .with_context(|| format!("apt on this machine is configured with no mirror of Debian {codename}"))
}

fn mirror_of<'a>(uris: &'a str, codename: &str) -> Option<&'a str> {
    let index = format!("/dists/{codename}/InRelease");
    uris.lines().find_map(|line| line.strip_prefix('\'')?.split('\'').next()?.strip_suffix(&index))
}

fn os_release(key: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_that_serves_the_machines_own_suite() {
        let uris = "'http://one.invalid/tools/dists/stable/InRelease' tools 0\n\
                    'http://two.invalid/debian-security/dists/bookworm-security/InRelease' security 0\n\
                    'http://two.invalid/debian/dists/bookworm/InRelease' debian 0 \n\
                    'http://two.invalid/debian/dists/bookworm/main/binary-amd64/Packages.xz' packages 0 \n";
        assert_eq!(mirror_of(uris, "bookworm"), Some("http://two.invalid/debian"));
        assert_eq!(mirror_of(uris, "trixie"), None);
    }
}
