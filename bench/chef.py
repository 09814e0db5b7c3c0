#!/usr/bin/env python3
"""One line of a service changed and its image built again: by Dockerfiles with and without cargo-chef, and by the native builder.

    cargo xtask ci python3 bench/chef.py [ROUNDS]

The service is a program of one file on axum and tokio, some 60 crates, compiled with `--release`. From the changed line to a finished layout:

layers:  a Dockerfile that copies everything and compiles it: the layer of every crate is built again.
chef:    the Dockerfile of docs/CONFIGURATION.md, with cargo-chef: crates have a layer of their own, which a changed line leaves as it is.
mounts:  cargo's target folder is a cache mount, which no cache of layers carries to another machine.
outside: `binaries = ["app"]`: cargo compiles outside docker, and the Dockerfile copies the program.
native:  `package = "app"`: no docker at all.

`layers`, `chef` and `mounts` are `docker buildx build`, and see vendored crates and no network; the other two are the build step of `xtask
release`. All have built once before. The order turns by one each round. The Rust image is put together from this machine's toolchain and
gcc. Needs Debian, an engine that exports OCI layouts, and trivy: run it through `cargo xtask ci`. cargo-chef and the service's crates come
from crates.io.
"""

import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

from native import RUST, import_rust, timed_in_docker
from sandbox import ROOT, XTASK, Sandbox

WORK = ROOT / "target" / "bench" / "chef"
CHEF = "0.1.78"
TARGET = "x86_64-unknown-linux-gnu"
STATIC = 'CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc RUSTFLAGS="-C target-feature=+crt-static"'
HOW = f"--release --offline --locked --package app --target {TARGET}"
END = """\
FROM scratch
COPY --from=build /app /app
USER 65532:65532
ENTRYPOINT ["/app"]
"""
LAYERS = f"""\
FROM {RUST} AS build
WORKDIR /src
COPY . .
RUN --network=none {STATIC} cargo build {HOW} && cp target/{TARGET}/release/app /app
{END}"""
MOUNTS = LAYERS.replace("--network=none", "--network=none --mount=type=cache,target=/src/target")
OUTSIDE = 'FROM scratch\nCOPY --from=binaries app /app\nUSER 65532:65532\nENTRYPOINT ["/app"]\n'
SOURCE = """\
use axum::{Json, Router, routing::get};

#[derive(serde::Serialize)]
struct Health {
    status: &'static str,
}

async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

#[tokio::main]
async fn main() {
    let app = Router::new().route("/health", get(health));
    let listener = tokio::net::TcpListener::bind("0.0.0.0:8080").await.expect("the port is free");
    axum::serve(listener, app).await.expect("it serves");
}
"""
MANIFEST = """\
[package]
name = "app"
version = "1.0.0"
edition = "2024"

[dependencies]
axum = "=0.8.4"
serde = { version = "=1.0.219", features = ["derive"] }
tokio = { version = "=1.47.1", features = ["macros", "net", "rt-multi-thread"] }
"""
WORKSPACE = """\
[workspace]
members = ["app"]
resolver = "3"

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "bench/app"
tag = "TAG"
"""
TABLES = {"outside": 'dockerfile = "Dockerfile"\nbinaries = ["app"]\n', "native": 'package = "app"\n'}


def chef() -> str:
    """The page's Dockerfile, on this machine's Rust image, with the crates that are vendored."""
    page = (ROOT / "docs/CONFIGURATION.md").read_text()
    text = next(block for block in re.findall(r"```dockerfile\n(.*?)```", page, re.S) if "cargo chef" in block)
    changes = {
        "FROM rust:1.95-bookworm AS chef\nRUN cargo install cargo-chef --locked\n": f"FROM {RUST} AS chef\n",
        "COPY --from=plan /src/recipe.json .\n": "COPY --from=plan /src/recipe.json .\nCOPY vendor vendor\n",
        "RUN cargo chef prepare": "RUN --network=none cargo chef prepare",
        "RUN cargo chef cook --release --locked --package app": f"RUN --network=none {STATIC} cargo chef cook {HOW}",
        "RUN cargo build --release --locked --package app": f"RUN --network=none {STATIC} cargo build {HOW}",
        "target/release/app": f"target/{TARGET}/release/app",
        "FROM gcr.io/distroless/cc-debian12\n": "FROM scratch\n",
    }
    for old, new in changes.items():
        assert old in text, f"the page's Dockerfile has no {old!r} any more"
        text = text.replace(old, new)
    return text


def program() -> pathlib.Path:
    """cargo-chef, compiled once."""
    root = WORK / "cargo-chef"
    built = root / "bin" / "cargo-chef"
    if not built.exists():
        subprocess.run(["cargo", "install", "--quiet", "--locked", "--root", root, f"cargo-chef@{CHEF}"], check=True)
    return built


def workspace(name: str, dockerfile: str) -> pathlib.Path:
    folder = WORK / name
    if (folder / "app").exists():
        shutil.rmtree(folder / "app")
    (folder / "app/src").mkdir(parents=True)
    (folder / "app/Cargo.toml").write_text(MANIFEST)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / ".dockerignore").write_text("target\nlayout\n.git\n")
    (folder / "Cargo.toml").write_text(WORKSPACE + TABLES.get(name, 'dockerfile = "Dockerfile"\n'))
    change(folder, "0")
    # Every side compiles the same crates.
    lock = WORK / "Cargo.lock"
    if not lock.exists():
        subprocess.run(["cargo", "generate-lockfile", "--quiet"], cwd=folder, check=True)
        shutil.copy2(folder / "Cargo.lock", lock)
    shutil.copy2(lock, folder / "Cargo.lock")
    if name not in TABLES:
        vendored = subprocess.run(["cargo", "vendor", "--locked"], cwd=folder, check=True, capture_output=True, text=True).stdout
        (folder / ".cargo").mkdir(exist_ok=True)
        (folder / ".cargo/config.toml").write_text(vendored)
    return folder


def change(folder: pathlib.Path, to: str) -> None:
    (folder / "app/src/main.rs").write_text(SOURCE.replace('"ok"', f'"ok {to}"'))


def build_by_release(folder: pathlib.Path, tag: str, environment: dict) -> float:
    manifest = folder / "Cargo.toml"
    manifest.write_text(re.sub('tag = ".*"', f'tag = "{tag}"', manifest.read_text()))
    command = [XTASK, "release", "--log", "json"]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    events = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    steps = [event for event in events if event["event"] == "step-finished" and event["step"] == "build"]
    if ended.returncode != 0 or not steps:
        sys.exit(f"the release failed:\n{ended.stderr}")
    return steps[0]["seconds"]


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    host = os.environ.get("XTASK_DOCKER_CONTAINERD")
    engine = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    WORK.mkdir(parents=True, exist_ok=True)
    import_rust(engine, {"usr/local/bin/cargo-chef": program()})
    dockerfiles = {"layers": LAYERS, "chef": chef(), "mounts": MOUNTS, "outside": OUTSIDE, "native": ""}
    folders = {name: workspace(name, text) for name, text in dockerfiles.items()}
    with Sandbox(folders["native"]) as sandbox:
        environment = {**engine, **sandbox.environment}

        def one(name: str, turn: str) -> float:
            change(folders[name], f"{os.getpid()} {turn}")
            if name in TABLES:
                return build_by_release(folders[name], f"{name}-{os.getpid()}-{turn}", environment)
            return timed_in_docker(folders[name], environment)[0]

        first = {name: one(name, "first") for name in folders}
        results = {name: [] for name in folders}
        for number in range(rounds):
            names = list(folders)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                results[name].append(one(name, str(number)))
                print(f"{name} {results[name][-1]:.2f}", file=sys.stderr)
    print(f"{'':8} {'median s':>9} {'least':>6} {'most':>6} {'first':>6}   ({rounds} rounds)")
    for name, times in results.items():
        print(f"{name:8} {statistics.median(times):9.2f} {min(times):6.2f} {max(times):6.2f} {first[name]:6.1f}")


if __name__ == "__main__":
    main()
