//! What is built: a commit, its time, where it comes from.

use std::path::Path;

use crate::process::ask;

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
    /// Asks git in this folder; without git or a repository, everything but the time is unknown.
    pub fn of(root: &Path) -> Self {
        let git = |args: &[&str]| ask(root, "git", args).filter(|answer| !answer.is_empty());
        let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
        let given = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok());
        let committed = || git(&["log", "-1", "--format=%ct"])?.parse().ok();
        Self {
            revision: git(&["rev-parse", "HEAD"]).map(|hash| if dirty { format!("{hash}-dirty") } else { hash }),
            remote: git(&["remote", "get-url", "origin"]).and_then(|url| web_address(&url)),
            time: given.or_else(committed).unwrap_or_default(),
        }
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
        assert_eq!(Commit::of(root).revision, None);

        let git = |args: &[&str]| ask(root, "git", args).expect("git answers");
        std::fs::write(root.join("file"), "one").expect("written");
        git(&["init", "--quiet"]);
        git(&["add", "file"]);
        let who = ["-c", "user.name=a", "-c", "user.email=a@b.example"];
        git(&[&who[..], &["commit", "--quiet", "--no-gpg-sign", "--message", "one"]].concat());
        let commit = Commit::of(root);
        assert_eq!((commit.revision.map(|hash| hash.len()), commit.remote), (Some(40), None));

        std::fs::write(root.join("file"), "two").expect("written");
        assert!(Commit::of(root).revision.is_some_and(|revision| revision.ends_with("-dirty")));
    }
}
