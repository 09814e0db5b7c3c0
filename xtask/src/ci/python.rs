//! Programs from Python's package index, each pinned by hash in a requirements file of this repository.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use super::console::quietly;
use super::debian::{BOOKWORM, Debian};
use super::stock::{Stock, write_wrapper};

/// The folder of the modules in fixtures/parts/NAME.txt, for PYTHONPATH.
pub fn library(stock: &Stock, debian: &Debian, name: &str) -> Result<PathBuf> {
    let requirements = stock.fixture(&format!("{name}.txt"));
    let text =
        fs::read_to_string(&requirements).with_context(|| format!("failed to read {}", requirements.display()))?;
    let part = stock.part(name, &text, |folder| {
        let install = pip(debian, folder)?(&requirements, &folder.join("library"));
        quietly(&install, &format!("installing {} with pip", requirements.display()))?;
        let pinned = text.lines().find_map(|line| line.split_once("==")).context("nothing is pinned")?;
        Ok(pinned.1.trim_end_matches(['\\', ' ']).to_owned())
    })?;
    Ok(part.join("library"))
}

/// A folder whose bin/PROGRAM runs the program of fixtures/parts/PROGRAM.txt.
pub fn program(stock: &Stock, debian: &Debian, name: &str) -> Result<PathBuf> {
    let requirements = stock.fixture(&format!("{name}.txt"));
    let text =
        fs::read_to_string(&requirements).with_context(|| format!("failed to read {}", requirements.display()))?;
    stock.part(name, &text, |folder| {
        let library = folder.join("library");
        let install = pip(debian, folder)?(&requirements, &library);
        quietly(&install, &format!("installing {} with pip", requirements.display()))?;
        fs::create_dir(folder.join("bin"))?;
        let program = library.join("bin").join(name);
        // A script among them was written for a Python and a path of pip's choice; it is run by ours, with its library.
        let script = fs::read(&program).is_ok_and(|bytes| bytes.starts_with(b"#!"));
        let interpreter = if script { "python3 " } else { "" };
        let command = format!("{interpreter}'{}'", program.display());
        write_wrapper(&folder.join("bin").join(name), &command, &[("PYTHONPATH", &library)])?;
        let pinned = text.lines().find_map(|line| line.split_once("==")).context("nothing is pinned")?;
        Ok(pinned.1.trim_end_matches(['\\', ' ']).to_owned())
    })
}

/// How pip is run here: the machine's, or Debian's unpacked beside the part where Python came without it.
fn pip(debian: &Debian, folder: &Path) -> Result<impl Fn(&Path, &Path) -> duct::Expression> {
    let has_pip = cmd!("python3", "-m", "pip", "--version").stdout_null().stderr_null().unchecked().run();
    let mut wheel = None;
    if !has_pip.context("failed to start python3")?.status.success() {
        let unpacked = folder.join("pip");
        debian.unpack(BOOKWORM, &["python3-pip-whl"], &unpacked)?;
        let wheels = fs::read_dir(unpacked.join("usr/share/python-wheels"))?.filter_map(Result::ok);
        let found = wheels.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
        wheel = Some(found.context("Debian's python3-pip-whl holds no wheel")?);
    }
    Ok(move |requirements: &Path, target: &Path| {
        let flags = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-warn-script-location"];
        let head = ["-m", "pip", "--disable-pip-version-check", "install"];
        let paths = ["--target".as_ref(), target, "--requirement".as_ref(), requirements];
        let arguments = head.iter().chain(&flags).map(std::ffi::OsString::from);
        let install = cmd("python3", arguments.chain(paths.map(std::ffi::OsString::from)));
        let install = install.env("PIP_ROOT_USER_ACTION", "ignore");
        wheel.iter().fold(install, |install, wheel| install.env("PYTHONPATH", wheel))
    })
}
