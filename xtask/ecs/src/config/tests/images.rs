use super::check;

#[test]
fn a_repository_follows_the_registrys_grammar() {
    check(
        r#"repository = "sample/app""#,
        &[
            (
                r#"repository = "Sample/App""#,
                r#"12:14 ["Sample/App"] `Sample/App` is not a valid `repository` | a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them"#,
            ),
            (
                r#"repository = "sample//app""#,
                r#"12:14 ["sample//app"] `sample//app` is not a valid `repository` | a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them"#,
            ),
            (
                r#"repository = "registry.example/app:1""#,
                r#"12:14 ["registry.example/app:1"] `registry.example/app:1` is not a valid `repository` | a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them"#,
            ),
            (
                "repository = 1",
                "12:14 [1] `images.app.repository` is an integer, and should be a string | write it in quotes",
            ),
            (
                r#"repository = """#,
                r#"12:14 [""] `images.app.repository` is empty | a repository name is 2 to 256 lowercase letters and digits, with `.`, `_`, `__`, dashes or `/` between them"#,
            ),
            (
                "",
                r#"11:1 [[workspace.metadata.xtask.images.app]] `images.app` has no `repository` | add `repository = "sample/app"`"#,
            ),
        ],
    );
}

#[test]
fn a_tag_follows_the_registrys_grammar() {
    check(
        r#"tag = "1.4.0""#,
        &[
            (
                r#"tag = "1.4.0+build.7""#,
                r#"13:7 ["1.4.0+build.7"] `1.4.0+build.7` is not a valid `tag` | a tag cannot hold `+`; `-` can stand for it"#,
            ),
            (
                r#"tag = "-1""#,
                r#"13:7 ["-1"] `-1` is not a valid `tag` | a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"#,
            ),
            (
                r#"tag = """#,
                r#"13:7 [""] `images.app.tag` is empty | a tag is 1 to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"#,
            ),
            (
                "tag = 1.4",
                r#"13:7 [1.4] `images.app.tag` is a float, and should be a tag | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
            (
                "tag = 2026-01-31",
                r#"13:7 [2026-01-31] `images.app.tag` is a date or time, and should be a tag | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
            (
                "",
                r#"11:1 [[workspace.metadata.xtask.images.app]] `images.app` has no `tag` | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
        ],
    );
}

#[test]
fn a_tag_from_a_version_names_one_source() {
    check(
        r#"tag = "1.4.0""#,
        &[
            (
                "tag = {}",
                r#"13:7 [{}] this table names no tag | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
            (
                "tag = { workspace-version = false }",
                r#"13:29 [false] `workspace-version` is only ever true | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
            (
                r#"tag = { workspace-version = "yes" }"#,
                r#"13:29 ["yes"] `images.app.tag.workspace-version` is a string, and should be true or false"#,
            ),
            (
                r#"tag = { workspace-version = true, package = "app" }"#,
                r#"13:7 [{ workspace-version = true, package = "app" }] a tag is either the workspace's version or a package's, not both | write `tag = "1.4.0"`, `{ package = "app" }` or `{ workspace-version = true }`"#,
            ),
            (
                r#"tag = { package = "ap" }"#,
                r#"13:19 ["ap"] `ap` is no package of this workspace | did you mean `app`?"#,
            ),
            (
                r#"tag = { package = "worker" }"#,
                r#"13:19 ["worker"] `worker` is no package of this workspace | its packages are `app`"#,
            ),
            (
                "tag = { package = 1 }",
                "13:19 [1] `images.app.tag.package` is an integer, and should be a string | write it in quotes",
            ),
            (r#"tag = { pakage = "app" }"#, "13:9 [pakage] unknown key `pakage` | did you mean `package`?"),
            (
                r#"tag = { version = "1" }"#,
                "13:9 [version] unknown key `version` | known keys are `workspace-version`, `package`",
            ),
        ],
    );
}

#[test]
fn an_image_is_built_in_one_way() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                "",
                r#"11:1 [[workspace.metadata.xtask.images.app]] nothing says how to build `images.app` | add `dockerfile = "app/Dockerfile"` (docker buildx) or `package = "app"` (no docker needed)"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
package = "app""#,
                "11:1 [[workspace.metadata.xtask.images.app]] `images.app` has both `dockerfile` and `package` | keep the one that builds it",
            ),
        ],
    );
}

#[test]
fn the_keys_of_the_other_way_are_refused_by_name() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"dockerfile = "app/Dockerfile"
bin = "app"
assets = []"#,
                r#"15:1 [bin] `bin` belongs to a program here: `binaries = [{ package = "app", bin = "app", features = ["x"] }]`
16:1 [assets] `assets` belongs to images with `package`; this one has `dockerfile`"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
ssh = ["=x"]
cache-to = ["type=inline", "inline"]
binaries = [{ bin = "x" }, { package = "ap" }, { package = "app", feature = [] }, { package = "app", features = ["a b"] }]"#,
                r#"15:8 ["=x"] `=x` is not a valid `ssh[0]` | write `default`, which is the agent's, or `ID=PATH` of a socket or a key
16:13 ["type=inline"] `type=inline` is not a valid `cache-to[0]` | write it as buildx takes it, `type=registry,ref=…` or `type=gha`; `inline` would change the image
16:28 ["inline"] `inline` is not a valid `cache-to[1]` | write it as buildx takes it, `type=registry,ref=…` or `type=gha`; `inline` would change the image
17:13 [{ bin = "x" }] `images.app.binaries[0]` has no `package` | add `package = "app"`, a package of the workspace
17:40 ["ap"] `ap` is no package of this workspace | did you mean `app`?
17:67 [feature] unknown key `feature` | did you mean `features`?
17:114 ["a b"] `a b` is not a valid `features[0]` | name one feature: letters, digits, `_`, `-`, `+` and `.`, or `crate/feature`"#,
            ),
            (
                r#"package = "app"
context = "."
secrets = {}"#,
                "15:1 [context] `context` belongs to images with `dockerfile`; this one has `package`
16:1 [secrets] `secrets` belongs to images with `dockerfile`; this one has `package`",
            ),
            (
                r#"dockerfile = "app/Dockerfile"
binarys = ["app"]"#,
                "15:1 [binarys] unknown key `binarys` | did you mean `binaries`?",
            ),
            (
                r#"package = "app"
binaries = ["app"]"#,
                "15:1 [binaries] `binaries` belongs to images with `dockerfile`; this one has `package`",
            ),
        ],
    );
}

#[test]
fn a_file_that_is_named_is_there_and_inside_the_workspace() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"dockerfile = "app/Dockerfil""#,
                r#"14:14 ["app/Dockerfil"] the Dockerfile `app/Dockerfil` does not exist | did you mean `app/Dockerfile`?"#,
            ),
            (
                r#"dockerfile = "docker/api.Dockerfile""#,
                r#"14:14 ["docker/api.Dockerfile"] the Dockerfile `docker/api.Dockerfile` does not exist | paths are relative to the workspace's root, where this Cargo.toml is"#,
            ),
            (r#"dockerfile = "app""#, r#"14:14 ["app"] the Dockerfile `app` is a folder, and should be a file"#),
            (
                r#"dockerfile = "../Dockerfile""#,
                r#"14:14 ["../Dockerfile"] the Dockerfile `../Dockerfile` is outside the workspace | only files of the workspace are used, so that every clone builds the same"#,
            ),
            (
                r#"dockerfile = "/etc/passwd""#,
                r#"14:14 ["/etc/passwd"] the Dockerfile `/etc/passwd` is outside the workspace | only files of the workspace are used, so that every clone builds the same"#,
            ),
            (r#"dockerfile = """#, r#"14:14 [""] `images.app.dockerfile` is empty"#),
            (r#"dockerfile = "app\u0000""#, r#"14:14 ["app\u0000"] the Dockerfile `app\0` is not a path"#),
            (
                r#"dockerfile = "app/Dockerfile"
context = "ap""#,
                r#"15:11 ["ap"] the build context `ap` does not exist | did you mean `app`?"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
context = "app/Dockerfile""#,
                r#"15:11 ["app/Dockerfile"] the build context `app/Dockerfile` is a file, and should be a folder"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
context = "..""#,
                r#"15:11 [".."] the build context `..` is outside the workspace | only files of the workspace are used, so that every clone builds the same"#,
            ),
        ],
    );
}

#[test]
fn an_image_has_at_least_one_platform_and_none_twice() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"dockerfile = "app/Dockerfile"
platforms = ["linux/arm64", "linux/amd64", "linux/arm64/v8"]"#,
                r#"15:13 [["linux/arm64", "linux/amd64", "linux/arm64/v8"]] `linux/arm64` and `linux/arm64/v8` are one platform | keep one of them"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
platforms = []"#,
                r#"15:13 [[]] `platforms` is empty | write `["linux/amd64"]`"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
platforms = "linux/amd64""#,
                r#"15:13 ["linux/amd64"] `images.app.platforms` is a string, and should be an array | write `["linux/amd64"]`"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
platforms = ["amd64"]"#,
                r#"15:14 ["amd64"] `amd64` is not a valid `platforms[0]` | a platform looks like `linux/amd64` or `linux/arm64`"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
platforms = ["linux/AMD64", 1]"#,
                r#"15:14 ["linux/AMD64"] `linux/AMD64` is not a valid `platforms[0]` | a platform looks like `linux/amd64` or `linux/arm64`
15:29 [1] `images.app.platforms[1]` is an integer, and should be a string | write it in quotes"#,
            ),
        ],
    );
}

#[test]
fn build_options_are_checked_one_by_one() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"dockerfile = "app/Dockerfile"
args = { A = 1, B = "b", C = true }"#,
                "15:14 [1] `images.app.args.A` is an integer, and should be a string | write it in quotes
15:30 [true] `images.app.args.C` is a boolean, and should be a string | write it in quotes",
            ),
            (
                r#"dockerfile = "app/Dockerfile"
args = ["A=1"]"#,
                r#"15:8 [["A=1"]] `images.app.args` is an array, and should be a table"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
target = 1"#,
                "15:10 [1] `images.app.target` is an integer, and should be a string | write it in quotes",
            ),
            (
                r#"dockerfile = "app/Dockerfile"
contexts = { data = "dat", more = "docker-image://x" }"#,
                r#"15:21 ["dat"] the build context `dat` does not exist | paths are relative to the workspace's root, where this Cargo.toml is"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
secrets = { "a,b" = "TOKEN", token = "MY-TOKEN" }"#,
                r#"15:13 ["a,b"] `a,b` cannot be a secret's id | use letters, digits, `-`, `_` and `.`
15:38 ["MY-TOKEN"] `MY-TOKEN` is not a valid `token` | an environment variable's name is letters, digits and `_`"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
binaries = ["ap", "app"]"#,
                r#"15:13 ["ap"] `ap` is no package of this workspace | did you mean `app`?"#,
            ),
            (
                r#"dockerfile = "app/Dockerfile"
binaries = ["app"]
contexts = { binaries = "app" }"#,
                "11:1 [[workspace.metadata.xtask.images.app]] `images.app` has two build contexts named `binaries` | give the one under `contexts` another name",
            ),
            (
                r#"dockerfile = "app/Dockerfile"
expect = "debian""#,
                r#"15:10 ["debian"] `images.app.expect` is a string, and should be an array | write `["debian"]`"#,
            ),
        ],
    );
}

#[test]
fn an_images_name_is_plain() {
    check(
        "xtask.images.app]
",
        &[
            (
                r#"xtask.images."../app"]
"#,
                r#"11:34 ["../app"] `../app` cannot be a name here | use letters, digits, `-` and `_`, and begin with a letter or a digit
19:22 ["app"] the container `app` names no image: `app` | images are `../app`"#,
            ),
            (
                r#"xtask.images."-app"]
"#,
                r#"11:34 ["-app"] `-app` cannot be a name here | use letters, digits, `-` and `_`, and begin with a letter or a digit
19:22 ["app"] the container `app` names no image: `app` | did you mean `-app`?"#,
            ),
            (
                r#"xtask.images."app x"]
"#,
                r#"11:34 ["app x"] `app x` cannot be a name here | use letters, digits, `-` and `_`, and begin with a letter or a digit
19:22 ["app"] the container `app` names no image: `app` | did you mean `app x`?"#,
            ),
        ],
    );
}

#[test]
fn two_images_do_not_share_repository_and_tag() {
    check(
        "[workspace.metadata.xtask.services.app]",
        &[(
            r#"[workspace.metadata.xtask.images.worker]
repository = "sample/app"
tag = { workspace-version = true }
dockerfile = "app/Dockerfile"

[workspace.metadata.xtask.services.app]"#,
            r#"17:14 ["sample/app"] the images `app` and `worker` are both `sample/app:1.4.0` | `app` is at line 12; give one another repository or tag"#,
        )],
    );
}
