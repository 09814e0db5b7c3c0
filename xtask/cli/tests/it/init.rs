//! `init` in workspaces as they are.

use std::path::Path;

use xtask_ecs::config;

use crate::miniature::{Miniature, Run, stand_in};

const ALL: [&str; 5] = ["many", "lone", "theirs", "below", "image"];

fn is_within(small: &[u8], large: &[u8]) -> bool {
    let mut bytes = large.iter();
    small.iter().all(|wanted| bytes.any(|byte| byte == wanted))
}

#[test]
fn no_byte_that_is_there_changes_and_a_second_time_there_is_nothing_to_add() {
    for name in ALL {
        let miniature = Miniature::of(name);
        let before = miniature.files();
        miniature.init(&[]).ends(0);
        let after = miniature.files();
        for (file, old) in &before {
            let new = after.get(file).unwrap_or_else(|| panic!("{name}: {file} is gone"));
            let may_grow = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"].iter().any(|it| file.ends_with(it));
            assert!(old == new || may_grow, "{name}: {file} changed");
            assert!(is_within(old, new), "{name}: something of {file} is gone");
            // Lines that end as DOS has them go on to.
            let text = String::from_utf8_lossy(new);
            let is_dos = old.windows(2).any(|two| two == b"\r\n");
            let mixed = text.lines().count() != text.matches("\r\n").count() + usize::from(!text.ends_with('\n'));
            assert!(!is_dos || !mixed, "{name}: {file} has two kinds of line ends");
        }
        let again = miniature.init(&["--force"]);
        again.ends(0).says("Nothing to add");
        assert_eq!(miniature.files(), after, "{name}: the second time did something");
        let config = config::load(&miniature.root(), &|_| None).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(config.config.account, "123456789012");
    }
}

/// The files that it says it wrote, in their order.
fn written(run: &Run) -> Vec<String> {
    let verbs = ["Created ", "Extended "];
    let name = |line: &str| verbs.iter().find_map(|verb| Some(line.trim().strip_prefix(verb)?.to_owned()));
    run.stderr.lines().filter_map(name).collect()
}

#[test]
fn an_init_that_is_killed_before_or_after_any_file_comes_to_the_same_when_it_is_run_again() {
    let whole = Miniature::of("lone");
    let run = whole.init(&[]);
    run.ends(0);
    let (names, expected) = (written(&run), whole.files());
    assert!(names.len() > 2, "{}", run.stderr);
    for count in 0..=names.len() {
        let miniature = Miniature::of("lone");
        for name in &names[..count] {
            let file = miniature.root().join(name);
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::copy(whole.root().join(name), file).expect("it was written");
        }
        // What was on its way to the next one.
        if let Some(next) = names.get(count) {
            let file = miniature.root().join(next).with_extension("partial");
            std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            std::fs::write(file, "half of").expect("a file");
        }
        miniature.init(&["--force"]).ends(0);
        let files = miniature.files();
        let other: Vec<_> =
            expected.keys().chain(files.keys()).filter(|it| files.get(*it) != expected.get(*it)).collect();
        assert!(other.is_empty(), "after {:?}: {other:?}", &names[..count]);
    }
}

/// Each time as soon as one more of its files is there, whether whole or on its way; where it is quicker than that it ends.
#[test]
fn an_init_whose_process_is_killed_at_any_file_comes_to_the_same_when_it_is_run_again() {
    let whole = Miniature::of("lone");
    let names = written(whole.init(&[]).ends(0));
    let expected = whole.files();
    let mut killed = 0;
    for name in &names {
        let miniature = Miniature::of("lone");
        let before = std::fs::read(miniature.root().join(name)).ok();
        let mut process = miniature.begin_init();
        while process.try_wait().expect("it can be asked").is_none() {
            let file = miniature.root().join(name);
            if file.with_extension("partial").exists() || std::fs::read(&file).ok() != before {
                process.kill().expect("it can be killed");
                break;
            }
        }
        killed += usize::from(!process.wait().expect("it ends").success());
        miniature.init(&["--force"]).ends(0);
        assert_eq!(miniature.files(), expected, "killed at {name}");
    }
    assert!(killed > names.len() / 2, "{killed} of {} were killed", names.len());
}

#[test]
fn what_is_added_compiles_under_the_workspaces_own_lints_and_lock_file_and_the_alias_runs_it() {
    for name in ALL {
        let miniature = Miniature::of(name);
        miniature.init(&[]).ends(0);
        miniature.commit();
        miniature.cargo(&["check", "--quiet", "--workspace", "--all-targets", "--locked"]).ends(0).is_silent();
        let alias = if name == "theirs" { "ship" } else { "xtask" };
        let run = miniature.cargo(&[alias, "deploy", "--plan"]);
        run.ends(0);
        assert_eq!(run.stdout, "the library runs: deploy --plan\n", "{name}");
        assert_eq!(miniature.git(&["status", "--porcelain"]), "", "{name}: cargo changed something");
    }
}

/// Of a package, and of a Dockerfile that compiles the workspace.
#[test]
fn what_is_configured_rehearses_to_its_end_on_a_machine_without_docker() {
    let nowhere = [("DOCKER_HOST".to_owned(), "unix:///nowhere.sock".to_owned())];
    for (name, said) in [("lone", "Built hello "), ("image", "is built by the native builder instead of Dockerfile")] {
        let miniature = Miniature::of(name);
        miniature.init(&[]).ends(0);
        miniature.without_package("xtask");
        miniature.commit();
        miniature.xtask_ecs_with(&nowhere, &["rehearse"]).ends(0).says(said).says("Rehearsed both stages");
    }
}

#[test]
fn its_own_checks_pass_as_they_did_before() {
    let miniature = Miniature::of("many");
    let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    // A toolchain may be without clippy.
    if miniature.cargo(&["clippy", "--version"]).code != 0 {
        return;
    }
    miniature.cargo(&clippy).ends(0);
    miniature.init(&[]).ends(0);
    miniature.cargo(&clippy).ends(0);
    miniature.cargo(&["fmt", "--check", "--package", "xtask"]).ends(0);
    miniature.cargo(&["metadata", "--locked", "--format-version", "1"]).ends(0);
}

/// As cargo-sort has it: the keys of a table of dependencies by name, and of a list of members that was sorted the same.
#[test]
fn manifests_that_were_sorted_are_sorted_still() {
    for name in ALL {
        let miniature = Miniature::of(name);
        miniature.init(&[]).ends(0);
        let manifests = miniature.files().into_iter().filter(|(file, _)| file.ends_with("Cargo.toml"));
        for (file, text) in manifests {
            let text = String::from_utf8(text).expect("text");
            let headers: Vec<&str> = text.lines().filter(|line| line.starts_with('[')).collect();
            let place = |table: &str| headers.iter().position(|header| *header == format!("[{table}]"));
            let order = ["package", "workspace", "features", "dependencies"].iter().filter_map(|table| place(table));
            assert!(order.is_sorted(), "{name}: {file} has its tables as {headers:?}");
        }
        let workspace = miniature.read("Cargo.toml");
        let list = match name {
            "theirs" => "members = [\"ship\", \"web\", \"xtask\"]",
            "below" => "exclude = [\".cargo\", \"target\"]",
            _ => "",
        };
        assert!(workspace.contains(list), "{workspace}");
    }
}

#[test]
fn with_the_library_itself_the_lock_file_is_whole() {
    let miniature = Miniature::of("lone");
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ecs").display().to_string();
    let given =
        ["init", "--account", "123456789012", "--region", "eu-west-1", "--no-rehearse", "--xtask-ecs", &library];
    miniature.xtask_ecs(&given).ends(0);
    miniature.commit();
    miniature.cargo(&["update", "--workspace", "--locked"]).ends(0);
    assert!(miniature.read("Cargo.lock").contains("name = \"aws-sdk-ecs\"\n"));
    assert_eq!(miniature.git(&["status", "--porcelain"]), "", "cargo changed something");
}

#[test]
fn the_patch_of_a_dry_run_is_what_is_written_and_nothing_is() {
    for name in ALL {
        let miniature = Miniature::of(name);
        let before = miniature.files();
        let dry = miniature.init(&["--dry-run"]);
        dry.ends(0);
        assert_eq!(miniature.files(), before, "{name}: a dry run wrote something");
        let patch = miniature.root().join("target/init.patch");
        std::fs::create_dir_all(patch.parent().expect("a folder")).expect("a folder");
        std::fs::write(&patch, &dry.stdout).expect("a file");
        let folder = if name == "below" { "--directory=backend" } else { "--directory=" };
        miniature.git(&["apply", folder, &patch.display().to_string()]);
        let patched = miniature.files();
        miniature.git(&["checkout", "--quiet", "."]);
        miniature.git(&["clean", "--quiet", "--force", "-d"]);
        miniature.init(&[]).ends(0);
        let mut written = miniature.files();
        written.retain(|file, _| !file.ends_with("Cargo.lock"));
        let patched: Vec<_> = patched.into_iter().filter(|(file, _)| !file.ends_with("Cargo.lock")).collect();
        assert_eq!(written.into_iter().collect::<Vec<_>>(), patched, "{name}: the patch says otherwise");
        let snapshot = dry.stdout.replace(&stand_in(), "[LIBRARY]");
        compare(&format!("{name}.patch"), &snapshot);
    }
}

/// The file of this name under tests/it/patches; `SNAPSHOTS=overwrite` renews it.
fn compare(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/patches").join(name);
    if std::env::var_os("SNAPSHOTS").is_some_and(|action| action == "overwrite") {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(&file, text).expect("a file");
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(written == text, "{name} is otherwise now; SNAPSHOTS=overwrite renews it\n{text}");
}

#[test]
fn a_tree_with_changes_and_a_folder_outside_of_git_are_refused_without_force() {
    let miniature = Miniature::of("lone");
    std::fs::write(miniature.root().join("note.txt"), "mine").expect("a file");
    let before = miniature.files();
    miniature.init(&[]).ends(2).says("changes that are not committed").says("?? note.txt").says("--force goes on");
    assert_eq!(miniature.files(), before);
    miniature.init(&["--force"]).ends(0);

    let miniature = Miniature::of("lone");
    std::fs::remove_dir_all(miniature.root().join(".git")).expect("it was there");
    miniature.init(&[]).ends(2).says("in no git repository");
}

#[test]
fn what_the_repository_tells_need_not_be_said_and_what_nothing_tells_is_named() {
    let miniature = Miniature::of("below");
    let library = stand_in();
    miniature
        .xtask_ecs(&["init", "--xtask-ecs", &library, "--no-rehearse"])
        .ends(0)
        .says("Left out server/Dockerfile.dev");
    let manifest = miniature.read("Cargo.toml");
    for line in [
        "account = \"345678901234\"",
        "region = \"us-west-2\"",
        "cluster = \"staging\"",
        "repository = \"team/server\"",
    ] {
        assert!(manifest.contains(line), "{line}\n{manifest}");
    }
    let miniature = Miniature::of("lone");
    miniature.xtask_ecs(&["init"]).ends(2).says("say them: --account and --region");
    miniature.init(&["--image", "helo"]).ends(2).says("there could be hello");
}

#[test]
fn an_xtask_that_is_there_is_left_alone_or_gains_a_module() {
    let miniature = Miniature::of("theirs");
    miniature.init(&["--name", "xtask"]).ends(2).says("there is a `xtask` here already");
    miniature.init(&[]).ends(0).says("Created ship/src/main.rs");
    assert!(miniature.read(".cargo/config.toml").ends_with("alias.ship = \"run --package ship --\"\n"));

    let miniature = Miniature::of("theirs");
    miniature
        .init(&["--place", "module"])
        .ends(0)
        .says("Created xtask/src/ecs.rs")
        .says("Call it from xtask/src/main.rs");
    let manifest = miniature.read("xtask/Cargo.toml");
    assert!(manifest.contains("[dependencies]\nxtask-ecs = { path"), "{manifest}");
    assert!(manifest.contains("[features]\nrehearse = [\"xtask-ecs/rehearse\"]\n"), "{manifest}");
    assert_eq!(miniature.git(&["status", "--porcelain", "--", "xtask/src/main.rs"]), "");
    let main = miniature.read("xtask/src/main.rs");
    let call = "Some(\"ship\") => std::process::exit(i32::from(ecs::run(vec![\"deploy\".to_owned()]) != std::process::ExitCode::SUCCESS)),";
    let main = main.replacen("        Some(\"release\")", &format!("        {call}\n        Some(\"release\")"), 1);
    std::fs::write(miniature.root().join("xtask/src/main.rs"), format!("mod ecs;\n\n{main}")).expect("a file");
    assert_eq!(miniature.cargo(&["xtask", "ship"]).stdout, "the library runs: deploy\n");
}

#[test]
fn a_workspace_that_an_image_compiles_gets_a_package_apart() {
    let miniature = Miniature::of("image");
    miniature.init(&[]).ends(0).says("Dockerfile:6 compiles this workspace inside the image");
    assert!(miniature.read("Cargo.toml").contains("exclude = [\"xtask\"]"));
    assert!(miniature.read("xtask/Cargo.toml").contains("\n# Apart from the workspace around it"));
    let members = miniature.cargo(&["metadata", "--no-deps", "--format-version", "1", "--locked"]);
    assert!(!members.stdout.contains("\"name\":\"xtask\""), "{}", members.stdout);

    let miniature = Miniature::of("image");
    miniature.init(&["--place", "member"]).ends(0);
    assert!(miniature.read("Cargo.toml").contains("members = [\"app\", \"lib\", \"xtask\"]"));
}

#[test]
fn what_cargo_makes_of_a_package_apart_is_not_sent_with_a_folder_that_an_image_copies_whole() {
    for (ignored, after) in [
        ("/target\n*.md", "/target\n*.md\nxtask\n"),
        ("/target\r\n", "/target\r\nxtask\r\n"),
        ("**/target\n", "**/target\n"),
        ("*\n!app\n", "*\n!app\n"),
    ] {
        let miniature = Miniature::of("image");
        let dockerfile = miniature.read("Dockerfile").replace("COPY app app\n", "COPY . .\n");
        std::fs::write(miniature.root().join("Dockerfile"), dockerfile).expect("a file");
        std::fs::write(miniature.root().join(".dockerignore"), ignored).expect("a file");
        miniature.commit();
        miniature.init(&[]).ends(0);
        assert_eq!(miniature.read(".dockerignore"), after);
        assert_eq!(miniature.init(&["--force"]).ends(0).stderr.matches("Nothing to add").count(), 1);
    }
    let miniature = Miniature::of("image");
    std::fs::write(miniature.root().join(".dockerignore"), "/target\n").expect("a file");
    miniature.commit();
    miniature.init(&[]).ends(0);
    assert_eq!(miniature.read(".dockerignore"), "/target\n", "some folders alone are copied");
}

#[test]
fn what_is_missing_alone_is_asked_for() {
    let miniature = Miniature::of("lone");
    let run = miniature.xtask_ecs(&["init", "--region", "eu-west-1"]);
    run.ends(2).says("nothing here tells the AWS account, and there").says("say it: --account");
}

#[test]
fn where_something_looks_at_each_member_and_all_it_depends_on_the_package_is_apart() {
    for (name, said) in [
        ("Cargo.toml", "hello is compiled by Rust 1.88 as well, and xtask-ecs needs"),
        ("deny.toml", "deny.toml has cargo-deny look at each member"),
    ] {
        let miniature = Miniature::of("lone");
        let manifest = || miniature.read(name).replacen("name =", "rust-version = \"1.88\"\r\nname =", 1);
        let text = if name == "Cargo.toml" { manifest() } else { "[licenses]\nallow = [\"MIT\"]\n".to_owned() };
        std::fs::write(miniature.root().join(name), text).expect("a file");
        miniature.commit();
        let run = miniature.init(&[]);
        run.ends(0).says(said).says("`git checkout . && git clean -fdx xtask && git clean -fd .cargo` takes it back");
        let manifest = miniature.read("Cargo.toml");
        assert!(manifest.contains("exclude = [\"xtask\"]"), "{manifest}");
        let lock = miniature.git(&["status", "--porcelain", "--", "Cargo.lock"]);
        assert_eq!(lock, "", "their dependencies are what they were");

        // As it says.
        miniature.git(&["checkout", "."]);
        std::fs::create_dir_all(miniature.root().join("xtask/target/debug")).expect("a folder");
        std::fs::write(miniature.root().join("xtask/target/debug/xtask"), "compiled").expect("a file");
        miniature.git(&["clean", "-fdx", "xtask"]);
        miniature.git(&["clean", "-fd", ".cargo"]);
        assert_eq!(miniature.git(&["status", "--porcelain"]), "");
        assert!(!miniature.root().join("xtask").exists(), "nothing of it is left");
        miniature.init(&["--place", "member"]).ends(0).says(said);
        assert!(miniature.read("Cargo.toml").contains("members = [\"xtask\"]"));
    }
}

#[test]
fn a_toolchain_that_is_too_old_is_told_before_anything_is_written() {
    let miniature = Miniature::of("below");
    std::fs::write(miniature.root().join("rust-toolchain.toml"), "[toolchain]\nchannel = \"1.80.1\"\n")
        .expect("a file");
    // Cargo itself would fetch that toolchain.
    let before = miniature.files();
    let run = miniature.init(&["--force"]);
    run.ends(2).says("rust-toolchain.toml pins Rust 1.80.1, and xtask-ecs needs 1.95");
    assert_eq!(miniature.files(), before);
}
