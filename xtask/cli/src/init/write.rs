//! The changes, written where git can take them back.

use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use xtask_ecs::config::{self, Config, Loaded};
use xtask_ecs::deploy::Account;
use xtask_ecs::process::{Successor, Tool, ask, cmd, shell, shell_word};
use xtask_ecs::{Context, Failure};

use super::choice::{Choice, Place};
use super::insert::Change;
use super::plan;
use super::survey::Survey;

/// How long cargo may look at a registry's index.
const INDEX: Duration = Duration::from_secs(300);

/// How what is written is taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// All that was there before is committed: these commands.
    Git(Vec<String>),
    ByHand,
}

impl WayBack {
    pub fn says(&self) -> String {
        match self {
            Self::Git(commands) => format!("`{}` takes it back", commands.join(" && ")),
            Self::ByHand => {
                "the lines above name what was added; git cannot take it back, for not all that was there is committed"
                    .to_owned()
            }
        }
    }
}

/// Fails where git could not take back what is written, but for `force`.
pub fn way_back(found: &Survey, changes: &[Change], force: bool) -> Result<WayBack, Failure> {
    let failure = if found.git.is_none() {
        Failure::usage("this is in no git repository, so nothing could take the changes back")
    } else {
        let dirty = ask(&found.root, "git", &["status", "--porcelain", "--", "."]).unwrap_or_default();
        if dirty.is_empty() {
            return Ok(WayBack::Git(commands(found, changes)));
        }
        Failure::usage("the working tree has changes that are not committed, and would be mixed with what is added")
            .said(dirty.lines().take(10))
    };
    if force {
        return Ok(WayBack::ByHand);
    }
    Err(failure.help("commit or stash them; --force goes on, and --dry-run only shows what would be added"))
}

/// What takes these changes back: of the package's own folder all that cargo made there as well, of others what is new.
fn commands(found: &Survey, changes: &[Change]) -> Vec<String> {
    let created = changes.iter().filter(|change| matches!(change, Change::Create { .. }));
    let names: Vec<String> = created.map(|change| found.name_of(change.path())).collect();
    let package = names.iter().find_map(|name| name.strip_suffix("/Cargo.toml"));
    let mut new: Vec<&str> = names.iter().filter_map(|name| name.split('/').next()).collect();
    if !found.root.join("Cargo.lock").exists() {
        new.push("Cargo.lock");
    }
    new.sort_unstable();
    new.dedup();
    new.retain(|name| Some(*name) != package);
    let git = git_at(&found.root);
    let mut commands = vec![format!("{git} checkout .")];
    commands.extend(package.map(|package| format!("{git} clean -fdx {package}")));
    commands.extend((!new.is_empty()).then(|| format!("{git} clean -fd {}", new.join(" "))));
    commands
}

/// git in that folder, wherever the one who reads this is.
fn git_at(root: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let (Ok(here), Ok(root)) = (here, root.canonicalize()) else { return "git".to_owned() };
    if here == root {
        return "git".to_owned();
    }
    format!("git -C {}", shell_word(&root.display().to_string()))
}

pub fn write(changes: &[Change], found: &Survey, context: &Context) -> Result<(), Failure> {
    for change in changes {
        let (path, name) = (change.path(), found.name_of(change.path()));
        let failed =
            |error: std::io::Error| Failure::caused_by(error.into()).during(format_args!("failed to write {name}"));
        if let Change::Create { .. } = change {
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
        }
        put(path, &change.text()).map_err(failed)?;
        let verb = if matches!(change, Change::Create { .. }) { "Created" } else { "Extended" };
        context.events().note(verb, name);
    }
    Ok(())
}

/// Whole or not at all: who is killed meanwhile leaves no half of somebody's file.
fn put(path: &Path, text: &str) -> std::io::Result<()> {
    // Behind a link is the file.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text)?;
    if let Ok(before) = std::fs::metadata(&path) {
        std::fs::set_permissions(&partial, before.permissions())?;
    }
    std::fs::rename(partial, path)
}

/// That which started this program, or the one that there is.
fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Adds what is new to Cargo.lock, and moves nothing that is in it.
pub fn lock(found: &Survey, choice: &Choice, back: &WayBack, context: &Context) -> Result<(), Failure> {
    let folder = if choice.place == Place::Apart { found.root.join(&choice.name) } else { found.root.clone() };
    context.events().note("Locking", "what is new");
    let update = Tool::new(cargo(), INDEX).args(["update", "--quiet", "--workspace"]).dir(folder);
    let ended = update.run(context.interrupt(), |_| {})?;
    if ended.status.success() {
        return Ok(());
    }
    let disagree =
        choice.place != Place::Apart && ended.tail.iter().any(|line| line.contains("failed to select a version"));
    let help = if disagree {
        format!(
            "the library's dependencies and this workspace's have no versions in common: {}, and then `--place apart` begins a \
             package with a Cargo.lock of its own",
            back.says()
        )
    } else {
        "`cargo update --workspace` does it again; --xtask-ecs says where the library comes from".to_owned()
    };
    Err(Failure::world("cargo could not add the new packages to Cargo.lock; everything else is written")
        .said(ended.tail)
        .help(help))
}

/// The workspace's own xtask, compiled with its sandbox, rehearses; with credentials of the account it then says what a deploy
/// would change.
pub fn rehearse(found: &Survey, choice: &Choice, back: &WayBack, context: &Context) -> Result<(), Failure> {
    let Loaded { config, .. } = config::load(&found.root, &|name| std::env::var(name).ok())?;
    let manifest = found.root.join(&choice.name).join("Cargo.toml").display().to_string();
    context.events().note("Rehearsing", "with the new package, which is compiled first: minutes, this once");
    compile(&manifest, choice, back, context)?;
    let run = |words: &[&str], then| {
        let cargo = ["run", "--quiet", "--manifest-path", &manifest, "--features", "rehearse", "--"];
        let args = cargo.iter().chain(words).map(|word| (*word).to_owned()).collect();
        Successor { program: "cargo", args, variables: Vec::new(), then }
    };
    let plan = match why_not_planned(&config) {
        None => Some(Box::new(run(&["deploy", "--plan"], None))),
        Some(why) => {
            let plan = format!("`{} deploy --plan`", plan::command(choice));
            context.events().note("Left out", format!("{plan}, which says what a deploy would change: {why}"));
            None
        }
    };
    context.hand_over(run(&["rehearse"], plan));
    Ok(())
}

/// What cargo shows meanwhile and says is on the terminal already.
fn compile(manifest: &str, choice: &Choice, back: &WayBack, context: &Context) -> Result<(), Failure> {
    let quiet = (!std::io::stderr().is_terminal()).then_some("--quiet");
    let sh = shell()?;
    let cargo = cargo();
    let build = cmd!(sh, "{cargo} build {quiet...} --manifest-path {manifest} --features rehearse").quiet();
    let Err(error) = build.run() else { return Ok(()) };
    let command = plan::command(choice);
    if context.interrupt().is_set() {
        return Err(Failure::interrupted("interrupted while the new package was compiled; everything is written")
            .help(format!("`{command} rehearse` goes on from here")));
    }
    Err(Failure::world("the new package does not compile; everything is written, and nothing was rehearsed")
        .said([error.to_string()])
        .help(format!("mend what cargo names above, then `{command} rehearse` goes on from here"))
        .help(back.says()))
}

/// In one line, why the account is not asked.
fn why_not_planned(config: &Config) -> Option<String> {
    match Account::of_these_credentials(&config.region) {
        Err(failure) => Some(failure.to_string().lines().next().unwrap_or_default().to_owned()),
        Ok(account) if account.id() != config.account => {
            Some(format!("these credentials are of {}, and the configuration is of {}", account.id(), config.account))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_names_the_root_for_whoever_is_somewhere_else() {
        let here = std::env::current_dir().expect("there is a folder");
        assert_eq!(git_at(&here), "git");
        let above = here.parent().expect("it has one").canonicalize().expect("it is there");
        assert!(git_at(&above).contains(&above.display().to_string()));
        let folder = std::env::temp_dir().join(format!("way back {}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder is made");
        let told = git_at(&folder);
        std::fs::remove_dir(&folder).expect("it is empty");
        assert!(told.starts_with("git -C '/") && told.ends_with('\''), "{told}");
    }
}
