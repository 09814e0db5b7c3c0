//! The console blocks of the pages. What can be run here is run, and looks as it is written, but for digests, ports,
//! ids and seconds; a line `...` stands for any lines. Of the rest each `cargo xtask` command line is one that is taken.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use regex::Regex;

use crate::pages::{pages, root};
use crate::support::{Run, Workspace, send, snapshot};

/// A command line and what it prints, if that is shown.
struct Transcript {
    place: String,
    command: String,
    output: String,
}

fn transcripts() -> Vec<Transcript> {
    let mut found = Vec::new();
    for page in pages() {
        let blocks = page.text.split("```").skip(1).step_by(2);
        for line in blocks.filter_map(|block| block.strip_prefix("console\n")).flat_map(str::lines) {
            match (line.trim_start().strip_prefix("$ "), found.last_mut()) {
                (Some(command), _) => {
                    let (place, command) = (page.path.clone(), command.to_owned());
                    found.push(Transcript { place, command, output: String::new() });
                }
                (None, Some(Transcript { output, .. })) => output.extend([line, "\n"]),
                (None, None) => panic!("{}: a block begins with output", page.path),
            }
        }
    }
    found
}

/// This repository's configuration, with an app that depends on nothing.
fn this_repository() -> Workspace {
    let file = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let members = Regex::new("(?m)^members = .*$").unwrap();
    let workspace = Workspace::of(&members.replace(&file("Cargo.toml"), "members = [\"app\"]"));
    let manifest = file("app/Cargo.toml");
    let (package, rest) = manifest.split_once("[dependencies]").unwrap();
    let (_, lints) = rest.split_once("[lints]").unwrap();
    let version = package.lines().find(|line| line.starts_with("version")).unwrap();
    workspace.write("app/Cargo.toml", &format!("{package}[lints]{lints}"));
    workspace.write("Cargo.lock", &format!("version = 4\n\n[[package]]\nname = \"app\"\n{version}\n"));
    for path in ["app/Dockerfile", "app/ecs/task-definition.json"] {
        workspace.write(path, &file(path));
    }
    workspace
}

/// Serves on a free port until it has said all that it says, with stdout sent elsewhere.
fn serve(workspace: &Workspace) -> Run {
    let arguments = ["sandbox", "--listen", "127.0.0.1:0"];
    let mut child =
        workspace.command(&[], &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut stderr = String::new();
    for line in lines.map(|line| line.expect("it can be read") + "\n") {
        stderr += &line;
        if line.contains("Log in") {
            send("-INT", &child);
        }
    }
    let code = child.wait().expect("it ends").code().unwrap_or(-1);
    Run { args: arguments.map(str::to_owned).to_vec(), code, stdout: String::new(), stderr }
}

/// What differs from one run, machine or app to the next, and what is shown for it, beside what every snapshot redacts.
const REDACTED: [(&str, &str); 4] = [
    (r"(?m)^\[app\] .*\n", ""),
    (r"\d+(\.\d+)? [KM]?i?B\)", "[SIZE])"),
    (r"Cargo\.toml:\d+", "Cargo.toml:[LINE]"),
    (r"127\.0\.0\.1:4680", "127.0.0.1:[PORT]"),
];

fn redacted(text: &str) -> String {
    let text = snapshot::without_pace(&snapshot::redacted(text));
    let replace = |text: String, (pattern, shown): (&str, &str)| {
        Regex::new(pattern).unwrap().replace_all(&text, shown).into_owned()
    };
    REDACTED.into_iter().fold(text, replace)
}

/// The shown output against stderr, or against stdout where there is nothing else. On a terminal the lines of stdout
/// stand somewhere between.
fn compare(transcript: &Transcript, run: &Run) {
    let (place, command) = (&transcript.place, &transcript.command);
    let (seen, mut shown) = (redacted(&run.stderr), redacted(&transcript.output));
    let stdout = redacted(&run.stdout);
    let seen = if seen.is_empty() {
        stdout
    } else {
        for line in stdout.lines() {
            let whole = !shown.lines().any(|line| line == "...");
            assert!(!whole || shown.contains(line), "{place} shows no `{line}` for `{command}`:\n{}", run.stdout);
            shown = shown.replace(&format!("{line}\n"), "");
        }
        seen
    };
    let assert = snapbox::Assert::new();
    let equal = assert.try_eq(Some(&command), seen.into(), snapbox::Data::text(shown));
    assert!(equal.is_ok(), "{place}: {}\nwritten out:\n{}", equal.unwrap_err(), run.stderr);
}

#[test]
fn transcripts_are_what_the_commands_print() {
    let workspace = this_repository();
    let mut seen = 0;
    for transcript in transcripts().iter().filter(|transcript| !transcript.output.is_empty()) {
        let Some(arguments) = transcript.command.strip_prefix("cargo xtask ") else {
            panic!("{}: nobody holds what `{}` prints", transcript.place, transcript.command);
        };
        let run = match arguments.split(' ').collect::<Vec<_>>().as_slice() {
            ["sandbox", ">", _] => serve(&workspace),
            arguments => workspace.xtask_with(&[], arguments),
        };
        compare(transcript, &run);
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} transcripts were found");
}

#[test]
fn commands_of_the_pages_are_commands() {
    let workspace = this_repository();
    for Transcript { place, command, .. } in transcripts() {
        let Some(arguments) = command.strip_prefix("cargo xtask ") else { continue };
        let arguments = arguments.split(' ').take_while(|word| *word != ">");
        let arguments: Vec<&str> = arguments.chain(["--help"]).collect();
        let run = workspace.xtask_with(&[], &arguments);
        assert!(run.code == 0 && run.stdout.contains("Usage:"), "{place}: `{command}`\n{}", run.stderr);
    }
}
