//! Which target to compile for, and the compiler flags that make the result static and the same everywhere.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Request;
use crate::failure::{Failure, Result};
use crate::process::ask;

/// The Rust compiler that cargo uses in the workspace.
pub struct Toolchain {
    root: PathBuf,
    /// The triple of the building machine.
    pub host: String,
    sysroot: PathBuf,
}

/// OCI's architecture and the first word of Rust's triples for a platform.
pub fn architecture(platform: &str) -> Result<(&'static str, &'static str)> {
    match platform {
        "linux/amd64" => Ok(("amd64", "x86_64")),
        "linux/arm64" | "linux/arm64/v8" => Ok(("arm64", "aarch64")),
        _ => Err(Failure::Usage(format!(
            "`{platform}` is not a platform that ECS runs programs of a Rust package on; use `linux/amd64` or `linux/arm64`"
        ))),
    }
}

impl Toolchain {
    /// Asks the compiler that runs in this folder, where a rust-toolchain file may choose another one.
    pub fn probe(root: &Path) -> Result<Self> {
        let answer = ask(root, &rustc(), &["--print", "sysroot", "--print", "host-tuple"])
            .context("failed to ask `rustc --print host-tuple`; is Rust 1.84 or newer installed and in PATH?")?;
        let mut lines = answer.lines().map(str::to_owned);
        let (sysroot, host) = lines.next().zip(lines.next()).context("`rustc --print host-tuple` answered nothing")?;
        Ok(Self { root: root.to_owned(), host, sysroot: sysroot.into() })
    }

    /// The target to compile for: `wanted` where it is installed and fits, else musl, else glibc.
    pub fn target(&self, platform: &str, wanted: Option<&str>) -> Result<String> {
        let machine = architecture(platform)?.1;
        if let Some(wanted) = wanted {
            if !(wanted.starts_with(&format!("{machine}-")) && wanted.contains("-linux-")) {
                return Err(Failure::Usage(format!(
                    "the target `{wanted}` is not for {platform}; use `{machine}-unknown-linux-musl` or \
                     `{machine}-unknown-linux-gnu`, or set `platform`"
                )));
            }
            return if self.installed(wanted) {
                Ok(wanted.to_owned())
            } else {
                Err(Failure::Usage(format!("the target `{wanted}` is not installed; run `rustup target add {wanted}`")))
            };
        }
        let candidates = [format!("{machine}-unknown-linux-musl"), format!("{machine}-unknown-linux-gnu")];
        candidates.iter().find(|target| self.installed(target)).cloned().ok_or_else(|| {
            Failure::Usage(format!("no target for {platform} is installed; run `rustup target add {}`", candidates[0]))
        })
    }

    /// Whether the standard library for this target is there.
    fn installed(&self, target: &str) -> bool {
        let folder = self.sysroot.join("lib/rustlib").join(target).join("lib");
        let Ok(files) = std::fs::read_dir(folder) else { return false };
        files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
    }

    /// The compiler's own commit, by which a standard library without sources calls its files.
    fn commit(&self) -> Option<String> {
        let version = ask(&self.root, &rustc(), &["-vV"])?;
        version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).map(str::to_owned)
    }

    /// The flags of this build, beside the user's own.
    pub fn flags(&self, request: &Request, target: &str) -> Flags {
        let inherited = inherited_flags();
        let configured = if inherited.is_some() { Vec::new() } else { build_rustflags(&request.root) };
        let mut ours = Vec::new();
        let user = inherited.iter().flatten().chain(&configured);
        let wants_static = !user.into_iter().any(|flag| flag.contains("-crt-static"));
        if wants_static {
            ours.push("-Ctarget-feature=+crt-static".to_owned());
        }
        ours.extend(self.remaps(request));
        Flags { target: target.to_owned(), inherited, configured, ours, wants_static }
    }

    /// Paths of this machine, and what stands for them in the binary. The compiler takes the last that fits.
    fn remaps(&self, request: &Request) -> Vec<String> {
        let mut remaps = Vec::new();
        let mut remap = |from: &Path, to: &str| {
            remaps.push(format!("--remap-path-prefix={}={to}", from.display()));
        };
        if let Some(home) = cargo_home() {
            remap(&home, "/cargo");
        }
        // Only where the component rust-src is installed does the standard library name its own files there.
        let library = self.sysroot.join("lib/rustlib/src/rust");
        if library.exists()
            && let Some(commit) = self.commit()
        {
            remap(&library, &format!("/rustc/{commit}"));
        }
        remap(&request.root, "/build");
        remap(&request.target_dir, "/build/target");
        remaps
    }
}

/// Compiler flags and the way they reach cargo without displacing the user's.
///
/// Cargo takes the first of: `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, all `target.*.rustflags`, `build.rustflags`.
/// Source: The Cargo Book, configuration, `build.rustflags`.
pub struct Flags {
    target: String,
    inherited: Option<Vec<String>>,
    configured: Vec<String>,
    ours: Vec<String>,
    wants_static: bool,
}

impl Flags {
    /// False where the user's own flags turn static linking off.
    pub fn wants_static(&self) -> bool {
        self.wants_static
    }

    /// For a user whose flags are in files: cargo appends these to the target's own.
    pub fn arguments(&self) -> Vec<String> {
        if self.inherited.is_some() {
            return Vec::new();
        }
        let flags: Vec<_> = self.configured.iter().chain(&self.ours).collect();
        // A JSON list of strings is a TOML array too.
        let flags = serde_json::to_string(&flags).expect("strings are JSON");
        vec!["--config".to_owned(), format!("target.{}.rustflags={flags}", self.target)]
    }

    /// For a user whose flags are in the environment.
    pub fn environment(&self) -> Option<(String, String)> {
        let inherited = self.inherited.as_ref()?;
        let flags: Vec<_> = inherited.iter().chain(&self.ours).map(String::as_str).collect();
        Some(("CARGO_ENCODED_RUSTFLAGS".to_owned(), flags.join("\x1f")))
    }
}

/// The user's flags from the environment; `None` where there is no such variable.
fn inherited_flags() -> Option<Vec<String>> {
    let split =
        |text: &str, on: char| text.split(on).filter(|flag| !flag.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    if let Ok(encoded) = std::env::var("CARGO_ENCODED_RUSTFLAGS") {
        return Some(split(&encoded, '\x1f'));
    }
    std::env::var("RUSTFLAGS").ok().map(|flags| split(&flags, ' '))
}

/// `build.rustflags` of cargo's configuration files, which any `target.*.rustflags` displaces: empty where a file
/// has those, for then cargo would not read it either.
fn build_rustflags(root: &Path) -> Vec<String> {
    let folders = root.ancestors().map(|folder| folder.join(".cargo")).chain(cargo_home());
    let mut flags = Vec::new();
    let mut read = Vec::new();
    for folder in folders {
        // The home folder may be an ancestor too.
        if read.contains(&folder) {
            continue;
        }
        let text = ["config", "config.toml"].iter().find_map(|name| std::fs::read_to_string(folder.join(name)).ok());
        read.push(folder);
        // A file that is no TOML is cargo's to complain about.
        let Some(table) = text.and_then(|text| text.parse::<toml::Table>().ok()) else { continue };
        let targets = table.get("target").and_then(toml::Value::as_table);
        if targets.is_some_and(|targets| targets.values().any(|target| target.get("rustflags").is_some())) {
            return Vec::new();
        }
        let here = match table.get("build").and_then(|build| build.get("rustflags")) {
            Some(toml::Value::String(flags)) => flags.split_whitespace().map(str::to_owned).collect(),
            Some(toml::Value::Array(flags)) => {
                flags.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect()
            }
            _ => Vec::new(),
        };
        // The files come from the nearest outwards; what is nearer comes later and so wins.
        flags.splice(0..0, here);
    }
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
}

fn rustc() -> String {
    std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned())
}

/// Cargo's failure, with the fix for the ones that static linking and cross-compiling bring.
pub fn build_failure(request: &Request, target: &str, tail: &[String]) -> Failure {
    let said = tail.join("\n");
    let linker = format!("CARGO_TARGET_{}_LINKER", target.to_uppercase().replace('-', "_"));
    let fix = if said.contains("musl-gcc") || said.contains("linux-musl-gcc") {
        let glibc = target.replace("-musl", "-gnu");
        format!("a dependency compiles C for musl: install musl-tools, or set `target = \"{glibc}\"`")
    } else if said.contains("cannot find -lc") || said.contains("unable to find library -lc") {
        "the C library's static half is missing: install it (glibc-static on Fedora, libc6-dev on Debian), or run \
         `rustup target add` for the musl target"
            .to_owned()
    } else if said.contains("incompatible with") || said.contains("file in wrong format") || said.contains("linker `") {
        format!(
            "a linker for `{target}` is needed: install a cross compiler and set {linker} or `linker` under [target.{target}] in .cargo/config.toml"
        )
    } else if said.contains("--locked") {
        "run `cargo check` once, and commit the Cargo.lock it updates".to_owned()
    } else {
        return Failure::world(format!("`cargo build` of package `{}` failed:\n{said}", request.package));
    };
    Failure::world(format!("`cargo build` of package `{}` failed:\n{said}\n{fix}", request.package))
}
