//! Compiles one binary of the workspace for a Linux container: static, reproducible, its own list of crates inside.
//!
//! Serves the native builder and, for images with a Dockerfile, the named context `binaries`.

mod access;
mod configuration;
mod dependencies;
mod elf;
#[cfg(any(test, fuzzing))]
pub(crate) mod hostile;
mod linker;
mod metadata;
mod toolchain;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use serde::Deserialize;

use self::access::Access;
use self::configuration::Configuration;
use self::dependencies::Compiled;
use self::elf::Elf;
use self::metadata::Metadata;
use self::toolchain::Toolchain;
use crate::beside::both;
use crate::config::Program;
use crate::event::{Event, Events};
use crate::failure::{Failure, Result};
use crate::interrupt::Interrupt;
use crate::partial::PartialFile;
use crate::process::{self, Ended, Tool};
use crate::sorted::SortedMap;

/// A cold build of a large workspace on a small runner; longer than that, something hangs.
const CARGO_TIMEOUT: Duration = Duration::from_secs(2 * 60 * 60);

/// What to compile, for what, and where to. All paths are absolute.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The name of the image it is for, as events call it.
    pub image: String,
    /// The workspace's root.
    pub root: PathBuf,
    pub program: Program,
    /// `linux/amd64` or `linux/arm64`.
    pub platform: String,
    /// A Rust target triple that fits the platform; by default musl where it is installed, else glibc.
    pub target: Option<String>,
    /// A cargo profile, such as `release`.
    pub profile: String,
    /// Cargo's target folder for this build, apart from the developer's own.
    pub target_dir: PathBuf,
    /// Where the finished binary goes, under its own name.
    pub out_dir: PathBuf,
    /// Seconds since the Unix epoch; build scripts and linkers that stamp times stamp this one.
    pub source_date_epoch: u64,
}

/// A finished binary and what its package says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// `OUT_DIR/NAME`, mode 0755.
    pub path: PathBuf,
    pub name: String,
    pub package: String,
    pub version: String,
    pub license: Option<String>,
    pub repository: Option<String>,
    pub description: Option<String>,
    /// The Rust target triple it was compiled for.
    pub target: String,
    /// The dynamic loader it wants, where the configuration turned static linking off (`-crt-static`).
    pub interpreter: Option<String>,
}

/// Whether a program can be compiled for this platform here, found out without compiling.
///
/// Fails (exit 2) where a target or its linker is missing, with what to install.
pub(crate) fn check_platform(root: &Path, platform: &str, target: Option<&str>) -> Result<()> {
    let toolchain = Toolchain::probe(root)?;
    let configuration = Configuration::of(root);
    let target = toolchain.target(platform, target, &configuration)?;
    linker_of(&target, &toolchain.host, &configuration).map(drop)
}

fn linker_of(target: &str, host: &str, configuration: &Configuration) -> Result<Option<String>> {
    linker::of(target, host, configuration, &|name| std::env::var(name).ok(), &process::is_in_path)
}

/// Compiles it. A second call with nothing changed costs what `cargo build` needs to see that.
///
/// # Errors
/// `Usage` where the request names a package, binary, target or platform that is not to be had, with the fix;
/// `World` where cargo fails, with the last lines it wrote.
pub(crate) fn build(request: &Request, events: &Events, interrupt: &Interrupt) -> Result<Binary> {
    let toolchain = Toolchain::probe(&request.root)?;
    let configuration = Configuration::of(&request.root);
    let target = toolchain.target(&request.platform, request.target.as_deref(), &configuration)?;
    let linker = linker_of(&target, &toolchain.host, &configuration)?;
    let access = Access::of(&configuration);
    let outline = Metadata::outline(request, &access, interrupt)?;
    let member = outline.member(&request.program.package)?;
    let name = member.binary(&request.program)?;
    let features = member.features(&request.program);

    let targets = [target.as_str(), toolchain.host.as_str()];
    if access.fetches_first() {
        fetch(request, &targets, &access, events, interrupt)?;
    }
    let flags = toolchain.flags(request, &configuration, &target);
    let tool = cargo(&request.root, &access.hidden_in_building())
        .args(["build", "--locked", "--message-format=json-render-diagnostics"])
        .args(access.fetches_first().then_some("--offline"))
        .args(["--package", &member.name, "--bin", &name, "--profile", &request.profile, "--target", &target])
        .args(&features)
        .arg("--target-dir")
        .arg(&request.target_dir)
        .args(flags.arguments())
        // A user's `build.build-dir` would put intermediate files where other builds fight for them.
        .env("CARGO_BUILD_BUILD_DIR", request.target_dir.to_string_lossy())
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", request.source_date_epoch.to_string());
    let linker = linker.map(|linker| (linker::setting(&target), linker));
    let set = flags.environment().into_iter().chain(linker);
    let tool = set.fold(tool, |tool, (name, value)| tool.env(name, value));
    let compile = || {
        run(&tool, interrupt, |line| {
            // It is the question beside it that is waited for, a moment each time.
            if line.trim() == "Blocking waiting for file lock on package cache" {
                return;
            }
            events.emit(Event::BuildOutput { image: request.image.clone(), line: line.to_owned() });
        })
    };
    // Which crates there are does not depend on the build, and takes as long as a small one.
    let (metadata, ended) = both(|| Metadata::resolved(request, &access, &targets, &features, interrupt), compile);
    let (metadata, ended) = (metadata?, ended?);
    if !ended.status.success() {
        return Err(toolchain::build_failure(request, &target, &ended.tail));
    }

    let package = metadata.member(&request.program.package)?;
    let artifacts = Artifacts::read(&ended.stdout, request, &target, &package.id, &name);
    let built = artifacts
        .executable
        .with_context(|| format!("cargo reported no program for the binary `{name}` of package `{}`", package.name))?;
    let bytes = std::fs::read(&built).with_context(|| format!("failed to read {}", built.display()))?;
    let elf = Elf::parse(&bytes).with_context(|| format!("failed to read {}", built.display()))?;
    let interpreter = elf.interpreter().with_context(|| format!("failed to read {}", built.display()))?;
    check(&elf, interpreter.as_deref(), request, &target, flags.wants_static())?;

    // A binary built by way of cargo-auditable has its list already.
    let finished = if elf.section(dependencies::SECTION).is_some() {
        bytes
    } else {
        let list = dependencies::section(&metadata, &package.id, &artifacts.compiled);
        elf.with_section(dependencies::SECTION, &list)
            .with_context(|| format!("failed to add the list of crates to {}", built.display()))?
    };
    let path = request.out_dir.join(&name);
    put(&path, &finished, request.source_date_epoch).with_context(|| format!("failed to write {}", path.display()))?;
    Ok(Binary {
        path,
        name,
        package: package.name.clone(),
        version: package.version.clone(),
        license: package.license.clone(),
        repository: package.repository.clone(),
        description: package.description.clone(),
        target,
        interpreter,
    })
}

/// Gets every package, with the credentials that its registry wants.
fn fetch(request: &Request, targets: &[&str], access: &Access, events: &Events, interrupt: &Interrupt) -> Result<()> {
    let targets = targets.iter().flat_map(|target| ["--target", target]);
    let tool = cargo(&request.root, &access.hidden_in_asking()).args(["fetch", "--locked"]).args(targets);
    let ended = run(&tool, interrupt, |line| {
        events.emit(Event::BuildOutput { image: request.image.clone(), line: line.to_owned() });
    })?;
    if ended.status.success() {
        return Ok(());
    }
    Err(metadata::unreadable(request, access, &ended.tail))
}

/// What cargo's JSON messages tell of a build.
struct Artifacts {
    executable: Option<PathBuf>,
    compiled: Compiled,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    package_id: String,
    target: Option<MessageTarget>,
    #[serde(default)]
    filenames: Vec<PathBuf>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct MessageTarget {
    name: String,
    kind: Vec<String>,
}

impl Artifacts {
    /// Source: The Cargo Book, external tools, artifact messages. Files for the target are in a folder of its
    /// name, files for the building machine are not.
    fn read(messages: &[u8], request: &Request, target: &str, package: &str, name: &str) -> Self {
        let mut artifacts = Self { executable: None, compiled: SortedMap::new() };
        let for_target = |file: &PathBuf| {
            let inside = file.strip_prefix(&request.target_dir).unwrap_or(file);
            inside.components().any(|component| component.as_os_str() == target)
        };
        for line in messages.split(|byte| *byte == b'\n') {
            // Procedural macros may print to stdout; whatever is no message is theirs.
            let Ok(message) = serde_json::from_slice::<Message>(line) else { continue };
            let Some(made) = message.target else { continue };
            if message.package_id == package && made.name == name && made.kind.iter().any(|kind| kind == "bin") {
                artifacts.executable = message.executable;
            }
            *artifacts.compiled.or_default(message.package_id) |= message.filenames.iter().any(for_target);
        }
        artifacts
    }
}

fn check(elf: &Elf, interpreter: Option<&str>, request: &Request, target: &str, wants_static: bool) -> Result<()> {
    let wanted = toolchain::architecture(&request.platform)?.0;
    if elf.architecture() != Some(wanted) {
        let is = elf.architecture().unwrap_or("another architecture");
        return Err(Failure::usage(format_args!(
            "the image is for {}, and the program that cargo built for `{target}` is for {is}",
            request.platform
        ))
        .help("set `platform` and `target` to values that fit each other"));
    }
    match interpreter {
        Some(interpreter) if wants_static => {
            Err(Failure::world(format_args!("the program built for `{target}` is not static: it wants {interpreter}"))
                .help("look for a build script or a linker argument that asks for dynamic linking"))
        }
        _ => Ok(()),
    }
}

/// Writes the file in one step, and only where it differs, so that its time and inode mean something.
fn put(path: &Path, bytes: &[u8], seconds: u64) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if std::fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder)?;
    // Beside the folder's other files while it is written, it must not look like one of them.
    let mut file = PartialFile::create_in(folder, ".", 0o755)?;
    file.write_all(bytes)?;
    file.file().set_permissions(std::fs::Permissions::from_mode(0o755))?;
    file.file().set_modified(UNIX_EPOCH + Duration::from_secs(seconds))?;
    file.persist(path)?;
    Ok(())
}

/// The cargo that runs this program, in the workspace's root.
fn cargo(root: &Path, hidden: &[String]) -> Tool {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Tool::new(program, CARGO_TIMEOUT).dir(root).hide(hidden)
}

fn run(tool: &Tool, interrupt: &Interrupt, on_line: impl FnMut(&str)) -> Result<Ended> {
    Ok(tool.run(interrupt, on_line)?)
}

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;
