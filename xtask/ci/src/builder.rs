//! The programs that are built from Go source: BuildKit for the docker-container builder, actionlint.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use crate::console::quietly;
use crate::debian::{BOOKWORM, Debian, SID};
use crate::stock::Stock;

/// The name buildx gives the image of a docker-container builder. It tries to pull it and falls back to a local one.
pub const BUILDER_IMAGE: &str = "moby/buildkit:buildx-stable-1";

/// A folder with bin/ of every tool in fixtures/go/go.mod, whose go.sum pins each source by hash.
pub fn go_tools(stock: &Stock, debian: &Debian) -> Result<PathBuf> {
    let module = stock.fixture("go");
    let recipe = fs::read_to_string(module.join("go.mod"))? + &fs::read_to_string(module.join("go.sum"))?;
    let go = match go_of_this_machine(&module) {
        Some(go) => go,
        None => go_of_debian(stock, debian)?,
    };
    stock.part("go-tools", &recipe, |folder| {
        let buildkit = version_of(&recipe, "github.com/moby/buildkit").context("go.mod names no BuildKit")?;
        let link = format!("-s -w -X github.com/moby/buildkit/version.Version={buildkit}");
        // "tool" stands for every tool of go.mod.
        let build = cmd!(&go, "build", "-trimpath", "-ldflags", link, "-o", folder.join("bin/"), "tool")
            .dir(&module)
            .env("CGO_ENABLED", "0")
            .env("GOFLAGS", "-mod=readonly -buildvcs=false")
            .env("GOTOOLCHAIN", "local");
        fs::create_dir(folder.join("bin"))?;
        quietly(&build, "building BuildKit and actionlint with Go")?;
        Ok(format!("(BuildKit {buildkit})"))
    })
}

/// The folder of the builder's image: BuildKit and runc with the libraries it is linked to, and nothing else.
pub fn builder_image(stock: &Stock, go_tools: &Path, engine: &Path) -> Result<PathBuf> {
    let recipe = [go_tools, engine].map(|part| fs::read_to_string(part.join("stamp")));
    let [go_tools_stamp, engine_stamp] = recipe;
    stock.part("builder-image", &format!("{}\n{}", go_tools_stamp?, engine_stamp?), |folder| {
        let root = folder.join("root");
        let libraries = root.join("lib/x86_64-linux-gnu");
        for directory in ["usr/bin", "lib64", "lib/x86_64-linux-gnu", "tmp", "run", "root"] {
            fs::create_dir_all(root.join(directory))?;
        }
        let bookworm = engine.join(BOOKWORM);
        let system = Path::new("/lib/x86_64-linux-gnu");
        for (from, to) in [
            (go_tools.join("bin/buildkitd"), root.join("usr/bin/buildkitd")),
            (go_tools.join("bin/buildctl"), root.join("usr/bin/buildctl")),
            (bookworm.join("usr/sbin/runc"), root.join("usr/bin/runc")),
            (bookworm.join("usr/lib/x86_64-linux-gnu/libseccomp.so.2"), libraries.join("libseccomp.so.2")),
            (system.join("libc.so.6"), libraries.join("libc.so.6")),
            (PathBuf::from("/lib64/ld-linux-x86-64.so.2"), root.join("lib64/ld-linux-x86-64.so.2")),
        ] {
            fs::copy(&from, &to).with_context(|| format!("failed to copy {}", from.display()))?;
        }
        let archive = folder.join("image.tar");
        quietly(&cmd!("tar", "-C", &root, "-cf", &archive, "."), "packing the builder's image")?;
        Ok(BUILDER_IMAGE.to_owned())
    })
}

/// `go` in PATH, if it can build this module.
fn go_of_this_machine(module: &Path) -> Option<String> {
    let version = cmd!("go", "list", "-m").dir(module).env("GOTOOLCHAIN", "local").stderr_null().read();
    version.ok().map(|_| "go".to_owned())
}

fn go_of_debian(stock: &Stock, debian: &Debian) -> Result<String> {
    let folder = stock.part("go", SID, |folder| {
        let compiler = debian.depends(SID, "golang-go", "golang-1")?;
        let source = compiler.trim_end_matches("-go").to_owned() + "-src";
        let version = debian.unpack(SID, &[&compiler, &source], folder)?;
        let root = folder.join("usr/lib").join(compiler.trim_end_matches("-go").replace("golang", "go"));
        std::os::unix::fs::symlink(root, folder.join("root"))?;
        Ok(version)
    })?;
    Ok(folder.join("root/bin/go").display().to_string())
}

fn version_of<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| line.trim().strip_prefix(module)?.strip_prefix(' ')?.split(' ').next())
}
