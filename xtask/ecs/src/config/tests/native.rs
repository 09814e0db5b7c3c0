use super::check;

#[test]
fn the_package_is_one_of_the_workspace() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (r#"package = "ap""#, r#"14:11 ["ap"] `ap` is no package of this workspace | did you mean `app`?"#),
            (r#"package = "xyz""#, r#"14:11 ["xyz"] `xyz` is no package of this workspace | its packages are `app`"#),
            (r#"package = ["app"]"#, r#"14:11 [["app"]] `images.app.package` is an array, and should be a string"#),
        ],
    );
}

#[test]
fn build_choices_are_checked_one_by_one() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"package = "app"
target = "musl"
profile = "--x"
compression = "gz"
bin = """#,
                r#"15:10 ["musl"] `musl` is not a valid `target` | a target looks like `x86_64-unknown-linux-musl`
16:11 ["--x"] `--x` is not a valid `profile` | a profile's name is letters, digits, `-` and `_`
17:15 ["gz"] `gz` is not a valid `compression` | did you mean `gzip`?
18:7 [""] `images.app.bin` is empty"#,
            ),
            (
                r#"package = "app"
platforms = ["linux/arm64/v8"]"#,
                r#"15:13 [["linux/arm64/v8"]] `linux/arm64/v8` is not a platform of a package | the native builder takes `linux/amd64` and `linux/arm64`, without a variant"#,
            ),
            (
                r#"package = "app"
platforms = ["linux/amd64", "linux/arm64"]
target = "x86_64-unknown-linux-musl""#,
                r#"16:10 ["x86_64-unknown-linux-musl"] `target` is for one platform, and this image has several | drop it: of cargo's `build.target`, which may be a list, each platform takes the one that fits"#,
            ),
        ],
    );
}

#[test]
fn a_base_is_a_layout_or_pinned_by_digest() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"package = "app"
base = "debian:12""#,
                r#"15:8 ["debian:12"] the base `debian:12` is not pinned: its tag can move | name it by digest, `REPOSITORY@sha256:…`; `docker buildx imagetools inspect` prints it"#,
            ),
            (
                r#"package = "app"
base = "public.ecr.example/debian""#,
                r#"15:8 ["public.ecr.example/debian"] the base `public.ecr.example/debian` is not pinned: its tag can move | name it by digest, `REPOSITORY@sha256:…`; `docker buildx imagetools inspect` prints it"#,
            ),
            (
                r#"package = "app"
base = "debian@sha256:12""#,
                r#"15:8 ["debian@sha256:12"] `debian@sha256:12` is not a pinned reference | a pinned reference ends in `@sha256:` and 64 lowercase hexadecimal digits"#,
            ),
            (
                r#"package = "app"
base = "base""#,
                r#"15:8 ["base"] the base layout `base` does not exist | paths are relative to the workspace's root, where this Cargo.toml is"#,
            ),
            (
                r#"package = "app"
base = "app""#,
                r#"15:8 ["app"] the base `app` is not an OCI layout: it has no index.json | name a layout folder, or an image by digest: `REPOSITORY@sha256:…`"#,
            ),
        ],
    );
}

#[test]
fn an_asset_is_inside_the_workspace_and_has_a_place_in_the_image() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"package = "app"
assets = [{ source = "static", path = "/srv" }]"#,
                r#"15:22 ["static"] the asset `static` does not exist | paths are relative to the workspace's root, where this Cargo.toml is"#,
            ),
            (
                r#"package = "app"
assets = [{ source = "../static", path = "/srv" }]"#,
                r#"15:22 ["../static"] the asset `../static` is outside the workspace | only files of the workspace are used, so that every clone builds the same"#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "srv" }]"#,
                r#"15:36 ["srv"] `srv` is not a valid `path` | a path in the image begins with `/` and has no `..`"#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv/../etc" }]"#,
                r#"15:36 ["/srv/../etc"] `/srv/../etc` is not a valid `path` | a path in the image begins with `/` and has no `..`"#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app" }, { path = "/srv" }]"#,
                r#"15:11 [{ source = "app" }] `images.app.assets[0]` has no `path` | add `path = "/srv/static"`, its place in the image
15:31 [{ path = "/srv" }] `images.app.assets[1]` has no `source` | add `source = "static"`, a file or folder of the workspace"#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", moed = 0o644 }]"#,
                "15:44 [moed] unknown key `moed` | did you mean `mode`?",
            ),
            (
                r#"package = "app"
assets = ["app"]"#,
                r#"15:11 ["app"] `images.app.assets[0]` is a string, and should be a table"#,
            ),
        ],
    );
}

#[test]
fn permission_bits_are_octal() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", mode = 644 }]"#,
                r#"15:51 [644] the mode 644 is not written in octal | write 0o644 or "0644""#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", mode = "644x" }]"#,
                r#"15:51 ["644x"] `644x` is not a valid `mode` | permission bits are octal: 0o644 or "0644""#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", mode = 0o77777 }]"#,
                r#"15:51 [0o77777] `77777` is not a valid `mode` | permission bits are octal: 0o644 or "0644""#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", mode = "+644" }]"#,
                r#"15:51 ["+644"] `+644` is not a valid `mode` | permission bits are octal: 0o644 or "0644""#,
            ),
            (
                r#"package = "app"
assets = [{ source = "app", path = "/srv", mode = true }]"#,
                r#"15:51 [true] `images.app.assets[0].mode` is a boolean, and should be permission bits | permission bits are octal: 0o644 or "0644""#,
            ),
        ],
    );
}

#[test]
fn users_ports_and_variables_are_checked() {
    check(
        r#"dockerfile = "app/Dockerfile""#,
        &[
            (
                r#"package = "app"
user = "nobody""#,
                r#"15:8 ["nobody"] `nobody` is not a valid `user` | a user is `UID` or `UID:GID` in numbers, such as `65532:65532`"#,
            ),
            (
                r#"package = "app"
user = "1000:""#,
                r#"15:8 ["1000:"] `1000:` is not a valid `user` | a user is `UID` or `UID:GID` in numbers, such as `65532:65532`"#,
            ),
            (
                r#"package = "app"
user = "1000:99999999999""#,
                r#"15:8 ["1000:99999999999"] `1000:99999999999` is not a valid `user` | a user is `UID` or `UID:GID` in numbers, such as `65532:65532`"#,
            ),
            (
                r#"package = "app"
workdir = "srv""#,
                r#"15:11 ["srv"] `srv` is not a valid `workdir` | a path in the image begins with `/` and has no `..`"#,
            ),
            (
                r#"package = "app"
env = { "A-B" = "1", C = 2 }"#,
                r#"15:9 ["A-B"] `A-B` cannot be a variable's name | an environment variable's name is letters, digits and `_`
15:26 [2] `images.app.env.C` is an integer, and should be a string | write it in quotes"#,
            ),
            (
                r#"package = "app"
ports = ["http", 0, "80/sctp", "70000", 1.5]"#,
                r#"15:10 ["http"] `http` is not a valid port | a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: "8080/tcp"
15:18 [0] `0` is not a valid port | a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: "8080/tcp"
15:21 ["80/sctp"] `80/sctp` is not a valid port | a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: "8080/tcp"
15:32 ["70000"] `70000` is not a valid port | a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: "8080/tcp"
15:41 [1.5] `images.app.ports[4]` is a float, and should be a port | a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: "8080/tcp""#,
            ),
            (
                r#"package = "app"
labels = { a = 1 }"#,
                "15:16 [1] `images.app.labels.a` is an integer, and should be a string | write it in quotes",
            ),
            (
                r#"package = "app"
args = "--port""#,
                r#"15:8 ["--port"] `images.app.args` is a string, and should be an array | write `["--port"]`"#,
            ),
        ],
    );
}
