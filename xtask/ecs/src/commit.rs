//! What is built: a commit, its time, where it comes from.

use std::path::Path;

use crate::config::{Image, repository};
use crate::event::{Direction, ImageSource};
use crate::failure::{Failure, Result};
use crate::oci::layout::Marks;
use crate::process::{ask, question};

/// The sources of a build. The same commit gives the same values in every clone of one remote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// The full hash, with `-dirty` where tracked files differ from it; `None` outside git.
    pub revision: Option<String>,
    /// `https://…` of the remote `origin`; `None` where that is a folder or nothing.
    pub remote: Option<String>,
    /// Seconds since the Unix epoch: `SOURCE_DATE_EPOCH`, else the commit's time, else 0.
    pub time: u64,
}

impl Commit {
    /// Asks git in this folder; without a repository, everything but the time is unknown.
    ///
    /// # Errors
    /// `World` where there is a repository and git is missing or refuses it, as it refuses one of another owner: an
    /// image would be of no commit, and its files of 1970. Where `SOURCE_DATE_EPOCH` is set, that is meant.
    pub fn of(root: &Path) -> Result<Self> {
        let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
        let is_repository = repository(root).join(".git").exists();
        // Where there is none, git need not be started to say so.
        let is_told = is_repository || std::env::var_os("GIT_DIR").is_some();
        if is_repository
            && given.is_none()
            && let Err(said) = question(root, "git", &["rev-parse", "--git-dir"])
        {
            return Err(Failure::world(format_args!("git does not tell which commit is in {}", root.display()))
                .said(said)
                .help("do what git says, or give the time of the commit in SOURCE_DATE_EPOCH"));
        }
        let git = |args: &[&str]| is_told.then(|| ask(root, "git", args))?.filter(|answer| !answer.is_empty());
        let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
        let committed = || git(&["log", "-1", "--format=%ct"])?.parse().ok();
        Ok(Self {
            revision: git(&["rev-parse", "HEAD"]).map(|hash| if dirty { format!("{hash}-dirty") } else { hash }),
            remote: git(&["remote", "get-url", "origin"]).and_then(|url| web_address(&url)),
            time: given.or_else(committed).unwrap_or_default(),
        })
    }
}

/// The commit that is checked out, where git tells; what it does not tell is no reason to refuse.
pub(crate) fn here(root: &Path) -> Option<String> {
    // Where there is no repository, git need not be started to say so.
    repository(root).join(".git").exists().then(|| Commit::of(root).ok()?.revision)?
}

/// Which of two commits, as images name them, comes from the other one; unknown where this clone does not have both, and
/// where neither does.
pub(crate) fn direction(root: &Path, before: &str, after: &str) -> Direction {
    let hash = |commit: &'_ str| {
        let hash = commit.strip_suffix("-dirty").unwrap_or(commit).to_owned();
        // What an image says is not taken for an option of git's.
        (hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
    };
    let (Some(before), Some(after)) = (hash(before), hash(after)) else { return Direction::Unknown };
    let comes_from =
        |this: &str, other: &str| ask(root, "git", &["merge-base", "--is-ancestor", other, this]).is_some();
    match (comes_from(&after, &before), comes_from(&before, &after)) {
        (true, false) => Direction::Forward,
        (false, true) => Direction::Back,
        _ => Direction::Unknown,
    }
}

/// What an image in ECR says of its source, beside the commit that is checked out.
pub(crate) fn source(image: &Image, marks: &Marks, here: Option<&str>) -> ImageSource {
    ImageSource {
        image: image.name.clone(),
        tag: image.tag().to_string(),
        digest: None,
        released: marks.released,
        commit: marks.commit.clone(),
        here: here.map(str::to_owned),
    }
}

/// The address of a git remote as a browser opens it, without user, password and `.git`.
pub(crate) fn web_address(remote: &str) -> Option<String> {
    let place = if let Some((scheme, rest)) = remote.split_once("://") {
        if !["https", "http", "ssh", "git"].contains(&scheme) {
            return None;
        }
        let (host, path) = rest.split_once('/')?;
        let host = host.rsplit('@').next()?;
        // A port of ssh is not one of the web.
        let host = if scheme.starts_with("http") { host } else { host.split(':').next()? };
        format!("{host}/{path}")
    } else {
        let (host, path) = remote.split_once(':').filter(|(host, _)| !host.contains('/'))?;
        format!("{}/{path}", host.rsplit('@').next()?)
    };
    let place = place.trim_end_matches('/');
    Some(format!("https://{}", place.strip_suffix(".git").unwrap_or(place)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_become_addresses_without_credentials_and_folders_become_none() {
        for remote in [
            "https://github.com/sample/app.git",
            "https://token:x@github.com/sample/app",
            "git@github.com:sample/app.git",
            "ssh://git@github.com:22/sample/app.git/",
        ] {
            assert_eq!(web_address(remote).as_deref(), Some("https://github.com/sample/app"), "{remote}");
        }
        for folder in ["/srv/app", "../app", "file:///srv/app"] {
            assert_eq!(web_address(folder), None, "{folder}");
        }
    }

    #[test]
    fn a_commit_is_known_and_so_is_what_differs_from_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let of = |root: &Path| Commit::of(root).expect("git answers");
        assert_eq!(of(root).revision, None);

        let git = |args: &[&str]| ask(root, "git", args).expect("git answers");
        std::fs::write(root.join("file"), "one").expect("written");
        git(&["init", "--quiet"]);
        git(&["add", "file"]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
        git(&[&who[..], &["commit", "--quiet", "--no-gpg-sign", "--message", "one"]].concat());
        let commit = of(root);
        assert_eq!((commit.revision.map(|hash| hash.len()), commit.remote), (Some(40), None));

        std::fs::write(root.join("file"), "two").expect("written");
        assert!(of(root).revision.is_some_and(|revision| revision.ends_with("-dirty")));
    }

    #[test]
    fn a_repository_that_git_refuses_is_told_with_gits_own_words() {
        let folder = tempfile::tempdir().expect("a folder");
        // Git refuses one of another owner in the same way; only root could make such a one.
        std::fs::write(folder.path().join(".git"), "gitdir: /nonexistent\n").expect("written");
        let inside = folder.path().join("workspace");
        std::fs::create_dir(&inside).expect("a folder");
        let message = Commit::of(&inside).expect_err("it is refused").to_string();
        assert!(message.contains("git does not tell which commit is in"), "{message}");
        assert!(message.contains("  | fatal: not a git repository"), "{message}");
        assert!(message.ends_with("in SOURCE_DATE_EPOCH"), "{message}");
    }

    #[test]
    fn of_two_commits_the_later_is_the_one_that_comes_from_the_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        let git = |args: &[&str]| ask(root, "git", args).expect("git answers");
        git(&["init", "--quiet"]);
        let commit = |message: &str| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
            git(&[&who[..], &["commit", "--quiet", "--no-gpg-sign", "--allow-empty", "--message", message]].concat());
            git(&["rev-parse", "HEAD"])
        };
        let (one, two) = (commit("one"), commit("two"));
        git(&["checkout", "--quiet", "-b", "aside", &one]);
        let aside = commit("aside");
        for (before, after, direction) in [
            (&one, &two, Direction::Forward),
            (&two, &one, Direction::Back),
            (&two, &aside, Direction::Unknown),
            (&one, &one, Direction::Unknown),
            (&one, &"0".repeat(40), Direction::Unknown),
            (&one, &"--all".to_owned(), Direction::Unknown),
        ] {
            assert_eq!(super::direction(root, before, after), direction, "{before} {after}");
        }
        assert_eq!(super::direction(root, &format!("{one}-dirty"), &two), Direction::Forward);
    }
}
