//! The native builder's image of this workspace's app, started from its unpacked layers, which any machine can.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::binary;
use crate::commit::Commit;
use crate::config::{Package, Program};
use crate::event::Events;
use crate::image;
use crate::interrupt::Interrupt;
use crate::oci::layout::{Layout, Manifest};
use crate::oci::registry::Registry;

const PLATFORM: &str = if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" };

fn package(name: &str) -> Package {
    Package { ports: vec!["8080/tcp".to_owned()], ..Package::new(Program::new(name), PLATFORM) }
}

/// Builds `package` of the workspace at `root` into `folder/layout`, compiling into `target`.
fn build(root: &Path, target: &Path, package: &Package, folder: &Path) -> (Layout, Manifest) {
    let (events, interrupt) = (Events::discard(), Interrupt::default());
    let commit = Commit { time: 1_700_000_000, ..Commit::default() };
    let request = binary::Request {
        image: "app".to_owned(),
        root: root.to_owned(),
        program: package.program.clone(),
        platform: package.platform.clone(),
        target: None,
        profile: package.profile.clone(),
        target_dir: target.to_owned(),
        out_dir: folder.join("binaries"),
        source_date_epoch: commit.time,
    };
    let binary = binary::build(&request, &events, &interrupt).unwrap();
    let request = image::Request {
        package,
        binary: &binary,
        commit: &commit,
        root,
        cache: folder.join("cache"),
        registry: &|host| Registry::new(host, None),
    };
    image::build(&request, &folder.join("layout"), &events, &interrupt).unwrap()
}

fn build_app(folder: &Path) -> (Layout, Manifest) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    build(&root, &root.join("target/xtask/build"), &package("app"), folder)
}

/// Asks for /health once.
fn health(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_app_starts_from_its_unpacked_layers_and_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let (layout, manifest) = build_app(folder.path());
    layout.verify(&manifest).unwrap();
    let unpacked = folder.path().join("unpacked");
    for layer in &manifest.layers {
        let layer = fs::File::open(layout.blob(&layer.digest)).unwrap();
        tar::Archive::new(flate2::read::GzDecoder::new(layer)).unpack(&unpacked).unwrap();
    }
    let config = layout.config(&manifest).unwrap();
    let entrypoint = config["config"]["Entrypoint"][0].as_str().unwrap();
    let environment = config["config"]["Env"].as_array().unwrap().iter().map(|variable| {
        let (name, value) = variable.as_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), value.to_owned())
    });

    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut app = Command::new(unpacked.join(entrypoint.trim_start_matches('/')))
        .env_clear()
        .envs(environment)
        .env("PORT", free.port().to_string())
        .current_dir(&unpacked)
        .stderr(Stdio::piped())
        .spawn()
        .map(Process)
        .unwrap();
    let mut said = String::new();
    BufReader::new(app.0.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert!(said.contains("listens on port"), "{said}");
    let answer = health(free).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}
