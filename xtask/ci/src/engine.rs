//! A docker engine of our own, beside whatever engine the machine may have.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use duct::cmd;

use crate::builder::BUILDER_IMAGE;
use crate::console::{quietly, say};
use crate::parts::Parts;
use crate::server::Server;
use crate::signal::Interrupt;

/// Where an engine keeps its images: what decides whether buildx can export an OCI layout from it.
#[derive(Clone, Copy)]
pub enum Store {
    /// The containerd image store, the default of new installations since 29: it has the exporter.
    Containerd,
    /// The engine's own store, as on most machines today: a docker-container builder has to be made.
    Plain,
}

/// A running engine. Dropping it stops the engine and removes what it kept.
pub struct Engine {
    socket: PathBuf,
    // Dropped in this order: the daemon before the bridge and the folders it uses.
    server: Server,
    _bridge: Bridge,
    _data: tempfile::TempDir,
    _sockets: tempfile::TempDir,
}

impl Engine {
    pub fn start(parts: &Parts, store: Store, interrupt: &Interrupt) -> Result<Self> {
        let name = match store {
            Store::Containerd => "containerd",
            Store::Plain => "plain",
        };
        say("Starting", &format!("docker engine, {name} store"));
        // Data lies under target/, on a disk an overlay can be put on. Sockets lie in /tmp: their paths must be short.
        let data = tempfile::Builder::new().prefix(&format!("engine-{name}-")).tempdir_in(parts.running())?;
        let sockets = tempfile::Builder::new().prefix("xtask-ci-").tempdir()?;
        let bridge = Bridge::add(parts, name)?;
        let features = format!(r#"{{"features":{{"containerd-snapshotter":{}}}}}"#, matches!(store, Store::Containerd));
        let configuration = sockets.path().join("daemon.json");
        fs::write(&configuration, features)?;
        let socket = sockets.path().join("docker.sock");
        let mut arguments = Vec::new();
        for (option, value) in [
            ("--config-file", configuration.display().to_string()),
            ("--data-root", data.path().display().to_string()),
            ("--exec-root", sockets.path().join("exec").display().to_string()),
            ("--pidfile", sockets.path().join("pid").display().to_string()),
            ("--host", format!("unix://{}", socket.display())),
            ("--bridge", bridge.name.clone()),
        ] {
            arguments.extend([option.to_owned(), value]);
        }
        // Ports are published on loopback by docker-proxy; the machine's packet filter is not touched.
        arguments.extend(["--iptables=false", "--ip6tables=false", "--ip-masq=false"].map(str::to_owned));
        let libexec = parts.engine.join("libexec");
        let path = std::env::var("PATH").unwrap_or_default();
        let variables = [
            ("PATH", format!("{}:{path}", libexec.display())),
            ("LD_LIBRARY_PATH", parts.engine.join("bookworm/usr/lib/x86_64-linux-gnu").display().to_string()),
        ];
        let log = parts.running().join(format!("engine-{name}.log"));
        let server = Server::start(
            &format!("docker engine, {name} store"),
            &libexec.join("dockerd"),
            &arguments,
            &variables,
            &log,
        )?;
        let engine = Self { socket, server, _bridge: bridge, _data: data, _sockets: sockets };
        engine.server.wait(interrupt, |_| answers(&engine.socket).then_some(()))?;
        Ok(engine)
    }

    /// What DOCKER_HOST has to be.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Puts the builder's image where buildx finds it when it cannot be pulled.
    pub fn import_builder(&self, parts: &Parts, archive: &Path) -> Result<()> {
        let entry = ["--change", r#"ENTRYPOINT ["buildkitd"]"#, "--change", "ENV PATH=/usr/bin"];
        let head = ["--host".to_owned(), self.host(), "import".to_owned()];
        let tail = [archive.display().to_string(), BUILDER_IMAGE.to_owned()];
        let arguments = head.into_iter().chain(entry.map(str::to_owned)).chain(tail);
        quietly(&cmd(parts.bin.join("docker"), arguments), "importing the builder's image").map(drop)
    }
}

fn answers(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.contains(" 200 "))
}

/// A network bridge for one engine: without a name of its own it would take another engine's docker0.
struct Bridge {
    name: String,
    script: PathBuf,
}

impl Bridge {
    fn add(parts: &Parts, store: &str) -> Result<Self> {
        let script = parts.fixture("bridge.py");
        for left_over in left_over_bridges()? {
            drop(Self { name: left_over, script: script.clone() });
        }
        // At most 15 characters, unique on the machine.
        let name = format!("xtci{}{}", std::process::id(), &store[..1]);
        quietly(&cmd!("python3", &script, "add", &name), "adding a network bridge")?;
        Ok(Self { name, script })
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        if let Err(error) = quietly(&cmd!("python3", &self.script, "remove", &self.name), "removing a network bridge") {
            crate::console::warn(&format!("{error:#}"));
        }
    }
}

/// Bridges of runs that were killed before they could remove them.
fn left_over_bridges() -> Result<Vec<String>> {
    let mut names = Vec::new();
    for interface in fs::read_dir("/sys/class/net").context("failed to list network interfaces")? {
        let name = interface?.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("xtci").map(|rest| rest.trim_end_matches(char::is_alphabetic));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            names.push(name);
        }
    }
    Ok(names)
}
