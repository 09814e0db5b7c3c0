#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::io::Read;

use super::fixture::{Compiled, TWICE, fixture, request};
use super::*;

fn built(request: &Request) -> Result<Binary> {
    build(request, &Events::discard(), &Interrupt::default())
}

#[test]
fn the_same_sources_in_two_folders_give_the_same_static_program() {
    for Compiled { root, binary, program, answer } in TWICE.iter() {
        assert_eq!((binary.name.as_str(), binary.version.as_str()), ("hello", "0.3.0"));
        assert_eq!((binary.license.as_deref(), &binary.interpreter), (Some("MIT"), &None));
        assert!(answer.starts_with("hello "), "{answer}");
        let folder = root.parent().unwrap().to_str().unwrap().as_bytes();
        assert!(!program.windows(folder.len()).any(|window| window == folder), "a path of this machine is inside");
    }
    assert!(TWICE[0].root != TWICE[1].root && TWICE[0].program == TWICE[1].program, "the two programs differ");
}

#[test]
fn the_section_reads_back_with_the_published_reader() {
    let program = &TWICE[0].program;
    let section = Elf::parse(program).unwrap().section(".dep-v0").unwrap().to_vec();
    let mut json = String::new();
    flate2::read::ZlibDecoder::new(section.as_slice()).read_to_string(&mut json).unwrap();
    assert_eq!(json, r#"{"packages":[{"name":"hello","version":"0.3.0","source":"local","root":true}],"format":1}"#);

    let limits = auditable_info::Limits::default();
    let info = auditable_info::audit_info_from_reader(&mut program.as_slice(), limits).unwrap();
    assert_eq!(info.packages.len(), 1);
    assert!(info.packages[0].root);
}

#[test]
fn a_user_who_turns_static_linking_off_gets_a_program_that_names_its_loader() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    std::fs::create_dir(root.path().join(".cargo")).unwrap();
    let flags = "[target.'cfg(target_os = \"linux\")']\nrustflags = [\"-Ctarget-feature=-crt-static\"]\n";
    std::fs::write(root.path().join(".cargo/config.toml"), flags).unwrap();
    let binary = built(&request(root.path())).unwrap();
    assert!(binary.interpreter.is_some_and(|loader| loader.contains("/ld-")));
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    let message = |change: &dyn Fn(&mut Request)| {
        let mut request = request(root.path());
        change(&mut request);
        let failure = built(&request).unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure}");
        failure.to_string()
    };
    assert!(message(&|request| request.program.package = "helo".to_owned()).contains("did you mean `hello`?"));
    assert!(message(&|request| request.program.bin = Some("other".to_owned())).ends_with("it has `hello`"));
    assert!(message(&|request| request.platform = "windows/amd64".to_owned()).contains("use `linux/amd64`"));
    let missing = message(&|request| {
        request.platform = "linux/amd64".to_owned();
        request.target = Some("x86_64-unknown-linux-gnux32".to_owned());
    });
    assert!(missing.ends_with("run `rustup target add x86_64-unknown-linux-gnux32`"), "{missing}");
    let other = message(&|request| {
        request.platform = "linux/arm64".to_owned();
        request.target = Some("x86_64-unknown-linux-gnu".to_owned());
    });
    assert!(other.contains("`x86_64-unknown-linux-gnu` is not for linux/arm64"), "{other}");

    std::fs::remove_file(root.path().join("Cargo.lock")).unwrap();
    assert!(message(&|_| {}).contains("commit the Cargo.lock"));
}

#[test]
fn a_program_that_does_not_compile_is_the_worlds_failure_with_cargos_words() {
    let root = tempfile::tempdir().unwrap();
    fixture(root.path());
    std::fs::write(root.path().join("src/main.rs"), "fn main() { nonsense }").unwrap();
    let (events, seen) = Events::collect();
    let failure = build(&request(root.path()), &events, &Interrupt::default()).unwrap_err();
    drop(events);
    assert_eq!(failure.exit_code(), 1);
    assert!(failure.to_string().contains("cannot find value `nonsense`"), "{failure}");
    assert!(seen.iter().any(|event| matches!(event, Event::BuildOutput { line, .. } if line.contains("Compiling"))));
}

/// The kinds of every dependency table at once, without a registry.
fn with_dependencies(root: &Path) {
    fixture(root);
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let package = |name: &str, rest: &str| {
        write(
            &format!("crates/{name}/Cargo.toml"),
            &format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\nedition = \"2024\"\n{rest}"),
        );
        write(&format!("crates/{name}/src/lib.rs"), "");
    };
    package("both", "");
    package("linked", "[dependencies]\nboth = { path = \"../both\" }\n");
    package("derive", "[lib]\nproc-macro = true\n[dependencies]\nboth = { path = \"../both\" }\n");
    package("maker", "");
    package("tester", "");
    package("unused", "[dependencies]\nlinked = { path = \"../linked\" }\n");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("[workspace]\n", "[workspace]\nmembers = [\"crates/*\"]\n");
    let table = |name: &str| format!("{name} = {{ path = \"crates/{name}\" }}\n");
    write(
        "Cargo.toml",
        &format!(
            "{manifest}[dependencies]\n{}{}[build-dependencies]\n{}[dev-dependencies]\n{}",
            table("linked"),
            table("derive"),
            table("maker"),
            table("tester"),
        ),
    );
    std::fs::remove_file(root.join("Cargo.lock")).unwrap();
    crate::process::ask(root, "cargo", &["generate-lockfile", "--offline"]).unwrap();
}

#[test]
fn the_list_holds_what_was_compiled_and_knows_what_is_only_for_building() {
    let root = tempfile::tempdir().unwrap();
    with_dependencies(root.path());
    let binary = built(&request(root.path())).unwrap();
    let info = auditable_info::audit_info_from_file(&binary.path, auditable_info::Limits::default()).unwrap();
    let name = |index: &usize| info.packages[*index].name.as_str();
    let listed: Vec<_> = info
        .packages
        .iter()
        .map(|package| {
            let needs: Vec<_> = package.dependencies.iter().map(name).collect();
            let build = serde_json::to_value(package.kind).unwrap() == "build";
            format!("{}{} [{}]", package.name, if build { " (build)" } else { "" }, needs.join(" "))
        })
        .collect();
    assert_eq!(
        listed,
        ["both []", "derive (build) [both]", "hello [derive linked maker]", "linked [both]", "maker (build) []"]
    );
}
