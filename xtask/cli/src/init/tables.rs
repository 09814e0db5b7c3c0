//! The tables of `[workspace.metadata.xtask]`: what each says, and those that are not there yet.

use xtask_ecs::Failure;

use super::choice::{Choice, Drafted, Place, Shipped};
use super::insert::Insertion;
use super::survey::{Document, Package, Survey};
use super::toml_text::TomlText;

/// The name of a table below `[workspace.metadata.xtask]`, empty for itself, and its lines.
pub type Table = (String, String);

/// What a workspace gains that has no such table.
pub struct Head<'a> {
    /// What acts on it.
    pub command: &'a str,
    /// The list that the package is in, and its name, where there is no `[workspace]` yet.
    pub member: Option<(&'a str, &'a str)>,
}

/// Those of the tables that are not there yet, as a block of Cargo.toml; `None` where all of them are.
pub fn block(found: &Survey, head: &Head<'_>, tables: &[Table]) -> Result<Option<Insertion>, Failure> {
    let toml = parsed(&found.manifest, "Cargo.toml")?;
    let mut blocks = Vec::new();
    for (name, lines) in tables {
        let path: Vec<&str> =
            ["workspace", "metadata", "xtask"].into_iter().chain(name.split('.').filter(|it| !it.is_empty())).collect();
        if toml.get(&path).is_none() {
            let comment = if name.is_empty() { format!("# What `{}` acts on.\n", head.command) } else { String::new() };
            blocks.push(format!("{comment}[{}]\n{lines}", path.join(".")));
        }
    }
    if blocks.is_empty() {
        return Ok(None);
    }
    let has_workspace = toml.get(&["workspace"]).is_some();
    if !has_workspace {
        let list = head.member.map_or_else(String::new, |(key, name)| format!("{key} = [\"{name}\"]\n"));
        blocks.insert(0, format!("[workspace]\n{list}"));
    }
    Ok(Some(toml.behind(if has_workspace { "workspace" } else { "package" }, &blocks.join("\n"))))
}

/// What a workspace's files and a few answers come to.
pub fn of_draft(found: &Survey, choice: &Choice, said: &Drafted) -> Vec<Table> {
    let Drafted { account, region, cluster, images } = said;
    let top = format!("account = \"{account}\"\nregion = \"{region}\"\ncluster = \"{cluster}\"\n");
    let mut tables = vec![(String::new(), top)];
    tables.extend(images.iter().map(|image| image_table(found, image)));
    tables.extend(of_package(choice));
    tables.extend(images.iter().map(|image| service_table(found, image.name(), images.len())));
    tables
}

/// Where the package is, for the workflows; none where it is where they look for it, or where there is none of ours.
pub fn of_package(choice: &Choice) -> Option<Table> {
    let is_elsewhere = choice.place == Place::Apart || choice.name != "xtask";
    let line = format!("manifest = \"{}/Cargo.toml\"\n", choice.name);
    (choice.place != Place::Module && is_elsewhere).then(|| ("workflows".to_owned(), line))
}

fn image_table(found: &Survey, image: &Shipped) -> Table {
    let name = image.name();
    (format!("images.{name}"), image_lines(image, repository(found, name), &tag(found, image)))
}

/// What the table of an image says: where it goes, its tag, and what builds it.
pub fn image_lines(image: &Shipped, repository: &str, tag: &str) -> String {
    let built = match image {
        Shipped::Dockerfile(dockerfile) => {
            let context = dockerfile.context.as_ref().map_or(String::new(), |it| format!("context = \"{it}\"\n"));
            let target = dockerfile.facts.target.as_ref().map_or(String::new(), |it| format!("target = \"{it}\"\n"));
            format!("dockerfile = \"{}\"\n{context}{target}", dockerfile.name)
        }
        Shipped::Package(package, None) => format!("package = \"{package}\"\n"),
        Shipped::Package(package, Some(binary)) => format!("package = \"{package}\"\nbin = \"{binary}\"\n"),
    };
    format!("repository = \"{repository}\"\ntag = {tag}\n{built}")
}

fn service_table(found: &Survey, name: &str, images: usize) -> Table {
    let document = document(found, name, images);
    let source = document.map_or_else(|| format!("{{ family = \"{name}\" }}"), |it| format!("\"{}\"", it.name));
    let container = document.map_or(name, |it| container(it, name));
    let lines = format!("task-definition = {source}\ncontainers = {{ {container} = \"{name}\" }}\n");
    (format!("services.{name}"), lines)
}

/// The repository of that name that the files speak of, with its folders.
fn repository<'a>(found: &'a Survey, image: &'a str) -> &'a str {
    let named = found.hints.repositories.iter().find(|it| it.rsplit('/').next() == Some(image));
    named.map_or(image, String::as_str)
}

/// The version of the package whose program the image is.
pub fn tag(found: &Survey, image: &Shipped) -> String {
    match version_of(found, image) {
        Some(package) => format!("{{ package = \"{}\" }}", package.name),
        None if found.has_workspace_version() => "{ workspace-version = true }".to_owned(),
        None => "\"0.1.0\"".to_owned(),
    }
}

/// The package whose program an image is, or the only one with a version.
pub fn version_of<'a>(found: &'a Survey, image: &Shipped) -> Option<&'a Package> {
    let program = match image {
        Shipped::Dockerfile(dockerfile) => dockerfile.facts.starts.clone(),
        Shipped::Package(package, _) => Some(package.clone()),
    };
    let versioned = || found.packages.iter().filter(|package| package.version.is_some());
    let of = |name: &str| versioned().find(|one| one.name == name || one.binaries.iter().any(|binary| binary == name));
    let only = || versioned().next().filter(|_| versioned().count() == 1);
    program.as_deref().and_then(of).or_else(|| of(image.name())).or_else(only)
}

fn document<'a>(found: &'a Survey, image: &str, images: usize) -> Option<&'a Document> {
    let by_container = || found.documents.iter().find(|it| it.containers.iter().any(|container| container == image));
    let by_family =
        || found.documents.iter().find(|it| it.family == image || it.family.ends_with(&format!("-{image}")));
    by_container()
        .or_else(by_family)
        .or_else(|| found.documents.first().filter(|_| images == 1 && found.documents.len() == 1))
}

fn container<'a>(document: &'a Document, image: &'a str) -> &'a str {
    let same = document.containers.iter().find(|container| *container == image);
    same.or(document.containers.first()).map_or(image, String::as_str)
}

/// A file of TOML, or where it is none.
pub fn parsed<'a>(text: &'a str, file: &str) -> Result<TomlText<'a>, Failure> {
    TomlText::parse(text).map_err(|why| Failure::usage(format_args!("{file} is not TOML: {why}")))
}
