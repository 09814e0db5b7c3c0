//! What is to be added: given on the command line, found in the repository, or asked.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use xtask_ecs::Failure;
use xtask_ecs::deploy::Account;

use super::questions::Questions;
use super::survey::{Dockerfile, Package, Survey, toolchain};
use super::toml_text::TomlText;
use crate::adopt::{Adopted, Live, Wanted};

/// What the command line says.
#[derive(clap::Args)]
pub struct Given {
    /// The AWS account, twelve digits
    #[arg(long)]
    account: Option<String>,
    /// The region of ECR and ECS
    #[arg(long)]
    region: Option<String>,
    /// The ECS cluster
    #[arg(long)]
    cluster: Option<String>,
    /// A service that is there already, as CLUSTER/NAME or an ARN; as often as wanted. Configuration and task definition are then
    /// what it runs
    #[arg(long = "service", value_name = "CLUSTER/NAME", conflicts_with_all = ["images", "cluster"])]
    services: Vec<Wanted>,
    /// Write its service definition, too, so that what is written there is deployed
    #[arg(long, requires = "services")]
    service_definition: bool,
    /// An image to ship, by the name that a Dockerfile here gives it, or a package; as often as wanted
    #[arg(long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// What the package and the alias are called; xtask, or ship where there is an xtask
    #[arg(long)]
    name: Option<String>,
    /// Where the package goes
    #[arg(long, value_enum)]
    place: Option<Place>,
    /// Where the library comes from: a version, a folder, or a git repository with #TAG or #COMMIT
    #[arg(long, value_name = "SOURCE", default_value = env!("CARGO_PKG_VERSION"), value_parser = library)]
    xtask_ecs: Library,
    /// Run nothing at the end: no rehearsal, and no `deploy --plan`
    #[arg(long)]
    no_rehearse: bool,
}

/// Where the package goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// A member of the workspace
    Member,
    /// A workspace of its own, which no Dockerfile and no check of the other one compiles
    Apart,
    /// A module of the xtask that is there
    Module,
}

/// Where the library comes from; never from a branch, which moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    Version(String),
    Folder(PathBuf),
    Git { address: String, at: String },
}

/// What is added.
pub struct Choice {
    pub configuration: Option<Configuration>,
    pub name: String,
    pub place: Place,
    pub library: Library,
    pub rehearse: bool,
}

/// What `[workspace.metadata.xtask]` will say.
pub enum Configuration {
    /// Of files and answers.
    Drafted(Drafted),
    /// Of services that are there.
    Adopted(Adopted),
}

/// What files and answers say.
#[derive(Debug)]
pub struct Drafted {
    pub account: String,
    pub region: String,
    pub cluster: String,
    pub images: Vec<Shipped>,
}

/// Something to ship.
#[derive(Clone, Debug)]
pub enum Shipped {
    Dockerfile(Dockerfile),
    /// A package, and its binary where it has several.
    Package(String, Option<String>),
}

impl Shipped {
    pub fn name(&self) -> &str {
        match self {
            Self::Dockerfile(dockerfile) => &dockerfile.image,
            Self::Package(name, binary) => binary.as_ref().unwrap_or(name),
        }
    }
}

/// At most five questions, and none without a terminal.
pub fn choose(found: &Survey, given: Given) -> Result<Choice, Failure> {
    if !Questions::is_terminal() {
        return choose_with(found, given, &mut Questions::nobody());
    }
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stderr().lock());
    choose_with(found, given, &mut Questions::to(&mut input, &mut output))
}

fn choose_with(found: &Survey, given: Given, questions: &mut Questions<'_>) -> Result<Choice, Failure> {
    let is_configured =
        TomlText::parse(&found.manifest).is_ok_and(|it| it.get(&["workspace", "metadata", "xtask"]).is_some());
    let configuration = if !given.services.is_empty() {
        Some(Configuration::Adopted(adopted(found, &given, questions)?))
    } else if is_configured {
        None
    } else {
        Some(Configuration::Drafted(drafted(found, &given, questions)?))
    };
    let taken = found.has("xtask");
    let place = match given.place {
        Some(Place::Module) if their_xtask(found).is_none() => {
            return Err(Failure::usage("there is no package xtask here that a module could be added to")
                .help("`--place member` makes a package of its own"));
        }
        Some(place) => place,
        None if found.own.is_some() => Place::Member,
        None => ask_place(found, questions),
    };
    let name =
        given.name.or_else(|| found.own_name()).unwrap_or_else(|| if taken { "ship" } else { "xtask" }.to_owned());
    if found.own.is_none() && place != Place::Module && found.has(&name) {
        return Err(Failure::usage(format_args!("there is a `{name}` here already, a package, a folder or an alias"))
            .help("another --name is free, or `--place module` adds to it"));
    }
    Ok(Choice { configuration, name, place, library: given.xtask_ecs, rehearse: !given.no_rehearse })
}

/// The folder of the xtask that is there.
pub fn their_xtask(found: &Survey) -> Option<PathBuf> {
    found.packages.iter().find(|package| package.name == "xtask").map(|package| package.folder.clone())
}

/// The Dockerfile that compiles this workspace, and where: a member would be compiled in there, too, or be missing.
pub fn compiled_in(found: &Survey) -> Option<(&str, usize)> {
    let shipped = found.dockerfiles.iter().filter(|one| one.aside.is_none());
    shipped.into_iter().find_map(|one| Some((one.name.as_str(), one.facts.cargo?)))
}

fn ask_place(found: &Survey, questions: &mut Questions<'_>) -> Place {
    let place = if against_a_member(found).is_empty() { Place::Member } else { Place::Apart };
    let has_theirs = their_xtask(found).is_some();
    if place == Place::Member && !has_theirs {
        return place;
    }
    let module = if has_theirs { ", module of your xtask" } else { "" };
    let default = if place == Place::Apart { "apart" } else { "member" };
    let question =
        format!("Where does the package go? member of the workspace, apart as a workspace of its own{module}");
    match questions.ask(&question, Some(default)).as_deref() {
        Some("member") => Place::Member,
        Some("apart") => Place::Apart,
        Some("module") if has_theirs => Place::Module,
        _ => place,
    }
}

/// The services that are there, as ECS has them.
fn adopted(found: &Survey, given: &Given, questions: &mut Questions<'_>) -> Result<Adopted, Failure> {
    let of_arns = given.services.iter().find_map(|wanted| wanted.region.clone());
    let told = given.region.clone().or(of_arns);
    let region = told.or_else(|| questions.ask("Region", region_here(found).as_deref()));
    let region = region.ok_or_else(|| {
        Failure::usage("nothing here tells the region of the service, and there is no terminal to ask on")
            .help("say it: --region, or the service's ARN")
    })?;
    let account = Account::of_these_credentials(&region)?;
    let live = Live { found, account: &account, region: &region, definition: given.service_definition };
    live.adopt(&given.services, given.account.as_deref())
}

fn variable(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|it| !it.is_empty()))
}

fn region_here(found: &Survey) -> Option<String> {
    variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]).or_else(|| found.hints.region.clone())
}

fn drafted(found: &Survey, given: &Given, questions: &mut Questions<'_>) -> Result<Drafted, Failure> {
    let hints = &found.hints;
    let mut answer = |given: &Option<String>, question: &str, default: Option<String>| {
        given.clone().or_else(|| questions.ask(question, default.as_deref()))
    };
    let account = variable(&["AWS_ACCOUNT_ID"]).or_else(|| hints.account.clone());
    let account = answer(&given.account, "AWS account, twelve digits", account);
    let region = answer(&given.region, "Region", region_here(found));
    let cluster = hints.cluster.clone().unwrap_or_else(|| "default".to_owned());
    let cluster = answer(&given.cluster, "ECS cluster", Some(cluster));
    let images = images(found, given, questions)?;
    let missing: Vec<&str> = [("--account", account.is_none()), ("--region", region.is_none())]
        .iter()
        .filter(|it| it.1)
        .map(|it| it.0)
        .collect();
    let (Some(account), Some(region), Some(cluster)) = (account, region, cluster) else {
        let what = [("the AWS account", "--account"), ("the region", "--region")];
        let what: Vec<&str> = what.iter().filter(|(_, flag)| missing.contains(flag)).map(|(what, _)| *what).collect();
        return Err(Failure::usage(format_args!(
            "nothing here tells {}, and there is no terminal to ask on",
            what.join(" and ")
        ))
        .help(format!("say {}: {}", if missing.len() > 1 { "them" } else { "it" }, missing.join(" and "))));
    };
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::usage(format_args!("`{account}` is no AWS account: twelve digits, as AWS writes them")));
    }
    Ok(Drafted { account, region, cluster, images })
}

fn images(found: &Survey, given: &Given, questions: &mut Questions<'_>) -> Result<Vec<Shipped>, Failure> {
    let candidates = candidates(found);
    let services: Vec<&str> =
        candidates.iter().filter(|(_, is_service)| *is_service).map(|(it, _)| it.name()).collect();
    let names = if given.images.is_empty() {
        let others = candidates.len() > 1;
        let all = services.join(" ");
        let question = "What is shipped? Names, with blanks between them";
        let answer = if others { questions.ask(question, Some(&all)) } else { Some(all) };
        answer.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    } else {
        given.images.clone()
    };
    let known: Vec<&str> = candidates.iter().map(|(it, _)| it.name()).collect();
    if names.is_empty() {
        return Err(Failure::usage(
            "nothing here could be shipped: no Dockerfile that starts something, and no binary",
        )
        .help(if known.is_empty() { String::new() } else { format!("--image takes {}", known.join(", ")) }));
    }
    let candidate = |name: &String| {
        let found = candidates.iter().find(|(it, _)| it.name() == name).map(|(it, _)| it.clone());
        found.ok_or_else(|| {
            Failure::usage(format_args!("nothing here would be an image `{name}`"))
                .help(format!("there could be {}", known.join(", ")))
        })
    };
    names.iter().map(candidate).collect()
}

/// What could be shipped, and whether it looks like a service: the Dockerfiles, and where none starts anything the
/// packages' programs.
pub fn candidates(found: &Survey) -> Vec<(Shipped, bool)> {
    let mut all: Vec<(Shipped, bool)> =
        found.dockerfiles.iter().map(|one| (Shipped::Dockerfile(one.clone()), one.aside.is_none())).collect();
    let has_service = all.iter().any(|(_, is_service)| *is_service);
    let tools = ["xtask", "ci", "bench", "tools"];
    for package in found.packages.iter().filter(|package| !tools.contains(&package.name.as_str())) {
        for binary in &package.binaries {
            let several = package.binaries.len() > 1;
            let shipped = Shipped::Package(package.name.clone(), several.then(|| binary.clone()));
            if all.iter().all(|(it, _)| it.name() != shipped.name()) {
                all.push((shipped, !has_service));
            }
        }
    }
    all
}

/// What the library is compiled with at least.
const RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// Whether a version of Rust is older than what the library needs; `stable` and dates are not.
fn is_too_old(rust: &str) -> bool {
    let numbers = |text: &str| {
        let mut parts = text.split('.').map(|part| part.parse::<u32>().ok());
        Some((parts.next()??, parts.next().flatten().unwrap_or(0)))
    };
    numbers(rust).zip(numbers(RUST)).is_some_and(|(rust, needed)| rust < needed)
}

/// Before cargo is asked anything, which would want that toolchain installed.
pub fn refuse_old_toolchain(folder: &Path) -> Result<(), Failure> {
    match toolchain(folder) {
        Some((channel, file)) if is_too_old(&channel) => {
            Err(Failure::usage(format_args!("{file} pins Rust {channel}, and xtask-ecs needs {RUST}"))
                .help("raise it; or keep to `cargo xtask-ecs`, which was compiled already and adds nothing here"))
        }
        _ => Ok(()),
    }
}

/// What looks at each member and at all that it depends on, by the file that says how.
/// Sources: each one's own documentation.
const CHECKS: [(&str, &str); 6] = [
    ("deny.toml", "cargo-deny"),
    (".deny.toml", "cargo-deny"),
    (".cargo/deny.toml", "cargo-deny"),
    ("supply-chain/config.toml", "cargo-vet"),
    (".config/hakari.toml", "cargo-hakari"),
    (".guppy/hakari.toml", "cargo-hakari"),
];

/// What a new member would be in the way of, as sentences: the package is a workspace of its own then.
pub fn against_a_member(found: &Survey) -> Vec<String> {
    let mut why = Vec::new();
    if let Some((file, line)) = compiled_in(found) {
        why.push(format!(
            "{file}:{line} compiles this workspace inside the image: a member would be compiled there with all the others, or missed where only some folders are copied"
        ));
    }
    let older = |package: &&Package| package.rust_version.as_deref().is_some_and(is_too_old);
    if let Some(Package { name, rust_version: Some(rust), .. }) = found.packages.iter().find(older) {
        why.push(format!(
            "{name} is compiled by Rust {rust} as well, and xtask-ecs needs {RUST}: a check of all members with that Rust would fail at a new one"
        ));
    }
    let checked = CHECKS.iter().filter(|(file, _)| found.root.join(file).is_file());
    why.extend(checked.map(|(file, tool)| {
        format!("{file} has {tool} look at each member: it would look at all that xtask-ecs depends on as well")
    }));
    why
}

fn library(text: &str) -> Result<Library, String> {
    if text.contains("://") || text.starts_with("git@") {
        return match text.split_once('#') {
            Some((address, at)) if !at.is_empty() => {
                Ok(Library::Git { address: address.to_owned(), at: at.to_owned() })
            }
            _ => Err("a branch moves: name a tag or a commit behind `#`".to_owned()),
        };
    }
    if text.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Ok(Library::Version(text.to_owned()));
    }
    match Path::new(text).canonicalize() {
        Ok(folder) if folder.join("Cargo.toml").is_file() => Ok(Library::Folder(folder)),
        _ => Err("neither a version, nor a folder with a Cargo.toml, nor the address of a git repository".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_comes_from_a_version_a_folder_or_a_commit_and_never_from_a_branch() {
        assert_eq!(library("0.1.0"), Ok(Library::Version("0.1.0".to_owned())));
        let git = Library::Git { address: "https://example.org/it".to_owned(), at: "v1".to_owned() };
        assert_eq!(library("https://example.org/it#v1"), Ok(git));
        assert!(library("https://example.org/it").is_err_and(|why| why.contains("a branch moves")));
        assert!(matches!(library(env!("CARGO_MANIFEST_DIR")), Ok(Library::Folder(_))));
        assert!(library("nowhere").is_err());
    }
}
