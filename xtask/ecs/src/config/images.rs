//! `[workspace.metadata.xtask.images.NAME]`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::grammar::{features, is_variable, package_name, platforms};
use super::keys::{Keys, derived, optional, or, required};
use super::model::{Builder, Cache, Dockerfile, Image, OwnBuilder, Program};
use super::native::{PACKAGE, PROGRAM};
use super::origin::{Effective, Origin};
use super::table::Table;
use super::value::Value;
use super::workspace::Version;
use super::{file, native};
use crate::failure::Place;
use crate::gather::Gather;
use crate::reference::{Reference, Repository, Tag};

/// Every key that an image can have, in one form or another.
const FORMS: &[&Keys] = &[&IMAGE, &DOCKERFILE, &PACKAGE, &PROGRAM, &OWN];

pub(super) const IMAGE: Keys = Keys {
    table: "images.NAME",
    note: "An image has `dockerfile`, `package` or `builder`, and the keys of that form.",
    list: &[
        required("repository", "a name of ECR's", "the repository in the registry"),
        required("tag", "a tag, or a table", "what is released, and looked for before anything is built"),
        or(
            "platforms",
            "an array of platforms",
            "[\"linux/amd64\"]",
            "what the image is for: `linux/amd64`, `linux/arm64`; several become an index, each scanned by itself",
        ),
        derived(
            "expect",
            "an array of trivy's result types",
            "`[\"rustbinary\"]` where cargo compiles what is in it, else any one",
            "what the scan report must hold, such as `[\"debian\", \"rustbinary\"]`; `[]` for an image with nothing to scan",
        ),
    ],
};

pub(super) const TAG: Keys = Keys {
    table: "images.NAME.tag",
    note: "A tag is text, or one of these.",
    list: &[
        optional("workspace-version", "`true`", "`version` of `[workspace.package]`"),
        optional("package", "a package of the workspace", "that package's version"),
    ],
};

pub(super) const DOCKERFILE: Keys = Keys {
    table: "images.NAME, with dockerfile",
    note: "Built with docker buildx.",
    list: &[
        required("dockerfile", "a file", "the Dockerfile"),
        or("context", "a folder", "\".\"", "the build context"),
        optional("builder", "a name", "the buildx builder that builds it, such as one with nodes of several platforms"),
        or("args", "text by name", "{}", "build arguments"),
        derived("target", "a name", "the last one", "the stage that is built"),
        or("contexts", "a folder or an address by name", "{}", "further build contexts"),
        or(
            "secrets",
            "a variable by id",
            "{}",
            "build secrets, each from the environment variable named; one that is not set stops the release",
        ),
        or("ssh", "an array", "[]", "agents or keys for `RUN --mount=type=ssh`: `default`, or `ID=PATH`"),
        optional(
            "cache",
            "`registry`, `gha` or `local`",
            "where the layers of builds are kept: in the repository `REPOSITORY-cache`, in GitHub's cache, in the target folder",
        ),
        or("cache-from", "an array", "[]", "where buildx looks for its cache, such as `type=registry,ref=…`"),
        or("cache-to", "an array", "[]", "where buildx leaves its cache; not `inline`, which would change the image"),
        or(
            "binaries",
            "an array of packages or tables",
            "[]",
            "programs that cargo compiles first, for `COPY --from=binaries`",
        ),
    ],
};

pub(super) const OWN: Keys = Keys {
    table: "images.NAME, with builder",
    note: "Built by what this repository's xtask adds with `Xtask::builder`.",
    list: &[
        required("builder", "a name", "what the xtask calls the builder"),
        or("args", "text by name", "{}", "what the builder makes of them"),
    ],
};

/// Every image that is valid by itself, if their registry is known.
pub(super) fn read(table: &mut Table<'_>, registry: Option<&str>) -> BTreeMap<String, Image> {
    let mut images = BTreeMap::new();
    let mut taken: Vec<(Repository, Tag, String, Place)> = Vec::new();
    for (name, mut table) in table.children("images", FORMS) {
        let span = table.value_span("repository");
        let repository = table.required("repository", "repository = \"sample/app\"", Value::parse::<Repository>);
        let tag = tag(&mut table);
        let platforms = platforms(&mut table);
        let builder = builder(&mut table, &platforms);
        let expect = table.optional("expect", Value::strings);
        if let (Some(repository), Some(tag), Some(span)) = (&repository, &tag, span) {
            refuse_duplicate(&table, &name, (repository, tag, span), &mut taken);
        }
        table.finish();
        if let (Some(registry), Some(repository), Some(tag), Some(builder)) = (registry, repository, tag, builder) {
            let reference = Reference { registry: registry.to_owned(), repository, tag };
            images.insert(name.clone(), Image { name, reference, platforms, builder, expect });
        }
    }
    images
}

/// Two images with one repository and tag would overwrite each other's release.
fn refuse_duplicate(
    table: &Table<'_>,
    name: &str,
    (repository, tag, span): (&Repository, &Tag, Range<usize>),
    taken: &mut Vec<(Repository, Tag, String, Place)>,
) {
    let place = table.reading.source.place(span.start);
    let same = taken.iter().find(|(other, other_tag, ..)| other == repository && other_tag == tag);
    if let Some((.., other, at)) = same {
        let message = format!("the images `{other}` and `{name}` are both `{repository}:{tag}`");
        let hint = format!("`{other}` is at line {}; give one another repository or tag", at.line);
        table.reading.report(table.reading.source.fault(span, message, hint));
    }
    taken.push((repository.clone(), tag.clone(), name.to_owned(), place));
}

/// A literal, `{ workspace-version = true }` or `{ package = "…" }`.
fn tag(table: &mut Table<'_>) -> Option<Tag> {
    const FORMS: &str = "write `tag = \"1.4.0\"`, `{ package = \"app\" }` or `{ workspace-version = true }`";
    let Some(value) = table.take("tag") else {
        table.missing("tag", FORMS);
        return None;
    };
    let (tag, origin) = match value.get() {
        DeValue::String(_) => (value.check(literal_tag)?, value.origin()),
        DeValue::Table(_) => {
            let version = version(&value, FORMS)?;
            let Ok(tag) = version.text.parse::<Tag>() else {
                let hint = if version.text.contains('+') {
                    "a tag cannot hold `+`: drop the build metadata from the version, or write the tag out"
                } else {
                    "write the tag out"
                };
                let place = format!("{}:{}", version.place.file, version.place.line);
                value.error(format!("the version `{}` ({place}) is not a tag", version.text.escape_debug()), hint);
                return None;
            };
            (tag, Origin::Through { at: version.place, by: value.place() })
        }
        _ => return value.wrong_type("a tag", FORMS),
    };
    table.note("tag", &tag, origin);
    Some(tag)
}

fn literal_tag(text: &str) -> Result<Tag, String> {
    if text.contains('+') {
        return Err("a tag cannot hold `+`; `-` can stand for it".to_owned());
    }
    text.parse::<Tag>().map_err(|rule| rule.to_string())
}

fn version(value: &Value<'_>, forms: &str) -> Option<Version> {
    let workspace = value.reading.workspace;
    let mut form = value.table(&[&TAG])?;
    let of_workspace = form.take("workspace-version");
    let of_package = form.take("package");
    let complete = form.finish();
    match (of_workspace, of_package) {
        (Some(flag), None) => {
            if !flag.boolean()? {
                flag.error("`workspace-version` is only ever true", forms);
                return None;
            }
            let version = workspace.version();
            if version.is_none() {
                flag.error_at_key(
                    "the workspace has no version",
                    "add `version = \"0.1.0\"` under `[workspace.package]`, or write the tag out",
                );
            }
            version
        }
        (None, Some(package)) => {
            let name = package_name(&package)?;
            let version = workspace.package(&name)?.version.clone();
            if version.is_none() {
                package.error(format!("the package `{name}` has no version"), "give it one, or write the tag out");
            }
            version
        }
        (Some(_), Some(_)) => {
            value.error("a tag is either the workspace's version or a package's, not both", forms);
            None
        }
        (None, None) => {
            if complete {
                value.error("this table names no tag", forms);
            }
            None
        }
    }
}

fn builder(table: &mut Table<'_>, platforms: &[String]) -> Option<Builder> {
    let forms: Vec<&str> = ["dockerfile", "package", "builder"].into_iter().filter(|key| table.has(key)).gather();
    match *forms {
        ["dockerfile"] | ["dockerfile", "builder"] => {
            let builder = dockerfile(table, platforms).map(Builder::Dockerfile);
            table.refuse(
                &but(&PACKAGE, &[&DOCKERFILE, &PROGRAM]),
                "belongs to images with `package`; this one has `dockerfile`",
            );
            table.refuse(
                &but(&PROGRAM, &[]),
                "belongs to a program here: `binaries = [{ package = \"app\", bin = \"app\", features = [\"x\"] }]`",
            );
            builder
        }
        ["package"] => {
            let builder = native::read(table, platforms).map(Builder::Package);
            table.refuse(
                &but(&DOCKERFILE, &[&PACKAGE, &PROGRAM]),
                "belongs to images with `dockerfile`; this one has `package`",
            );
            builder
        }
        ["builder"] => {
            let own = table.optional("builder", Value::string);
            let builder = own.and_then(|name| by_own(table, name, platforms)).map(Builder::Own);
            for (form, key) in [(&DOCKERFILE, "dockerfile"), (&PACKAGE, "package")] {
                let why = format!("belongs to images with `{key}`; this one has `builder`");
                table.refuse(&but(form, &[&OWN, &PROGRAM]), &why);
            }
            table.refuse(&but(&PROGRAM, &[]), "belongs to images with `package`; this one has `builder`");
            builder
        }
        _ => {
            let name = table.name();
            if let [rest @ .., last] = &*forms {
                let both = if rest.len() == 1 { "both " } else { "" };
                let rest = rest.join("`, `");
                table.error(format!("{name} has {both}`{rest}` and `{last}`"), "keep the one that builds it");
            } else {
                let hint =
                    "add `dockerfile = \"app/Dockerfile\"` (docker buildx) or `package = \"app\"` (no docker needed)";
                table.error(format!("nothing says how to build {name}"), hint);
            }
            // Whichever form it will be, these keys are no typos; their values are looked at once it is clear.
            for key in [&DOCKERFILE, &PACKAGE, &PROGRAM, &OWN].into_iter().flat_map(Keys::names) {
                drop(table.take(key));
            }
            None
        }
    }
}

/// The keys of one form that no other has.
fn but(form: &Keys, others: &[&Keys]) -> Vec<&'static str> {
    form.names().filter(|name| !others.iter().any(|other| other.has(name))).gather()
}

/// Whether there is such a builder, the xtask knows.
fn by_own(table: &mut Table<'_>, builder: String, platforms: &[String]) -> Option<OwnBuilder> {
    let platform = platforms.first().cloned();
    let args = table.or("args", Value::string_map, BTreeMap::new());
    Some(OwnBuilder { builder, platform: platform?, args })
}

fn dockerfile(table: &mut Table<'_>, platforms: &[String]) -> Option<Dockerfile> {
    let root = table.reading.workspace.root.clone();
    let path = table.optional("dockerfile", |value| file::file(value, "Dockerfile"));
    let context = table.or("context", |value| file::folder(value, "build context"), root);
    let builder = table.optional("builder", |value| value.check(is_builder));
    let args = table.or("args", Value::string_map, BTreeMap::new());
    let target = table.optional("target", Value::string);
    let contexts =
        table.or("contexts", |value| value.map(|_, value| named_context(value)).map(Contexts), Contexts::default()).0;
    let secrets = table.or("secrets", |value| value.map(secret), BTreeMap::new());
    let ssh = table.or("ssh", |value| value.list(|item| item.check(is_ssh)), Vec::new());
    let cache = table.optional("cache", |value| value.one_of(&CACHES));
    let cache_from = table.or("cache-from", |value| value.list(Value::string), Vec::new());
    let cache_to = table.or("cache-to", |value| value.list(|item| item.check(is_cache)), Vec::new());
    let binaries = table.or("binaries", |value| value.list(binary), Vec::new());
    if !binaries.is_empty() && contexts.contains_key("binaries") {
        let hint = "give the one under `contexts` another name";
        table.error(format!("{} has two build contexts named `binaries`", table.name()), hint);
    }
    Some(Dockerfile {
        file: path?,
        context,
        platform: platforms.first()?.clone(),
        builder,
        args,
        target,
        contexts,
        secrets,
        ssh,
        cache,
        cache_from,
        cache_to,
        binaries,
    })
}

/// `"app"`, or `{ package = "app", bin = "migrate", features = ["postgres"] }`.
fn binary(value: &Value<'_>) -> Option<Program> {
    if let DeValue::String(_) = value.get() {
        return package_name(value).map(|package| Program::new(&package));
    }
    let mut table = value.table(&[&PROGRAM])?;
    let package = table.need("package", "add `package = \"app\"`, a package of the workspace", package_name);
    let bin = table.take("bin").map(|value| value.string());
    let features = table.take("features").map_or(Some(Vec::new()), |value| features(&value));
    let default_features = table.take("default-features").map_or(Some(true), |value| value.boolean());
    table.finish();
    let bin = bin.map_or(Some(None), |bin| bin.map(Some));
    Some(Program { package: package?, bin: bin?, features: features?, default_features: default_features? })
}

const CACHES: [(&str, Cache); 3] = [("registry", Cache::Registry), ("gha", Cache::Gha), ("local", Cache::Local)];

/// Source: docker/buildx, store/util.go, `namePattern`.
fn is_builder(text: &str) -> Result<String, &'static str> {
    let fits = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    fits.then(|| text.to_owned()).ok_or("a builder's name is what `docker buildx ls` calls it")
}

/// `ID[=SOCKET|KEY[,KEY…]]`. Source: docker buildx build, `--ssh`.
fn is_ssh(text: &str) -> Result<String, &'static str> {
    let id = text.split('=').next().unwrap_or_default();
    let fits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    fits.then(|| text.to_owned()).ok_or("write `default`, which is the agent's, or `ID=PATH` of a socket or a key")
}

/// What goes into the image itself would be another image than the one without a cache.
fn is_cache(text: &str) -> Result<String, &'static str> {
    let inline = text == "inline" || text.split(',').any(|field| field.trim() == "type=inline");
    let fits = !text.trim().is_empty() && !inline;
    fits.then(|| text.to_owned())
        .ok_or("write it as buildx takes it, `type=registry,ref=…` or `type=gha`; `inline` would change the image")
}

/// Shown with folders relative to the root, as they were written.
#[derive(Default)]
struct Contexts(BTreeMap<String, String>);

impl Effective for Contexts {
    fn effective(&self, root: &Path) -> serde_json::Value {
        let shown = |(name, value): (&String, &String)| {
            let value = if Path::new(value).is_absolute() {
                PathBuf::from(value).effective(root)
            } else {
                value.effective(root)
            };
            (name.clone(), value)
        };
        serde_json::Value::Object(self.0.iter().map(shown).collect())
    }
}

/// A folder of the workspace, or what buildx fetches itself: `oci-layout://…`, `docker-image://…`, a URL.
fn named_context(value: &Value<'_>) -> Option<String> {
    let text = value.string()?;
    if text.contains("://") {
        return Some(text);
    }
    Some(file::folder(value, "build context")?.to_string_lossy().into_owned())
}

/// Id → the variable that holds the value. The id becomes part of a comma-separated list.
fn secret(id: &str, value: &Value<'_>) -> Option<String> {
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        let rule = "use letters, digits, `-`, `_` and `.`";
        value.error_at_key(format!("`{}` cannot be a secret's id", id.escape_debug()), rule);
        return None;
    }
    value.check(is_variable)
}
