//! A pinned trivy, fetched by hash, and its database.
//!
//! The scanner decides what is released, and in March 2026 its own releases were replaced by malicious ones: so an
//! archive is named by its hash, and no byte of it runs or is unpacked before that was checked.

mod database;
mod download;
mod slots;
mod unpack;

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use self::download::{Download, Patience};
use crate::config::{PLATFORMS, TRIVY_URL, TrivyPin, is_malicious};
use crate::event::Events;
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::process::{Cmd, Tool, ToolError, cmd, shell};
use crate::text::{as_called, program};

pub(crate) use self::database::{Database, staleness, updated};
pub(crate) use self::slots::Slots;

/// The same, in the words of trivy's archives.
const ARCHIVES: [(&str, &str); 4] = [("Linux", "64bit"), ("Linux", "ARM64"), ("macOS", "64bit"), ("macOS", "ARM64")];

/// What a scanner may see of the environment: where things are and the way to the network. No credentials, and none of
/// trivy's own settings, which could quietly narrow what it reports. (A login for a mirror is in docker's file.)
const VISIBLE: &[&str] = &[
    "PATH",
    "HOME",
    "TMPDIR",
    "LANG",
    "LC_ALL",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "DOCKER_CONFIG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A trivy that sees nothing it has no business with, tells nobody of itself, and loads no modules that rewrite its
/// findings.
pub(crate) fn scanner(line: Cmd<'_>, timeout: Duration) -> Tool {
    Tool::of(line, timeout)
        .only(VISIBLE)
        .env("TRIVY_DISABLE_TELEMETRY", "true")
        .env("TRIVY_SKIP_VERSION_CHECK", "true")
        .env("TRIVY_MODULE_DIR", "no-modules")
}

/// Settings that say where the database is and how to get it; they cannot hide a finding.
pub(crate) const SETTINGS: [&str; 10] = [
    "TRIVY_CACHE_DIR",
    "TRIVY_CACHE_BACKEND",
    "TRIVY_DB_REPOSITORY",
    "TRIVY_JAVA_DB_REPOSITORY",
    "TRIVY_SKIP_DB_UPDATE",
    "TRIVY_SKIP_JAVA_DB_UPDATE",
    "TRIVY_OFFLINE_SCAN",
    "TRIVY_INSECURE",
    // Of the registry that the database is in.
    "TRIVY_USERNAME",
    "TRIVY_PASSWORD",
];

/// A trivy that also sees the settings of its user that cannot hide a finding.
pub(crate) fn trivy(line: Cmd<'_>, timeout: Duration) -> Tool {
    SETTINGS.iter().fold(scanner(line, timeout), |tool, name| match std::env::var(name) {
        Ok(value) => tool.env(*name, value),
        Err(_) => tool,
    })
}

/// What `cargo xtask tools pin trivy VERSION` found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// The lines for Cargo.toml.
    pub toml: String,
    /// What has to be true for these hashes to be the right ones, a sentence each.
    pub trusted: Vec<String>,
}

/// The trivy to run: the one in PATH where nothing is pinned or it has the pinned version, else the release archive's,
/// under `TARGET/xtask/tools`, fetched where it is not there yet.
///
/// Fails with exit code 2 where there is no hash for this platform, and with 1 where the archive cannot be had or is
/// another one.
pub(crate) fn trivy_program(
    pin: Option<&TrivyPin>,
    target: &Path,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<PathBuf> {
    if let Some(program) = trivy_at_hand(pin, target, interrupt)? {
        return Ok(program);
    }
    let Some(pin) = pin else { return Ok(PathBuf::from("trivy")) };
    let tools = &target.join("xtask/tools");
    Fetch { tools, patience: Patience::default(), events, interrupt }.provide(pin, &platform())
}

/// The trivy to run where nothing has to be fetched for it, `None` where the pinned one is not here yet. Fetches
/// nothing; fails as [`trivy_program`] does where there is no hash for this platform.
pub(crate) fn trivy_at_hand(pin: Option<&TrivyPin>, target: &Path, interrupt: &Interrupt) -> Result<Option<PathBuf>> {
    let Some(pin) = pin else { return Ok(Some(PathBuf::from("trivy"))) };
    refuse_malicious(&pin.version)?;
    if version_in_path(interrupt)?.is_some_and(|found| found == pin.version) {
        return Ok(Some(PathBuf::from("trivy")));
    }
    let program = unpacked(pin, sha256(pin, &platform())?, &target.join("xtask/tools")).join("trivy");
    Ok(program.is_file().then_some(program))
}

fn platform() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

fn sha256<'a>(pin: &'a TrivyPin, platform: &str) -> Result<&'a str> {
    let version = &pin.version;
    pin.sha256.get(platform).map(String::as_str).ok_or_else(|| {
        Failure::usage(format_args!("trivy {version} is not in PATH, and has no hash for {platform} to be fetched by"))
            .help(format!("`{} tools pin trivy {version}` prints the hashes and what they rest on", program()))
    })
}

/// The folder of a pinned trivy. The hash is in the name: another pin is another folder.
fn unpacked(pin: &TrivyPin, sha256: &str, tools: &Path) -> PathBuf {
    tools.join(format!("trivy-{}-{}", pin.version, &sha256[..12.min(sha256.len())]))
}

/// Fetches the archives of a version for every platform and hashes them. `url` is the template; [`TRIVY_URL`] in
/// most cases. Where the release has a list of checksums, the hashes are held against it.
pub(crate) fn pin_trivy(
    version: &str,
    url: &str,
    target: &Path,
    events: &Events,
    interrupt: &Interrupt,
) -> Result<Pinned> {
    let tools = &target.join("xtask/tools");
    Fetch { tools, patience: Patience::default(), events, interrupt }.pin(version, url)
}

/// What fetches a tool's archives, into one folder.
struct Fetch<'a> {
    tools: &'a Path,
    patience: Patience,
    events: &'a Events,
    interrupt: &'a Interrupt,
}

impl Fetch<'_> {
    fn provide(&self, pin: &TrivyPin, platform: &str) -> Result<PathBuf> {
        let Self { tools, events, .. } = self;
        let TrivyPin { version, .. } = pin;
        refuse_malicious(version)?;
        let sha256 = sha256(pin, platform)?;
        let folder = unpacked(pin, sha256, tools);
        let program = folder.join("trivy");
        if program.is_file() {
            return Ok(program);
        }
        std::fs::create_dir_all(tools).with_context(|| format!("failed to create {}", tools.display()))?;
        let url = archive_url(&pin.url, version, platform)
            .ok_or_else(|| Failure::usage(format_args!("trivy has no release archive for {platform}")))?;
        events.note("Fetching", format!("trivy {version} from {url}"));
        let what = &format!("trivy {version}");
        let archive = self.download(what).to_file(&url, tools)?;
        if archive.sha256 != *sha256 {
            return Err(Failure::world(format_args!(
                "the archive of trivy {version} from {url} is not the pinned one; nothing of it was run"
            ))
            .said([format!("its SHA-256 is {}", archive.sha256), format!("pinned is       {sha256}")])
            .help("find out why before you pin another: a changed release is how trivy's was attacked"));
        }
        unpack::program(archive.file.path(), "trivy", &folder)
            .with_context(|| format!("the archive of trivy {version} from {url} was not unpacked"))?;
        Ok(program)
    }

    fn pin(&self, version: &str, template: &str) -> Result<Pinned> {
        let Self { tools, events, .. } = self;
        refuse_malicious(version)?;
        std::fs::create_dir_all(tools).with_context(|| format!("failed to create {}", tools.display()))?;
        let what = &format!("trivy {version}");
        let download = self.download(what);
        let list = checksums(&download, template, version, tools)?;
        let mut hashes = String::new();
        for platform in PLATFORMS {
            let url = archive_url(template, version, platform).unwrap_or_default();
            events.note("Fetching", &url);
            let sha256 = download.to_file(&url, tools)?.sha256;
            let name = url.rsplit('/').next().unwrap_or_default();
            let listed = list.as_deref().map(|list| checksum_of(list, name));
            if let Some(listed) = listed
                && listed != Some(sha256.as_str())
            {
                return Err(Failure::world(format_args!("{url} is not what the release's own list of checksums says"))
                    .said([
                        format!("its SHA-256 is {sha256}"),
                        format!("listed is       {}", listed.unwrap_or("nothing")),
                    ])
                    .help("do not use it"));
            }
            writeln!(hashes, "{platform} = \"{sha256}\"").expect("writing to a String cannot fail");
        }
        let host = template.split('/').nth(2).unwrap_or_default();
        let mut trusted = vec![
            format!("the hashes are those of what {host} handed out just now, over TLS with this machine's roots"),
            format!("whoever could publish trivy {version} there is trusted; from now on nobody is"),
        ];
        trusted.push(match list {
            Some(_) => "the release's list of checksums has the same hashes, and lies at the same place".to_owned(),
            None => "the release has no list of checksums to hold them against".to_owned(),
        });
        trusted.push("compare them with those that others have pinned before you commit them".to_owned());
        let mut toml = format!("[workspace.metadata.xtask.scan.trivy]\nversion = \"{version}\"\n");
        if template != TRIVY_URL {
            writeln!(toml, "url = \"{template}\"").expect("writing to a String cannot fail");
        }
        write!(toml, "\n[workspace.metadata.xtask.scan.trivy.sha256]\n{hashes}")
            .expect("writing to a String cannot fail");
        Ok(Pinned { toml, trusted })
    }

    fn download<'a>(&'a self, what: &'a str) -> Download<'a> {
        let Self { patience, events, interrupt, .. } = *self;
        Download { what, patience, events, interrupt }
    }
}

/// The release's list, where it has one: a line each, hash and name.
fn checksums(download: &Download<'_>, template: &str, version: &str, tools: &Path) -> Result<Option<String>> {
    let Some((folder, _)) = template.rsplit_once('/') else { return Ok(None) };
    let url = format!("{folder}/trivy_{version}_checksums.txt").replace("{version}", version);
    let Some(list) = download.to_file_if_there(&url, tools)? else { return Ok(None) };
    Ok(Some(std::fs::read_to_string(list.file.path()).context("the list of checksums is no text")?))
}

fn checksum_of<'a>(list: &'a str, name: &str) -> Option<&'a str> {
    list.lines().filter_map(|line| line.split_once(' ')).find_map(|(hash, of)| (of.trim() == name).then_some(hash))
}

fn archive_url(template: &str, version: &str, platform: &str) -> Option<String> {
    let index = PLATFORMS.iter().position(|known| *known == platform)?;
    let (os, arch) = ARCHIVES[index];
    Some(template.replace("{version}", version).replace("{os}", os).replace("{arch}", arch))
}

fn refuse_malicious(version: &str) -> Result<()> {
    if !is_malicious(version) {
        return Ok(());
    }
    Err(Failure::usage(format_args!(
        "trivy {version} was published by an attacker in March 2026 and is not run, whatever its hash"
    ))
    .help(as_called("pin another version: `cargo xtask tools pin trivy VERSION`")))
}

/// What `trivy --version` says, where there is a trivy.
fn version_in_path(interrupt: &Interrupt) -> Result<Option<String>> {
    let sh = shell()?;
    let asked = scanner(cmd!(sh, "trivy --version"), Duration::from_secs(30)).run(interrupt, |_| {});
    match asked {
        Ok(ended) => {
            let text = String::from_utf8_lossy(&ended.stdout);
            let version = text.lines().find_map(|line| line.trim().strip_prefix("Version:"));
            Ok(version.map(|version| version.trim().to_owned()))
        }
        Err(ToolError::Interrupted { .. }) => Err(Failure::interrupted("interrupted before anything was done")),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
