//! The keys of an image that the native builder makes: `package = "…"`.

use toml::de::DeValue;

use super::file;
use super::grammar::{is_variable, program};
use super::keys::{Keys, derived, optional, or, required};
use super::model::{Asset, Base, Compression, Package, Program};
use super::table::Table;
use super::value::Value;
use crate::digest::Digest;
use crate::reference::Named;

pub(super) const PACKAGE: Keys = Keys {
    table: "images.NAME, with package",
    note: "Built by the native builder, without docker.",
    list: &[
        derived(
            "target",
            "a Rust target",
            "cargo's `build.target` where it fits, else musl where it is installed, else glibc",
            "what cargo compiles for",
        ),
        or("profile", "a cargo profile", "\"release\"", "how cargo compiles"),
        optional("base", "`REPOSITORY@sha256:…` or a layout folder", "what lies under it"),
        or("assets", "an array of tables", "[]", "files and folders under the program, in the order written"),
        or("user", "`UID[:GID]`", "\"65532:65532\"", "who runs it"),
        or("workdir", "a path in the image", "\"/\"", "where it runs"),
        or("env", "text by name", "{}", "environment variables"),
        or("ports", "an array", "[]", "`8080/tcp`, `53/udp`"),
        or("labels", "text by name", "{}", "labels"),
        or("args", "an array of text", "[]", "arguments behind the program in the entrypoint"),
        or(
            "compression",
            "`gzip` or `zstd`",
            "\"gzip\"",
            "how layers are compressed; `zstd` needs the feature `zstd` of xtask-ecs",
        ),
    ],
};

pub(super) const PROGRAM: Keys = Keys {
    table: "images.NAME, with package, and images.NAME.binaries[]",
    note: "Which program cargo compiles.",
    list: &[
        required("package", "a package of the workspace", "the package that it is in"),
        derived("bin", "a name", "the only one, or `default-run`", "which of the package's binaries"),
        or("features", "an array", "[]", "cargo features"),
        or("default-features", "true or false", "true", "whether cargo's default features are on"),
    ],
};

pub(super) const ASSET: Keys = Keys {
    table: "images.NAME.assets[]",
    note: "",
    list: &[
        required("source", "a file or a folder", "what goes into the image"),
        required("path", "a path in the image", "where it goes"),
        derived(
            "mode",
            "`\"0644\"` or `0o644`",
            "`0644` for files, `0755` for folders and what is executable",
            "permissions",
        ),
        or("owner", "`UID[:GID]`", "\"0:0\"", "whose it is"),
    ],
};

/// Of an image for these platforms.
pub(super) fn read(table: &mut Table<'_>, platforms: &[String]) -> Option<Package> {
    let program = program(table);
    let first = platforms.first()?;
    if let Some(other) = platforms.iter().find(|text| text.matches('/').count() != 1) {
        let hint = "the native builder takes `linux/amd64` and `linux/arm64`, without a variant";
        table.error_at("platforms", format!("`{other}` is not a platform of a package"), hint);
    }
    if platforms.len() > 1 && table.has("target") {
        let hint = "drop it: of cargo's `build.target`, which may be a list, each platform takes the one that fits";
        table.error_at("target", "`target` is for one platform, and this image has several", hint);
    }
    let default = Package::new(Program::new(""), "");
    let read = Package {
        target: table.optional("target", |value| value.check(is_triple)),
        profile: table.or("profile", |value| value.check(is_profile), default.profile),
        base: table.optional("base", base),
        assets: table.or("assets", |value| value.list(asset), default.assets),
        user: table.or("user", |value| value.check(is_owner), default.user),
        workdir: table.or("workdir", |value| value.check(is_image_path), default.workdir),
        env: table.or("env", |value| value.map(variable), default.env),
        ports: table.or("ports", |value| value.list(port), default.ports),
        labels: table.or("labels", Value::string_map, default.labels),
        args: table.or("args", Value::strings, default.args),
        compression: table.or("compression", |value| value.one_of(&COMPRESSIONS), default.compression),
        program: default.program,
        platform: default.platform,
    };
    Some(Package { program: program?, platform: first.clone(), ..read })
}

const COMPRESSIONS: [(&str, Compression); 2] = [("gzip", Compression::Gzip), ("zstd", Compression::Zstd)];

fn is_triple(text: &str) -> Result<String, &'static str> {
    let fits = text.split('-').count() >= 3
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && !text.starts_with('-');
    fits.then(|| text.to_owned()).ok_or("a target looks like `x86_64-unknown-linux-musl`")
}

/// Source: the Cargo book, "Profiles", custom profiles.
fn is_profile(text: &str) -> Result<String, &'static str> {
    let fits = !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    fits.then(|| text.to_owned()).ok_or("a profile's name is letters, digits, `-` and `_`")
}

/// `REPOSITORY@sha256:…`, or a layout in the workspace. A reference by tag would give other bytes on another day.
fn base(value: &Value<'_>) -> Option<Base> {
    let text = value.string()?;
    let named = Named::of(&text);
    if let Some(digest) = named.digest {
        if digest.parse::<Digest>().is_err() || named.path.is_empty() {
            let hint = "a pinned reference ends in `@sha256:` and 64 lowercase hexadecimal digits";
            value.error(format!("`{}` is not a pinned reference", text.escape_debug()), hint);
            return None;
        }
        return Some(Base::Reference(text));
    }
    let looks_like_reference = named.tag.is_some() || named.host.is_some();
    if looks_like_reference && !text.starts_with('.') && !value.reading.workspace.root.join(&text).exists() {
        let message = format!("the base `{}` is not pinned: its tag can move", text.escape_debug());
        value.error(message, "name it by digest, `REPOSITORY@sha256:…`; `docker buildx imagetools inspect` prints it");
        return None;
    }
    let folder = file::folder(value, "base layout")?;
    if !folder.join("index.json").is_file() {
        let message = format!("the base `{}` is not an OCI layout: it has no index.json", text.escape_debug());
        value.error(message, "name a layout folder, or an image by digest: `REPOSITORY@sha256:…`");
        return None;
    }
    Some(Base::Layout(folder))
}

/// `{ source = "static", path = "/srv/static", mode = "0644", owner = "0:0" }`
fn asset(value: &Value<'_>) -> Option<Asset> {
    let mut table = value.table(&[&ASSET])?;
    let source = table.need("source", "add `source = \"static\"`, a file or folder of the workspace", |value| {
        file::file_or_folder(value, "asset")
    });
    let path =
        table.need("path", "add `path = \"/srv/static\"`, its place in the image", |value| value.check(is_image_path));
    let mode = table.take("mode").map(|value| mode(&value));
    let owner = table.take("owner").map_or(Some("0:0".to_owned()), |value| value.check(is_owner));
    table.finish();
    let mode = mode.map_or(Some(None), |mode| mode.map(Some));
    Some(Asset { source: source?, path: path?, mode: mode?, owner: owner? })
}

/// `0o644` or `"0644"`. A decimal 644 would be quite other permissions than it looks.
fn mode(value: &Value<'_>) -> Option<u32> {
    const RULE: &str = "permission bits are octal: 0o644 or \"0644\"";
    let digits = match value.get() {
        DeValue::Integer(number) if number.radix() == 8 => number.as_str(),
        DeValue::Integer(number) => {
            let digits = number.as_str();
            value.error(
                format!("the mode {digits} is not written in octal"),
                format!("write 0o{digits} or \"0{digits}\""),
            );
            return None;
        }
        DeValue::String(text) => text.as_ref(),
        _ => return value.wrong_type("permission bits", RULE),
    };
    let octal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let mode = u32::from_str_radix(digits, 8).ok().filter(|mode| octal && *mode <= 0o7777);
    if mode.is_none() {
        value.error(format!("`{}` is not a valid `mode`", digits.escape_debug()), RULE);
    }
    mode
}

/// `UID[:GID]` in numbers: an image need not have /etc/passwd.
fn is_owner(text: &str) -> Result<String, &'static str> {
    let (user, group) = text.split_once(':').unwrap_or((text, "0"));
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok();
    let fits = number(user) && number(group);
    fits.then(|| text.to_owned()).ok_or("a user is `UID` or `UID:GID` in numbers, such as `65532:65532`")
}

fn is_image_path(text: &str) -> Result<String, &'static str> {
    let fits = text.starts_with('/') && !text.contains('\0') && !text.split('/').any(|part| part == "..");
    fits.then(|| text.to_owned()).ok_or("a path in the image begins with `/` and has no `..`")
}

fn variable(name: &str, value: &Value<'_>) -> Option<String> {
    if let Err(rule) = is_variable(name) {
        value.error_at_key(format!("`{}` cannot be a variable's name", name.escape_debug()), rule);
        return None;
    }
    value.text().map(str::to_owned)
}

/// `8080`, `"8080"`, `"8080/tcp"` or `"53/udp"`. Source: OCI image specification 1.1, config.md, ExposedPorts.
fn port(value: &Value<'_>) -> Option<String> {
    const RULE: &str = "a port is 1 to 65535, with `/tcp` or `/udp` behind it where that matters: \"8080/tcp\"";
    let text = match value.get() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        DeValue::String(text) => text,
        _ => return value.wrong_type("a port", RULE),
    };
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let digits = number.bytes().all(|b| b.is_ascii_digit());
    match number.parse::<u16>() {
        Ok(number) if digits && number > 0 && matches!(protocol, "tcp" | "udp") => Some(format!("{number}/{protocol}")),
        _ => {
            value.error(format!("`{}` is not a valid port", text.escape_debug()), RULE);
            None
        }
    }
}
