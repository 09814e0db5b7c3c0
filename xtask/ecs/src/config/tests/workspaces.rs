//! Finding the workspace, its target folder and the versions of its packages.

use super::{GOOD, brief, errors_of, load, loaded, nothing, spoilt, workspace};
use crate::config::Origin;

fn tag_of(files: &[(&str, &str)], tag: &str) -> Result<(String, String), String> {
    let manifest =
        spoilt(&[("tag = \"1.4.0\"", &format!("tag = {tag}")), ("[\"app\"]", "[\"app\", \"crates/*\", \"deep/**\"]")]);
    let mut files = files.to_vec();
    if !files.iter().any(|(path, _)| *path == "Cargo.toml") {
        files.push(("Cargo.toml", &manifest));
    }
    let folder = workspace(&files);
    let loaded = load(folder.path(), &nothing).map_err(|errors| brief(&errors))?;
    let origin = loaded.origins.of("images.app.tag").map(ToString::to_string);
    Ok((loaded.config.images["app"].tag().to_string(), origin.unwrap_or_default()))
}

#[test]
fn the_workspace_is_found_from_any_folder_below_it() {
    let folder = workspace(&[("app/src/deep/x.rs", "")]);
    for start in ["", "app", "app/src/deep", "app/ecs"] {
        let loaded = loaded(&folder.path().join(start));
        assert_eq!(loaded.config.root, folder.path(), "{start}");
        assert_eq!(loaded.config.target, folder.path().join("target"), "{start}");
    }
}

#[test]
fn a_member_outside_the_folder_names_its_workspace() {
    let folder = workspace(&[
        (
            "main/Cargo.toml",
            "[workspace]\nmembers = [\"../other\"]\n[workspace.metadata.xtask]\naccount = \"123456789012\"\nregion = \"eu-west-1\"\n",
        ),
        ("other/Cargo.toml", "[package]\nname = \"other\"\nworkspace = \"../main\"\n"),
        ("lost/Cargo.toml", "[package]\nname = \"lost\"\nworkspace = \"../nowhere\"\n"),
    ]);
    assert_eq!(loaded(&folder.path().join("other")).config.root, folder.path().join("main"));
    let errors = load(&folder.path().join("lost"), &nothing).unwrap_err();
    assert_eq!(brief(&errors), "3:13 [\"../nowhere\"] `../nowhere` has no Cargo.toml with a `[workspace]` table");
}

#[test]
fn no_workspace_at_all_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"alone\"\n[package.metadata.xtask]\n")
        .unwrap();
    let errors = load(folder.path(), &nothing).unwrap_err();
    let expected = format!(
        "no cargo workspace around {}: no Cargo.toml with a `[workspace]` table\n\
         run this in a folder of the workspace, or add `[workspace]` to the project's Cargo.toml",
        folder.path().display()
    );
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn a_misspelt_metadata_table_is_recognised() {
    assert_eq!(
        brief(&errors_of(&GOOD.replace("metadata.xtask", "metadata.xtaks"))),
        "7:21 [xtaks] Cargo.toml has no `[workspace.metadata.xtask]` table | did you mean `xtask`?"
    );
    let errors = brief(&errors_of("[workspace.metadata]\nxtask = 1\n"));
    assert!(errors.starts_with("2:9 [1] `workspace.metadata.xtask` should be a table | describe"), "{errors}");
}

#[test]
fn a_manifest_that_is_not_utf8_is_shown_where_it_stops_being_so() {
    let folder = workspace(&[]);
    std::fs::write(folder.path().join("Cargo.toml"), b"[workspace]\n# caf\xe9\n").unwrap();
    let errors = load(folder.path(), &nothing).unwrap_err();
    assert_eq!(brief(&errors), "2:6 [\u{fffd}] Cargo.toml is not UTF-8 | save it as UTF-8");
}

#[test]
fn a_tag_can_be_a_version_of_the_workspace_or_of_a_package() {
    let own = ("crates/own/Cargo.toml", "[package]\nname = \"own\"\nversion = \"0.3.1-rc.1\"\n");
    let deep = ("deep/er/est/Cargo.toml", "[package]\nname = \"deep\"\nversion = \"7.0.0\"\n");
    let files = [own, deep];
    let tag = |tag| tag_of(&files, tag).unwrap();
    assert_eq!(tag("\"v1\""), ("v1".to_owned(), "Cargo.toml:13".to_owned()));
    assert_eq!(tag("{ workspace-version = true }"), ("1.4.0".into(), "Cargo.toml:5, through Cargo.toml:13".into()));
    assert_eq!(tag("{ package = \"app\" }"), ("1.4.0".into(), "Cargo.toml:5, through Cargo.toml:13".into()));
    let through = "crates/own/Cargo.toml:3, through Cargo.toml:13";
    assert_eq!(tag("{ package = \"own\" }"), ("0.3.1-rc.1".into(), through.into()));
    assert_eq!(tag("{ package = \"deep\" }").0, "7.0.0");
}

#[test]
fn a_version_that_is_no_tag_is_refused_with_its_place() {
    let own = |version| format!("[package]\nname = \"own\"\n{version}\n");
    let of_own = |version| tag_of(&[("crates/own/Cargo.toml", &own(version))], "{ package = \"own\" }").unwrap_err();
    assert_eq!(
        of_own("version = \"1.0.0+build.5\""),
        "13:7 [{ package = \"own\" }] the version `1.0.0+build.5` (crates/own/Cargo.toml:3) is not a tag | \
         a tag cannot hold `+`: drop the build metadata from the version, or write the tag out"
    );
    assert_eq!(of_own(""), "13:19 [\"own\"] the package `own` has no version | give it one, or write the tag out");
    let manifest = GOOD.replace("version = \"1.4.0\"\n", "").replace("\"1.4.0\"", "{ workspace-version = true }");
    assert_eq!(
        tag_of(&[("Cargo.toml", &manifest)], "").unwrap_err(),
        "12:9 [workspace-version] the workspace has no version | \
         add `version = \"0.1.0\"` under `[workspace.package]`, or write the tag out"
    );
}

#[test]
fn excluded_packages_are_none_of_the_workspace_and_path_dependencies_are() {
    let package = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\nversion = \"1.0.0\"\n{rest}");
    let manifest = |name: &str| {
        spoilt(&[
            (
                "[\"app\"]",
                "[\"app\", \"crates/*\"]\nexclude = [\"crates/out\"]\ndependencies.shared = { path = \"lib/shared\" }",
            ),
            ("tag = \"1.4.0\"", &format!("tag = {{ package = \"{name}\" }}")),
        ])
    };
    let tag = |name: &str| {
        let dependencies = "[dependencies]\nnear = { path = \"../../lib/near\" }\nshared.workspace = true\n\
                            [target.'cfg(unix)'.dev-dependencies]\nunix = { path = \"../../lib/unix\" }\n";
        let files = [
            ("Cargo.toml", manifest(name)),
            ("crates/in/Cargo.toml", package("in", dependencies)),
            ("crates/out/Cargo.toml", package("out", "")),
            ("lib/near/Cargo.toml", package("near", "")),
            ("lib/shared/Cargo.toml", package("shared", "")),
            ("lib/unix/Cargo.toml", package("unix", "")),
            ("lib/apart/Cargo.toml", package("apart", "")),
        ];
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        tag_of(&files, "").map(|(tag, _)| tag)
    };
    for name in ["in", "near", "shared", "unix"] {
        assert_eq!(tag(name), Ok("1.0.0".to_owned()), "{name}");
    }
    for name in ["out", "apart"] {
        assert!(tag(name).is_err_and(|error| error.contains("is no package of this workspace")), "{name}");
    }
}

#[test]
fn a_link_that_leads_out_of_the_workspace_is_refused() {
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("Dockerfile"), "FROM scratch\n").unwrap();
    let folder = workspace(&[("Cargo.toml", &GOOD.replace("app/Dockerfile", "app/linked/Dockerfile"))]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("app/linked")).unwrap();
    let errors = load(folder.path(), &nothing).unwrap_err();
    assert!(brief(&errors).contains("the Dockerfile `app/linked/Dockerfile` is outside the workspace"), "{errors}");
}

#[test]
fn the_target_folder_is_where_cargo_puts_it() {
    let config = "[build]\ntarget-dir = \"build/out\"\n";
    let folder = workspace(&[(".cargo/config.toml", config), ("home/config.toml", "build.target-dir = \"far\"\n")]);
    let root = folder.path();
    let target = |variables: &[(&str, &str)]| {
        let environment =
            |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        let loaded = load(&root.join("app"), &environment).unwrap();
        (loaded.config.target, loaded.origins.target.unwrap())
    };
    let (folder, origin) = target(&[]);
    assert_eq!((folder, origin.to_string()), (root.join("build/out"), ".cargo/config.toml:2".to_owned()));
    let variable = Origin::Environment("CARGO_TARGET_DIR".to_owned());
    assert_eq!(target(&[("CARGO_TARGET_DIR", "../t")]), (root.join("t"), variable.clone()));
    assert_eq!(target(&[("CARGO_TARGET_DIR", "/elsewhere")]), ("/elsewhere".into(), variable));
    std::fs::remove_dir_all(root.join(".cargo")).unwrap();
    let home = root.join("home").display().to_string();
    assert_eq!(target(&[("CARGO_HOME", &home)]).0, root.join("far"));
    assert_eq!(target(&[("CARGO_TARGET_DIR", "")]), (root.join("target"), Origin::Default));
}
