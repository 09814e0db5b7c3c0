//! A workspace of tests/workspaces in a folder and a git repository of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// `init` with what it would ask for; the library's folder comes behind it.
const INIT: [&str; 7] = ["init", "--account", "123456789012", "--region", "eu-west-1", "--no-rehearse", "--xtask-ecs"];

/// A copy, committed.
pub struct Miniature {
    folder: TempDir,
    /// Where the workspace lies below the root of the repository.
    below: &'static str,
}

/// How the program ended and what it printed.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    #[track_caller]
    pub fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "stderr does not say `{text}`:\n{}", self.stderr);
        self
    }
}

impl Run {
    #[track_caller]
    pub fn is_silent(&self) -> &Self {
        assert!(self.stderr.is_empty(), "{}", self.stderr);
        self
    }
}

impl Miniature {
    pub fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/workspaces").join(name);
        copy(&from, folder.path());
        let miniature = Self { folder, below: if name == "below" { "backend" } else { "" } };
        miniature.git(&["init", "--quiet", "--initial-branch", "main"]);
        miniature.commit();
        miniature
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join(self.below)
    }

    pub fn commit(&self) {
        self.git(&["add", "--all"]);
        let author =
            ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false"];
        self.git(&[&author[..], &["commit", "--quiet", "--message", "All"]].concat());
    }

    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git").args(args).current_dir(self.folder.path()).output().expect("git starts");
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "git {args:?}: {stdout}{stderr}");
        stdout.into_owned()
    }

    pub fn cargo(&self, args: &[&str]) -> Run {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        self.run(Command::new(cargo).args(args))
    }

    /// The program, without a terminal and with no AWS variable but these.
    pub fn xtask_ecs(&self, args: &[&str]) -> Run {
        self.run(Command::new(env!("CARGO_BIN_EXE_cargo-xtask-ecs")).args(args))
    }

    /// The same with these variables.
    pub fn xtask_ecs_with(&self, variables: &[(String, String)], args: &[&str]) -> Run {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-xtask-ecs"));
        self.run_with(variables, command.args(args))
    }

    /// `init` with what it would ask for, and a library that is compiled at once.
    pub fn init(&self, args: &[&str]) -> Run {
        let library = stand_in();
        self.xtask_ecs(&[&INIT[..], &[library.as_str()], args].concat())
    }

    /// The same, begun and left to itself.
    pub fn begin_init(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cargo-xtask-ecs"));
        self.prepare(&[], command.args(INIT).arg(stand_in()));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
    }

    /// Takes the package out again that `init` has made, so that this program does what that would do.
    pub fn without_package(&self, name: &str) {
        std::fs::remove_dir_all(self.root().join(name)).expect("it was made");
        let manifest = self.read("Cargo.toml");
        let is_of_it = |line: &&str| line.contains(&format!("{name}/Cargo.toml")) || line.ends_with("xtask.workflows]");
        let kept: Vec<&str> =
            manifest.lines().filter(|line| !is_of_it(line) && line.trim() != format!("\"{name}\",")).collect();
        let kept = kept.join("\n").replace(&format!(", \"{name}\"]"), "]").replace(&format!("\"{name}\", "), "");
        let kept = kept.replace(&format!("[\"{name}\"]"), "[]") + "\n";
        std::fs::write(self.root().join("Cargo.toml"), kept).expect("a file");
    }

    /// A program of `tools`, which is looked for there first.
    pub fn executable(&self, name: &str) {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.root().join(name), permissions).expect("it is there");
        self.commit();
    }

    fn run(&self, command: &mut Command) -> Run {
        self.run_with(&[], command)
    }

    fn run_with(&self, variables: &[(String, String)], command: &mut Command) -> Run {
        self.prepare(variables, command);
        let output = command.output().expect("the program starts");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn prepare(&self, variables: &[(String, String)], command: &mut Command) {
        for (name, _) in std::env::vars() {
            let foreign = [
                "AWS_",
                "XTASK_",
                "GITHUB_",
                "SLACK_",
                "CARGO_TARGET_DIR",
                "CARGO_PKG_",
                "CARGO_MANIFEST_",
                "RUSTFLAGS",
            ];
            if foreign.iter().any(|prefix| name.starts_with(prefix)) || ["CI", "COLUMNS"].contains(&&*name) {
                command.env_remove(name);
            }
        }
        let path = std::env::var("PATH").expect("a PATH");
        command.env("PATH", format!("{}:{path}", self.root().join("tools").display()));
        let command = command.current_dir(self.root()).env("NO_COLOR", "1").env("AWS_EC2_METADATA_DISABLED", "true");
        command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    }

    /// Every file of the repository by name, but for git's own and compiled ones.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    if ![".git", "target"].contains(&&*entry.file_name().to_string_lossy()) {
                        folders.push(path);
                    }
                } else {
                    let name = path.strip_prefix(self.folder.path()).expect("it is below").display().to_string();
                    files.insert(name, std::fs::read(path).expect("a file"));
                }
            }
        }
        files
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

pub fn stand_in() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand-in");
    folder.canonicalize().expect("it is there").display().to_string()
}

/// Names that begin with `dot-` begin with a dot in the copy: tools that look at this repository pass over them.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("there is such a workspace").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let target = to.join(name.strip_prefix("dot-").map_or(name.clone(), |rest| format!(".{rest}")));
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file");
        }
    }
}
