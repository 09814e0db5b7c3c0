//! Images of the native builder, the whole binary against the sandbox, without docker.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Run, Workspace, calls, sandbox, tagged};
use xtask_sandbox::Sandbox;

/// The sample built without docker, tagged `tag`, with further keys of its image.
fn workspace(tag: &str, keys: &str) -> Workspace {
    let workspace = Workspace::with(&[
        ("[\"app\"]", "[\"app\"]\nresolver = \"3\""),
        ("{ package = \"app\" }", &format!("\"{tag}\"")),
        ("dockerfile = \"app/Dockerfile\"", &format!("package = \"app\"\nexpect = [\"debian\"]\n{keys}")),
    ]);
    workspace
        .trivy_that_passes()
        .write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"1.4.0\"\n")
        .write("app/src/main.rs", &format!("fn main() {{ println!(\"{tag}\") }}\n"));
    workspace
}

fn release(workspace: &Workspace, sandbox: &Sandbox) -> Run {
    workspace.xtask(sandbox, &["release"])
}

#[test]
fn a_base_in_ecr_is_fetched_with_its_token_and_not_sent_again() {
    let sandbox = sandbox(vec![]);
    release(&workspace("1", ""), &sandbox).ends(0);
    let base = tagged(&sandbox, "sample/app", "1").expect("the tag is in ECR");
    let sent = calls(&sandbox, "registry:PUT blob");
    assert_eq!(sent, 5, "files, binary, configuration; the verdict and its empty configuration");

    let keys = format!("base = \"{}/sample/app@{base}\"", sandbox.registry());
    let run = release(&workspace("2", &keys), &sandbox);
    run.ends(0).says("Fetching base");
    assert_eq!(calls(&sandbox, "registry:GET blob"), 3);
    assert_eq!(calls(&sandbox, "registry:PUT blob") - sent, 3, "binary, configuration and the verdict alone are new");
}

#[test]
fn a_base_that_ecr_does_not_have_is_named() {
    let sandbox = sandbox(vec![]);
    let digest = format!("sha256:{}", "0".repeat(64));
    let base = format!("{}/sample/app@{digest}", sandbox.registry());
    let run = release(&workspace("1", &format!("base = \"{base}\"")), &sandbox);
    run.ends(1).says(&format!("failed to use the base {base}"));
    assert_eq!(tagged(&sandbox, "sample/app", "1"), None);
}

/// A toolchain that has the standard library of another machine: its cargo compiles for this one, and says that it did for
/// the other, in the program's header, too.
fn that_crosses(workspace: &Workspace, own: &str, other: &str) -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output().unwrap().stdout;
    let sysroot = String::from_utf8(sysroot).unwrap().trim().to_owned();
    let fake = workspace.root().join("sysroot");
    for machine in [own, other] {
        let library = format!("sysroot/lib/rustlib/{machine}-unknown-linux-gnu/lib/libstd-0.rlib");
        workspace.write(&library, "");
    }
    let answer = format!(
        "[ \"$*\" = '--print sysroot --print host-tuple' ] && echo {} && exec echo {own}-unknown-linux-gnu",
        fake.display()
    );
    workspace.tool("rustc", &format!("#!/bin/sh\n{answer}\nexec {sysroot}/bin/rustc \"$@\"\n"));
    let machine = if other == "aarch64" { "\\267" } else { "\\76" };
    let script = format!(
        r#"#!/bin/sh
case " $* " in *" build "*"--target {other}-"*) ;; *) exec {cargo} "$@" ;; esac
[ "${variable}" = {other}-linux-gnu-gcc ] || {{ echo "error: linker is '${variable}'" >&2; exit 1; }}
for argument; do
    shift
    set -- "$@" "$(echo "$argument" | sed s/{other}-unknown/{own}-unknown/g)"
done
{cargo} "$@" > messages || exit
program=$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' messages)
made=$(echo "$program" | sed s/{own}-unknown/{other}-unknown/)
mkdir -p "$(dirname "$made")"
cp "$program" "$made"
printf '{machine}' | dd of="$made" bs=1 seek=18 conv=notrunc 2>/dev/null
sed s/{own}-unknown/{other}-unknown/g messages
"#,
        // Never by its name, which is that of this script.
        cargo = format_args!("{sysroot}/bin/cargo"),
        variable = format!("CARGO_TARGET_{}_UNKNOWN_LINUX_GNU_LINKER", other.to_uppercase()),
    );
    workspace.tool("cargo", &script);
    workspace.root().join("tools/cargo").display().to_string()
}

#[test]
fn a_program_is_compiled_for_each_platform_where_its_target_and_its_linker_are_here_and_else_nothing_is() {
    let (own, other, foreign) = match std::env::consts::ARCH {
        "aarch64" => ("aarch64", "x86_64", "linux/amd64"),
        _ => ("x86_64", "aarch64", "linux/arm64"),
    };
    let sandbox = sandbox(vec![]);
    let workspace = workspace("1", "platforms = [\"linux/amd64\", \"linux/arm64\"]");
    let environment = sandbox.environment();
    let mut environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (&**name, &**value)).collect();
    let cargo = that_crosses(&workspace, own, other);
    environment.extend([("CARGO", cargo.as_str()), ("RUSTC", "rustc")]);

    let lacking = workspace.xtask_with(&environment, &["release"]);
    lacking.ends(2).says(&format!("image `app` for {foreign}"));
    lacking.says(&format!("nothing here links programs for `{other}-unknown-linux-gnu`"));
    lacking.says(&format!("install {other}-linux-gnu-gcc")).does_not_say("Building");

    workspace.tool(&format!("{other}-linux-gnu-gcc"), "#!/bin/sh\nexit 1\n");
    workspace.xtask_with(&environment, &["release", "--format", "json"]).ends(0);
    let digest = tagged(&sandbox, "sample/app", "1").expect("the tag is in ECR");
    let asked = json!({ "repositoryName": "sample/app", "imageIds": [{ "imageDigest": digest }],
        "acceptedMediaTypes": ["application/vnd.oci.image.index.v1+json"] });
    let answer = sandbox.ecr("BatchGetImage", asked).unwrap();
    let index: Value = serde_json::from_str(answer["images"][0]["imageManifest"].as_str().unwrap()).unwrap();
    let architectures: Vec<&Value> =
        index["manifests"].as_array().unwrap().iter().map(|image| &image["platform"]["architecture"]).collect();
    assert_eq!(architectures, ["amd64", "arm64"]);

    std::fs::remove_dir_all(workspace.root().join(format!("sysroot/lib/rustlib/{other}-unknown-linux-gnu"))).unwrap();
    workspace.change(&[
        ("[\"app\"]", "[\"app\"]\nresolver = \"3\""),
        ("{ package = \"app\" }", "\"2\""),
        ("dockerfile = \"app/Dockerfile\"", "package = \"app\"\nplatforms = [\"linux/amd64\", \"linux/arm64\"]"),
    ]);
    let run = workspace.xtask_with(&environment, &["release"]);
    run.ends(2).says(&format!("no target for {foreign} is installed"));
    run.says(&format!("run `rustup target add {other}-unknown-linux-musl`"));
}
