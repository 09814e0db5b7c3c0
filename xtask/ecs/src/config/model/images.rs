//! What an image is made of.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gather::Gather;
use crate::reference::{Reference, Repository, Tag};

/// An entry under `images`.
#[derive(Clone, Debug)]
pub struct Image {
    /// The key under `images`.
    pub name: String,
    /// Where a release puts it: the registry of the environment, `repository` and `tag`.
    pub reference: Reference,
    /// `OS/ARCHITECTURE[/VARIANT]`, each once, in the order written; what is built for several becomes an index.
    pub platforms: Vec<String>,
    /// How it is built; the key that is written chooses.
    pub builder: Builder,
    /// Result types (trivy's `Type`, such as `debian` or `rustbinary`) that the scan report must hold;
    /// see [`Image::expected`]. From `expect`.
    pub expect: Option<Vec<String>>,
}

impl Image {
    /// Of [`Image::reference`].
    pub fn repository(&self) -> &Repository {
        &self.reference.repository
    }

    /// Of [`Image::reference`]: the one that is looked for before anything is built.
    pub fn tag(&self) -> &Tag {
        &self.reference.tag
    }

    /// The result types that the scan report must hold. An image with a cargo package in it is expected to show it,
    /// unless `expect` says otherwise; of others only some result is asked (`None`).
    pub fn expected(&self) -> Option<Vec<&str>> {
        let rust = match &self.builder {
            Builder::Dockerfile(dockerfile) => !dockerfile.binaries.is_empty(),
            Builder::Package(_) => true,
            Builder::Own(_) => false,
        };
        match &self.expect {
            Some(kinds) => Some(kinds.iter().map(String::as_str).gather()),
            None if rust => Some(vec!["rustbinary"]),
            None => None,
        }
    }

    /// The images that it is made of: itself, or where it has several platforms one for each, named `NAME (PLATFORM)`.
    pub fn parts(&self) -> Vec<Self> {
        if self.platforms.len() < 2 {
            return vec![self.clone()];
        }
        self.platforms.iter().map(|platform| self.part(platform)).gather()
    }

    /// One of them.
    #[must_use]
    pub fn part(&self, platform: &str) -> Self {
        let mut part = self.clone();
        part.name = format!("{} ({platform})", self.name);
        part.platforms = vec![platform.to_owned()];
        let built_for = match &mut part.builder {
            Builder::Dockerfile(dockerfile) => &mut dockerfile.platform,
            Builder::Package(package) => &mut package.platform,
            Builder::Own(own) => &mut own.platform,
        };
        platform.clone_into(built_for);
        part
    }

    /// Where what is made of it lies, below a folder for all images.
    pub fn folder(&self) -> PathBuf {
        match self.name.split_once(" (") {
            Some((name, _)) => Path::new(name).join(self.platform().replace('/', "-")),
            None => self.name.clone().into(),
        }
    }

    /// The repository for its layers, with `cache = "registry"`.
    pub fn cache_repository(&self) -> Option<String> {
        match &self.builder {
            Builder::Dockerfile(dockerfile) if dockerfile.cache == Some(Cache::Registry) => {
                Some(format!("{}-cache", self.repository()))
            }
            _ => None,
        }
    }

    /// What it is built for, `OS/ARCHITECTURE[/VARIANT]`: the only platform, or the first of several.
    pub fn platform(&self) -> &str {
        match &self.builder {
            Builder::Dockerfile(dockerfile) => &dockerfile.platform,
            Builder::Package(package) => &package.platform,
            Builder::Own(own) => &own.platform,
        }
    }
}

/// How an image is built. Whatever the way, the result is an OCI layout.
#[derive(Clone, Debug)]
pub enum Builder {
    /// docker buildx.
    Dockerfile(Dockerfile),
    /// The native builder, without docker.
    Package(Package),
    /// A builder that the repository adds with [`Xtask::builder`](crate::Xtask::builder).
    Own(OwnBuilder),
}

/// `builder = "…"`: a builder that the repository's xtask brings.
#[derive(Clone, Debug)]
pub struct OwnBuilder {
    /// What the xtask calls it.
    pub builder: String,
    /// `OS/ARCHITECTURE[/VARIANT]`; `linux/amd64` by default. From `platforms`.
    pub platform: String,
    /// What the builder makes of them.
    pub args: BTreeMap<String, String>,
}

/// `dockerfile = "…"`: docker buildx.
#[derive(Clone, Debug)]
pub struct Dockerfile {
    /// The Dockerfile.
    pub file: PathBuf,
    /// The build context folder; the workspace's root by default.
    pub context: PathBuf,
    /// `OS/ARCHITECTURE[/VARIANT]`; `linux/amd64` by default. From `platforms`.
    pub platform: String,
    /// The buildx builder that builds it; `None` leaves the choice to buildx, or makes one where none can. From `builder`.
    pub builder: Option<String>,
    /// Build arguments (`--build-arg NAME=VALUE`).
    pub args: BTreeMap<String, String>,
    /// The stage to build; the last by default.
    pub target: Option<String>,
    /// Named build contexts (`--build-context NAME=VALUE`): a folder (absolute), `oci-layout://…`, `docker-image://…`.
    pub contexts: BTreeMap<String, String>,
    /// Build secrets: id → the environment variable that holds the value. The value never reaches argv.
    pub secrets: BTreeMap<String, String>,
    /// What `RUN --mount=type=ssh` may use, as buildx takes it: `default`, `ID=SOCKET`, `ID=KEY`.
    pub ssh: Vec<String>,
    /// A place where layers of builds are kept, beside those of the two lists below; none by default.
    pub cache: Option<Cache>,
    /// Where layers of earlier builds are, as buildx takes it.
    pub cache_from: Vec<String>,
    /// Where layers of this build go, as buildx takes it; not `inline`, which would change the image.
    pub cache_to: Vec<String>,
    /// What is compiled first (static, with its dependency list inside) and handed to the Dockerfile as the named
    /// context `binaries`: `COPY --from=binaries app /app`.
    pub binaries: Vec<Program>,
}

/// A place for the layers of builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// The repository `REPOSITORY-cache` beside the image's, whose tags can be immutable then.
    Registry,
    /// GitHub's, of Actions.
    Gha,
    /// Cargo's target folder.
    Local,
}

/// A binary of the workspace, as cargo compiles it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The cargo package.
    pub package: String,
    /// Which of its binaries, where it has several and no `default-run`. From `bin`.
    pub bin: Option<String>,
    /// Features of the package to turn on.
    pub features: Vec<String>,
    /// Whether its default features are on; true by default.
    pub default_features: bool,
}

impl Program {
    /// The package's only binary, or the one that it runs by default, with its default features.
    pub fn new(package: &str) -> Self {
        Self { package: package.to_owned(), bin: None, features: Vec::new(), default_features: true }
    }
}

/// `package = "…"`: the native builder, without docker.
#[derive(Clone, Debug)]
pub struct Package {
    /// From `package`, `bin`, `features` and `default-features`.
    pub program: Program,
    /// `OS/ARCHITECTURE`; `linux/amd64` by default.
    pub platform: String,
    /// A Rust target triple; chosen from the platform, cargo's `build.target` and what is installed by default.
    pub target: Option<String>,
    /// A cargo profile; `release` by default.
    pub profile: String,
    /// What lies under the program; nothing by default.
    pub base: Option<Base>,
    /// Files and folders added under the binary, in the order written.
    pub assets: Vec<Asset>,
    /// `UID[:GID]`; `65532:65532` by default.
    pub user: String,
    /// `/` by default.
    pub workdir: String,
    /// Environment variables of the container.
    pub env: BTreeMap<String, String>,
    /// `PORT/tcp` or `PORT/udp`.
    pub ports: Vec<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Arguments after the binary in the entrypoint.
    pub args: Vec<String>,
    /// gzip by default.
    pub compression: Compression,
}

impl Package {
    /// A program on nothing, with every default.
    pub fn new(program: Program, platform: &str) -> Self {
        Self {
            program,
            platform: platform.to_owned(),
            target: None,
            profile: "release".to_owned(),
            base: None,
            assets: Vec::new(),
            user: "65532:65532".to_owned(),
            workdir: "/".to_owned(),
            env: BTreeMap::new(),
            ports: Vec::new(),
            labels: BTreeMap::new(),
            args: Vec::new(),
            compression: Compression::Gzip,
        }
    }
}

/// What the native builder starts from.
#[derive(Clone, Debug)]
pub enum Base {
    /// An OCI layout folder in the workspace.
    Layout(PathBuf),
    /// A pinned reference, fetched by digest.
    Reference(String),
}

/// A file or folder that goes into an image.
#[derive(Clone, Debug)]
pub struct Asset {
    /// A file or a folder of the workspace.
    pub source: PathBuf,
    /// An absolute path in the image.
    pub path: String,
    /// Octal permission bits; 0644 for files (0755 where executable) and 0755 for folders by default.
    pub mode: Option<u32>,
    /// `UID[:GID]`; `0:0` by default.
    pub owner: String,
}

/// How the native builder compresses layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// What every registry and runtime takes.
    Gzip,
    /// Only with the feature `zstd` of this crate.
    Zstd,
}
