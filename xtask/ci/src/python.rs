//! What comes from Python's package index, each pinned by hash in a requirements file of this repository.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use crate::console::quietly;
use crate::debian::{BOOKWORM, Debian};
use crate::stock::{Stock, write_wrapper};

/// A folder whose bin/NAME runs the program NAME of fixtures/NAME.txt.
pub fn program(stock: &Stock, debian: &Debian, name: &str) -> Result<PathBuf> {
    install(stock, debian, name, |folder, library| {
        let program = library.join("bin").join(name);
        // A script among them was written for a Python and a path of pip's choice; it is run by ours, with its library.
        let script = fs::read(&program).is_ok_and(|bytes| bytes.starts_with(b"#!"));
        let interpreter = if script { "python3 " } else { "" };
        let command = format!("{interpreter}'{}'", program.display());
        fs::create_dir(folder.join("bin"))?;
        write_wrapper(&folder.join("bin").join(name), &command, &[("PYTHONPATH", library)])
    })
}

/// A folder whose `python` is a Python that finds the packages of fixtures/NAME.txt.
pub fn interpreter(stock: &Stock, debian: &Debian, name: &str) -> Result<PathBuf> {
    install(stock, debian, name, |folder, library| {
        write_wrapper(&folder.join("python"), "python3", &[("PYTHONPATH", library)])
    })
}

/// A folder with the packages of fixtures/NAME.txt in `library`. `finish` is given both.
pub fn install(
    stock: &Stock,
    debian: &Debian,
    name: &str,
    finish: impl FnOnce(&Path, &Path) -> Result<()>,
) -> Result<PathBuf> {
    let requirements = stock.fixture(&format!("{name}.txt"));
    let text =
        fs::read_to_string(&requirements).with_context(|| format!("failed to read {}", requirements.display()))?;
    stock.part(name, &text, |folder| {
        let library = folder.join("library");
        let pip = pip(debian, folder)?;
        let arguments = ["--disable-pip-version-check", "install", "--quiet", "--no-deps", "--require-hashes"];
        let more = ["--only-binary=:all:", "--no-warn-script-location", "--target"];
        let paths = [library.as_os_str(), "--requirement".as_ref(), requirements.as_os_str()];
        let arguments = arguments.iter().chain(&more).map(OsString::from).chain(paths.map(OsString::from));
        quietly(&pip(arguments.collect()), &format!("installing {} with pip", requirements.display()))?;
        finish(folder, &library)?;
        let pinned = text.lines().find_map(|line| line.split_once("==")).context("nothing is pinned")?;
        Ok(pinned.1.trim_end_matches(['\\', ' ']).to_owned())
    })
}

/// How pip is run here: the machine's, or Debian's unpacked beside the part where Python came without it.
fn pip(debian: &Debian, folder: &Path) -> Result<impl Fn(Vec<OsString>) -> duct::Expression> {
    let asked = cmd!("python3", "-m", "pip", "--version").stdout_null().stderr_null().unchecked().run();
    let mut wheel = None;
    if !asked.context("failed to start python3")?.status.success() {
        let unpacked = folder.join("pip");
        debian.unpack(BOOKWORM, &["python3-pip-whl"], &unpacked)?;
        let wheels = fs::read_dir(unpacked.join("usr/share/python-wheels"))?.filter_map(Result::ok);
        let found = wheels.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
        wheel = Some(found.context("Debian's python3-pip-whl holds no wheel")?);
    }
    Ok(move |arguments: Vec<OsString>| {
        let pip = cmd("python3", ["-m", "pip"].map(OsString::from).into_iter().chain(arguments));
        let pip = pip.env("PIP_ROOT_USER_ACTION", "ignore");
        wheel.iter().fold(pip, |pip, wheel| pip.env("PYTHONPATH", wheel))
    })
}
