//! What of a build context is left out: what the user's own file says, and what cargo and this tool write into it.
//! Without that, each release would ship the layout of the one before.
//!
//! BuildKit looks for `NAME.dockerignore` beside the Dockerfile before it looks for `.dockerignore` in the context. So the
//! Dockerfile is built from a copy that has such a file beside it: the user's lines, then ours.
//! Source: Dockerfile reference, ".dockerignore file"; BuildKit, frontend/dockerui/config.go.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use crate::gather::Gather;
use crate::text::quantity::size;

/// A context's rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rules {
    /// The text of the ignore file.
    text: String,
    /// What is left out where the user has no file of rules; `None` where there is one.
    pub defaults: Option<Vec<PathBuf>>,
}

impl Rules {
    /// The user's rules for this Dockerfile and context, and ours. `target` is cargo's folder, in which `xtask` is ours.
    pub(super) fn of(dockerfile: &Path, context: &Path, target: &Path) -> io::Result<Self> {
        let own = own_rules(dockerfile, context)?;
        let inside = |path: &Path| real(path).strip_prefix(real(context)).ok().map(Path::to_owned);
        let mut text = own.clone().unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        if own.is_some() {
            text.extend(inside(&target.join("xtask")).map(|path| pattern(&path)));
            return Ok(Self { text, defaults: None });
        }
        let defaults: Vec<PathBuf> = inside(target)
            .into_iter()
            .chain([PathBuf::from(".git")])
            .filter(|path| !path.as_os_str().is_empty())
            .gather();
        text.extend(defaults.iter().map(|path| pattern(path)));
        Ok(Self { text, defaults: Some(defaults) })
    }

    /// Puts a copy of the Dockerfile and the rules into a folder of their own. Returns the copy.
    pub(super) fn write(&self, dockerfile: &Path, folder: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(folder)?;
        let name = dockerfile.file_name().unwrap_or("Dockerfile".as_ref());
        let copy = folder.join(name);
        fs::copy(dockerfile, &copy)?;
        fs::write(beside(&copy), &self.text)?;
        Ok(copy)
    }
}

/// What of a context is sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    files: u64,
    bytes: u64,
}

impl Sent {
    /// Everything but these paths.
    pub(super) fn without(context: &Path, left_out: &[PathBuf]) -> Self {
        let mut sent = Self::default();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            // What cannot be read is the builder's to complain about.
            for entry in fs::read_dir(context.join(&folder)).into_iter().flatten().flatten() {
                let path = folder.join(entry.file_name());
                match entry.metadata() {
                    _ if left_out.contains(&path) => {}
                    Ok(data) if data.is_dir() => folders.push(path),
                    Ok(data) => {
                        sent.files += 1;
                        sent.bytes += data.len();
                    }
                    Err(_) => {}
                }
            }
        }
        sent
    }
}

/// For people, such as `36 files, 5.3 MiB`.
impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} files, {}", self.files, size(self.bytes))
    }
}

fn own_rules(dockerfile: &Path, context: &Path) -> io::Result<Option<String>> {
    for file in [beside(dockerfile), context.join(".dockerignore")] {
        match fs::read(&file) {
            Ok(bytes) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
        }
    }
    Ok(None)
}

/// `Dockerfile` → `Dockerfile.dockerignore`.
fn beside(dockerfile: &Path) -> PathBuf {
    let mut name = OsString::from(dockerfile);
    name.push(".dockerignore");
    name.into()
}

/// The path with all links followed, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let existing = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
    match existing {
        Some((folder, real)) => real.join(path.strip_prefix(folder).unwrap_or(Path::new(""))),
        None => path.to_owned(),
    }
}

/// One line that means this path and nothing else. Source: moby's patternmatcher.
fn pattern(path: &Path) -> String {
    let mut line = String::new();
    for component in path.components() {
        let Component::Normal(name) = component else { continue };
        line.push('/');
        for letter in name.to_string_lossy().chars() {
            if matches!(letter, '*' | '?' | '[' | ']' | '\\') {
                line.push('\\');
            }
            line.push(letter);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::*;

    fn workspace(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn rules(root: &Path, target: &str) -> Rules {
        Rules::of(&root.join("app/Dockerfile"), root, &root.join(target)).unwrap()
    }

    #[test]
    fn the_users_rules_stay_and_ours_come_after_them() {
        let files = [("app/Dockerfile", ""), (".dockerignore", "*\n!app")];
        let own = rules(workspace(&files).path(), "target");
        assert_eq!(own, Rules { text: "*\n!app\n/target/xtask\n".to_owned(), defaults: None });
        // The one that is for this Dockerfile alone wins.
        let files = [files[0], files[1], ("app/Dockerfile.dockerignore", "docs\n")];
        assert_eq!(rules(workspace(&files).path(), "target").text, "docs\n/target/xtask\n");
        // A file that says nothing is a choice, too.
        let empty = rules(workspace(&[("app/Dockerfile", ""), (".dockerignore", "")]).path(), "target");
        assert_eq!(empty, Rules { text: "/target/xtask\n".to_owned(), defaults: None });
    }

    #[test]
    fn without_rules_cargos_folder_and_gits_are_left_out_wherever_cargos_is() {
        let folder = workspace(&[("app/Dockerfile", "")]);
        let root = folder.path();
        assert_eq!(rules(root, "target").text, "/target\n/.git\n");
        assert_eq!(rules(root, "out [x]/*").text, "/out \\[x\\]/\\*\n/.git\n");
        assert_eq!(rules(root, "../elsewhere").text, "/.git\n");
        let below = Rules::of(&root.join("app/Dockerfile"), &root.join("app"), &root.join("target")).unwrap();
        assert_eq!(below.text, "/.git\n");
        // By way of a link it is the same folder.
        let link = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(root, link.path().join("root")).unwrap();
        let through = Rules::of(&root.join("app/Dockerfile"), root, &link.path().join("root/target")).unwrap();
        assert_eq!(through.text, "/target\n/.git\n");
    }

    #[test]
    fn the_copy_has_the_rules_beside_it_under_its_own_name() {
        let folder = workspace(&[("app/web.Dockerfile", "FROM scratch\n")]);
        let (dockerfile, into) = (folder.path().join("app/web.Dockerfile"), folder.path().join("target/xtask/x"));
        let rules = Rules::of(&dockerfile, folder.path(), &folder.path().join("target")).unwrap();
        let copy = rules.write(&dockerfile, &into).unwrap();
        assert_eq!(copy, into.join("web.Dockerfile"));
        assert_eq!(fs::read_to_string(copy).unwrap(), "FROM scratch\n");
        assert_eq!(fs::read_to_string(into.join("web.Dockerfile.dockerignore")).unwrap(), "/target\n/.git\n");
    }

    #[test]
    fn what_is_sent_is_counted_without_what_is_left_out() {
        let folder = workspace(&[("a", "12345"), ("app/b", "123"), ("target/c", "1"), (".git/d", "1")]);
        let sent = Sent::without(folder.path(), &["target".into(), ".git".into()]);
        assert_eq!(sent, Sent { files: 2, bytes: 8 });
        assert_eq!(sent.to_string(), "2 files, 8 B");
    }
}
