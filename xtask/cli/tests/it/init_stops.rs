//! `init` where cargo does not take what was added: what it says then is what helps.

use std::path::Path;

use tempfile::TempDir;

use crate::miniature::{Miniature, stand_in};

const INIT: [&str; 6] = ["init", "--account", "123456789012", "--region", "eu-west-1", "--xtask-ecs"];

/// A library of one's own, with this behind its manifest and its code.
fn library(manifest: &str, code: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let read = |name: &str| std::fs::read_to_string(Path::new(&stand_in()).join(name)).expect("it is there");
    write(folder.path(), "Cargo.toml", &(read("Cargo.toml") + manifest));
    write(folder.path(), "src/lib.rs", &(read("src/lib.rs") + code));
    folder
}

fn write(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(file, text).expect("a file");
}

/// As the help of a failure says it.
fn take_back(miniature: &Miniature) {
    miniature.git(&["checkout", "."]);
    miniature.git(&["clean", "-fd", "xtask", ".cargo"]);
}

#[test]
fn where_the_new_package_does_not_compile_it_says_what_is_written_and_how_to_go_on_or_back() {
    let miniature = Miniature::of("lone");
    let before = miniature.files();
    let library = library("", "compile_error!(\"something of this machine is missing\");\n");
    let folder = library.path().display().to_string();
    let run = miniature.xtask_ecs(&[&INIT[..], &[&folder]].concat());
    run.ends(1)
        .says("something of this machine is missing")
        .says("the new package does not compile; everything is written, and nothing was rehearsed")
        .says("mend what cargo names above, then `cargo xtask rehearse` goes on from here")
        .says("`git checkout . && git clean -fdx xtask && git clean -fd .cargo` takes it back");
    assert_eq!(run.stdout, "");

    let code = std::fs::read_to_string(Path::new(&stand_in()).join("src/lib.rs")).expect("it is there");
    write(library.path(), "src/lib.rs", &code);
    assert_eq!(miniature.cargo(&["xtask", "rehearse"]).ends(0).stdout, "the library runs: rehearse\n");

    take_back(&miniature);
    assert_eq!(miniature.files(), before);

    write(&miniature.root(), "notes.txt", "not committed\n");
    write(library.path(), "src/lib.rs", "compile_error!(\"something of this machine is missing\");\n");
    let run = miniature.xtask_ecs(&[&INIT[..], &[&folder, "--force"]].concat());
    run.ends(1).says("git cannot take it back, for not all that was there is committed");
    assert!(!run.stderr.contains("git clean"), "{}", run.stderr);
}

/// Two packages that link the same library of the system: cargo takes one of them in a workspace.
fn native(folder: &Path, version: &str) {
    let manifest = format!(
        "[package]\nname = \"demo-sys\"\nversion = \"{version}\"\nedition = \"2021\"\nlinks = \"demo\"\nbuild = \"build.rs\"\n"
    );
    write(folder, "native/Cargo.toml", &manifest);
    write(folder, "native/build.rs", "fn main() {}\n");
    write(folder, "native/src/lib.rs", "");
}

#[test]
fn versions_that_have_nothing_in_common_are_told_with_what_takes_it_back_and_what_begins_apart() {
    let miniature = Miniature::of("lone");
    native(&miniature.root(), "1.0.0");
    let manifest = miniature.read("Cargo.toml");
    let depends = manifest.replace("[dependencies]\r\n", "[dependencies]\r\ndemo-sys = { path = \"native\" }\r\n");
    assert_ne!(manifest, depends);
    write(&miniature.root(), "Cargo.toml", &depends);
    miniature.cargo(&["generate-lockfile", "--offline"]).ends(0);
    miniature.commit();
    let library = library("\n[dependencies]\ndemo-sys = { path = \"native\" }\n", "");
    native(library.path(), "2.0.0");
    let folder = library.path().display().to_string();
    let words = [&INIT[..], &[&folder, "--no-rehearse"]].concat();

    let run = miniature.xtask_ecs(&words);
    run.ends(1)
        .says("cargo could not add the new packages to Cargo.lock; everything else is written")
        .says("failed to select a version for `demo-sys`")
        .says("the library's dependencies and this workspace's have no versions in common")
        .says("`git checkout . && git clean -fdx xtask && git clean -fd .cargo`")
        .says("`--place apart` begins a package with a Cargo.lock of its own");

    take_back(&miniature);
    miniature.xtask_ecs(&[&words[..], &["--place", "apart"]].concat()).ends(0);
    assert_eq!(miniature.cargo(&["xtask", "status"]).ends(0).stdout, "the library runs: status\n");
}
