//! The commands of the steps, run by bash as GitHub runs them.

use super::*;
use std::slice::from_ref;

/// The commands of a step, as the runner has them.
fn commands(text: &str, step: &str) -> String {
    let (_, rest) = text.split_once(&format!("      - name: {step}\n")).expect("there is such a step");
    let (_, script) = rest.split_once("        run: |\n").expect("it has commands");
    script.lines().map_while(|line| line.strip_prefix("          ")).collect::<Vec<_>>().join("\n")
}

/// Whatever a workspace says of where cargo puts things and what they are called, Build Stage hands over the program that
/// `cargo xtask` runs, and Deploy Stage takes it.
#[test]
fn the_program_is_found_where_cargo_put_it() {
    let host = String::from_utf8(sh(Path::new("/"), "rustc -vV | sed -n 's/^host: //p'").stdout).expect("text");
    let host = host.trim();
    let renamed = "[[bin]]\nname = \"other-name\"\npath = \"src/main.rs\"\n";
    for (case, cargo, manifest) in [
        ("plain", String::new(), ""),
        ("target", format!("[build]\ntarget = \"{host}\"\n"), ""),
        ("target-dir inside", "[build]\ntarget-dir = \"out/cargo\"\n".to_owned(), ""),
        ("target-dir outside", "[build]\ntarget-dir = \"../elsewhere\"\n".to_owned(), ""),
        ("build-dir", "[build]\nbuild-dir = \"intermediate\"\n".to_owned(), ""),
        ("another name", String::new(), renamed),
        ("a name and a target", format!("[build]\ntarget = \"{host}\"\n"), renamed),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("workspace");
        std::fs::create_dir_all(root.join("xtask/src")).expect("a folder");
        std::fs::create_dir_all(root.join(".cargo")).expect("a folder");
        std::fs::write(root.join(".cargo/config.toml"), cargo).expect("a file");
        let members = MANIFEST.replace("members = []", "members = [\"xtask\"]\nresolver = \"3\"");
        // Who starts a compiler seven times wants nothing of it but the program.
        let fast = "\n[profile.dev]\ndebug = 0\nincremental = false\n";
        std::fs::write(root.join("Cargo.toml"), members + fast).expect("a file");
        let lock = "version = 4\n\n[[package]]\nname = \"xtask\"\nversion = \"0.1.0\"\n";
        std::fs::write(root.join("Cargo.lock"), lock).expect("a file");
        std::fs::write(root.join("Dockerfile"), "FROM scratch\n").expect("a file");
        let package = format!("[package]\nname = \"xtask\"\nversion = \"0.1.0\"\nedition = \"2024\"\n{manifest}");
        std::fs::write(root.join("xtask/Cargo.toml"), package).expect("a file");
        std::fs::write(root.join("xtask/src/main.rs"), "fn main() { println!(\"this one{}\", std::env::args().skip(1).map(|it| format!(\" {it}\")).collect::<String>()); }\n").expect("a file");
        let who = "-c user.name=a -c user.email=a@b.example -c commit.gpgsign=false";
        sh(&root, &format!("git init -q && git add . && git {who} commit -qm one"));

        let loaded = config::load(&root, &|_| None).unwrap_or_else(|errors| panic!("{errors}"));
        let files = render(from_ref(&loaded.config), false);
        let text = |file: &str| {
            files.iter().find(|f| f.name.ends_with(file)).and_then(|f| f.text.clone()).expect("it is rendered")
        };
        let (build, deploy) = (text("build.yml"), text("deploy.yml"));
        sh(&root, &commands(&build, "Hash xtask"));
        sh(&root, &commands(&deploy, "Check that xtask is of this commit and whole"));
        let run = commands(&deploy, "Deploy");
        let staged: Vec<&str> = run.lines().filter(|line| !line.starts_with("exec cargo")).collect();
        for (variables, expected) in [
            ("", "this one deploy\n"),
            ("ALLOW_OLDER=true", "this one deploy --allow-older\n"),
            ("ALLOW_OLDER=true SERVICE=app", "this one deploy --allow-older app\n"),
            ("SERVICE='$(id) ; x'", "this one deploy $(id) ; x\n"),
        ] {
            let said = sh(&root, &format!("{variables}\n{}", staged.join("\n")));
            assert_eq!(String::from_utf8_lossy(&said.stdout), expected, "{case}");
        }
    }
}

/// As GitHub starts a step's commands.
fn sh(folder: &Path, script: &str) -> std::process::Output {
    let mut command = std::process::Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(folder);
    // What the test's own cargo runs with is not what the workspace says.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") && name != "CARGO_HOME") {
        command.env_remove(name);
    }
    let output = command.output().expect("bash starts");
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
    output
}
