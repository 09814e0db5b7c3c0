//! `cargo xtask release` of several images, which are on their way at once.

use serde_json::{Value, json};
use xtask_sandbox::Sandbox;

use crate::support::{Workspace, calls, layout, manifest, sandbox, tagged};

/// A layer that every image has.
const BASE: &[u8] = b"the base of all";

/// Images of these names beside no other, each of the base and a layer of its own, in repositories of their own.
fn images(names: &[&str]) -> (Workspace, Sandbox) {
    images_and(names, "")
}

/// The same, with this beside them in the configuration.
fn images_and(names: &[&str], more: &str) -> (Workspace, Sandbox) {
    let sandbox = sandbox(vec![]);
    let tables: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                "[workspace.metadata.xtask.images.{name}]\nrepository = \"sample/{name}\"\ntag = \"1\"\n\
                 dockerfile = \"app/Dockerfile\"\n"
            )
        })
        .collect();
    let text = manifest(&[]);
    let (head, _) = text.split_once("[workspace.metadata.xtask.images.app]").expect("the sample has an image");
    let workspace = Workspace::of(&(head.to_owned() + &tables.concat() + more));
    for name in names {
        layout::write(&workspace.root().join("built").join(name), &[BASE, format!("the layer of {name}").as_bytes()]);
        sandbox.ecr("CreateRepository", json!({ "repositoryName": format!("sample/{name}") })).expect("created");
    }
    workspace.trivy_that_passes();
    docker(&workspace, "");
    (workspace, sandbox)
}

/// A docker that writes the layout of the image that it is asked for, after this.
pub fn docker(workspace: &Workspace, before: &str) {
    let built = workspace.root().join("built/$name");
    let bake = "\"buildx bake\") bake=$(cat); dest=$(echo \"$bake\" | sed -n 's/.*dest=\\([^\",\\\\]*\\).*/\\1/p')\n";
    let name = "name=$(basename \"$(dirname \"$dest\")\")\n";
    let script = include_str!("support/docker.sh");
    let (head, rest) = script.split_once("\"buildx bake\")").expect("the script has a line for bake");
    let (_, tail) = rest.split_once(";;").expect("the line ends");
    let script = format!("{head}{bake}{name}{before}\nwrite \"$dest\" ;;{tail}");
    workspace.tool("docker", &script.replace("LAYOUT", &built.display().to_string()));
}

/// A trivy that does this before it reports on the image `$name`.
pub fn trivy(workspace: &Workspace, before: &str) {
    let name = "name=$(basename \"$PWD\")";
    let script = include_str!("support/trivy.sh");
    workspace.tool("trivy", &script.replacen("while [", &format!("{name}\n{before}\nwhile ["), 1));
}

/// In the shell: goes on when there is a file of this name in the workspace, and fails where it does not come.
fn wait_for(workspace: &Workspace, file: &str) -> String {
    let path = workspace.root().join(file);
    format!("n=0; until [ -e '{0}' ]; do n=$((n+1)); [ $n -lt 400 ] || exit 9; sleep 0.05; done", path.display())
}

fn touch(workspace: &Workspace, file: &str) -> String {
    format!(": > '{}'", workspace.root().join(file).display())
}

fn tags(sandbox: &Sandbox, names: &[&str]) -> Vec<bool> {
    names.iter().map(|name| tagged(sandbox, &format!("sample/{name}"), "1").is_some()).collect()
}

/// The repositories in the order in which they got their tags.
fn order(sandbox: &Sandbox) -> Vec<String> {
    let put = sandbox.calls().into_iter().filter(|call| call.operation == "ecr:PutImage");
    put.map(|call| call.input["repositoryName"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_next_image_is_built_while_the_one_before_is_scanned_and_tags_come_in_order() {
    let (workspace, sandbox) = images(&["a", "b", "c"]);
    docker(&workspace, &format!("[ $name != c ] || {}", touch(&workspace, "c-is-built")));
    trivy(&workspace, &format!("if [ $name = a ]; then {}; fi", wait_for(&workspace, "c-is-built")));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(0);
    assert_eq!(order(&sandbox), ["sample/a", "sample/b", "sample/c"]);
    let printed: Vec<&str> = run.stdout.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(printed, ["a", "b", "c"]);
}

#[test]
fn several_images_are_scanned_at_once_and_with_at_once_1_one_after_the_other() {
    let scan = |count: u8| format!("[workspace.metadata.xtask.scan]\nat-once = {count}\n");
    let (workspace, sandbox) = images_and(&["a", "b"], &scan(2));
    let own = format!(": > \"{}/scan-of-$name\"", workspace.root().display());
    let [a, b] = ["scan-of-a", "scan-of-b"].map(|file| wait_for(&workspace, file));
    trivy(&workspace, &[own, a, b].join("\n"));
    workspace.xtask(&sandbox, &["release"]).ends(0);

    let (workspace, sandbox) = images_and(&["a", "b", "c"], &scan(1));
    let run = workspace.xtask(&sandbox, &["release", "--log", "json"]);
    run.ends(0);
    let events = run.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let scans: Vec<Value> =
        events.filter(|event| event["step"] == "scan").map(|event| event["event"].clone()).collect();
    assert_eq!(scans, ["step-started", "step-finished"].repeat(3));
}

#[test]
fn an_image_that_is_refused_leaves_those_before_it_released_and_those_after_it_without_a_tag() {
    let (workspace, sandbox) = images(&["a", "b", "c"]);
    let crash = "if [ $name = b ]; then echo 'panic: nil map' >&2; exit 2; fi";
    // Even what passed before the other failed.
    trivy(&workspace, &format!("if [ $name = b ]; then {}; fi\n{crash}", wait_for(&workspace, "c-is-built")));
    docker(&workspace, &format!("[ $name != c ] || {}", touch(&workspace, "c-is-built")));
    let run = workspace.xtask(&sandbox, &["release"]);
    run.ends(1).says("trivy crashed on image `b`").says("image `c` after it got no tag");
    assert_eq!(tags(&sandbox, &["a", "b", "c"]), [true, false, false]);
    assert_eq!(run.stdout.lines().count(), 1, "what was released is printed: {}", run.stdout);

    workspace.trivy_that_passes();
    let again = workspace.xtask(&sandbox, &["release"]);
    again.ends(0);
    assert_eq!(tags(&sandbox, &["a", "b", "c"]), [true, true, true]);
}

#[test]
fn a_build_that_fails_lets_the_images_before_it_go_to_their_tags() {
    let (workspace, sandbox) = images(&["a", "b", "c"]);
    let fails = format!("[ $name != b ] || {{ {}; echo 'ERROR: no' >&2; exit 1; }}", touch(&workspace, "b-failed"));
    docker(&workspace, &fails);
    trivy(&workspace, &format!("if [ $name = a ]; then {}; fi", wait_for(&workspace, "b-failed")));
    workspace.xtask(&sandbox, &["release"]).ends(1).says("could not build image `b`").does_not_say("interrupted");
    assert_eq!(tags(&sandbox, &["a", "b", "c"]), [true, false, false]);
}

#[test]
fn a_base_of_several_images_is_sent_once_where_the_registry_mounts_blobs() {
    let names = ["a", "b", "c", "d"];
    let sent = |mounts: bool| {
        let (workspace, sandbox) = images(&names);
        if mounts {
            let on = json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" });
            sandbox.ecr("PutAccountSetting", on).expect("it can be set");
        }
        workspace.xtask(&sandbox, &["release"]).ends(0);
        assert_eq!(tags(&sandbox, &names), [true; 4]);
        let base = format!("sha256:{}", layout::sha256(BASE));
        let puts = sandbox.calls().into_iter().filter(|call| call.operation == "registry:PUT blob");
        puts.filter(|call| call.input["reference"] == base.as_str()).count()
    };
    assert_eq!(sent(true), 1);
    assert_eq!(sent(false), 4, "what is not mounted is sent");
}

#[test]
fn ten_images_on_one_base_send_hardly_more_than_one_of_them() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    // As a program of 5 MB on a base of 500.
    let (base, own) = (vec![7; 2 << 20], 20 << 10);
    let sent = |names: &[&str]| {
        let (workspace, sandbox) = images(names);
        for name in names {
            let program = name.repeat(own);
            let layout = workspace.root().join("built").join(name);
            std::fs::remove_dir_all(&layout).unwrap();
            layout::write(&layout, &[&base, program.as_bytes()]);
        }
        sandbox
            .ecr("PutAccountSetting", json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" }))
            .expect("it can be set");
        workspace.xtask(&sandbox, &["release"]).ends(0);
        let puts = sandbox.calls().into_iter().filter(|call| call.operation.starts_with("registry:P"));
        puts.filter_map(|call| call.input["bytes"].as_u64()).sum::<u64>()
    };
    let (one, ten) = (sent(&names[..1]), sent(&names));
    assert!(one > 2 << 20, "the base is counted: {one}");
    assert!(ten * 10 <= one * 11, "ten send {ten} bytes, and one {one}");
}

#[test]
fn one_password_serves_every_repository() {
    let (workspace, sandbox) = images(&["a", "b", "c"]);
    workspace.xtask(&sandbox, &["release"]).ends(0);
    assert_eq!(calls(&sandbox, "ecr:GetAuthorizationToken"), 1);
}
