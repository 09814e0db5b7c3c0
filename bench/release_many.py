#!/usr/bin/env python3
"""A release of four images as on a fresh runner, beside the build of another commit, in one run.

    cargo xtask ci python3 bench/release_many.py --before BINARY [--rounds 5] [--images 4] [--database 60]

Two images are built natively, two from a Dockerfile on one Debian base that is in the registry. Before each round one line of
both programs and one file of both contexts change, and trivy knows neither layers nor vulnerabilities: its database, of so many
MB packed and near 1 GB unpacked, comes from a registry on loopback that is held to 10 MB/s. ECR's registry is held to 20 MB/s
and answers 20 ms late. BINARY is the dev build of another commit (`git worktree add`, `cargo build -p xtask`); both
release the same in turns, the order turned by one each round, from their own caches of cargo and docker.

Without an image to release (`--plan` of all that is there) nothing is fetched: bench/plan.py measures that.
"""

import argparse
import gzip
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time

from pipeline import docker_configuration, report, steps_of_ours, timed, trivy_database, write_base
from sandbox import ROOT, XTASK, Sandbox

WORK = ROOT / "target" / "bench" / "release-many"
DATABASE_RATE = 10_000_000
REGISTRY_RATE = 20_000_000
DELAY = 0.020
IMAGES = ("native-one", "native-two", "docker-one", "docker-two")
DOCKERFILE = "FROM bench-base:1\nCOPY {name}/payload /usr/local/share/payload\nUSER 65532:65532\n"


def manifest(images: tuple[str, ...], tag: str) -> str:
    members = ", ".join(f'"{name}"' for name in IMAGES if name.startswith("native"))
    text = f"""\
[workspace]
resolver = "3"
members = [{members}]

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"
"""
    for name in images:
        how = f'package = "{name}"' if name.startswith("native") else f'dockerfile = "{name}/Dockerfile"'
        text += f'\n[workspace.metadata.xtask.images.{name}]\nrepository = "bench/{name}"\ntag = "{tag}"\n{how}\n'
    return text


def workspace(folder: pathlib.Path) -> None:
    """Two programs that are this repository's app under other names, and two Dockerfiles."""
    (folder / ".cargo").mkdir(parents=True)
    package = (ROOT / "app/Cargo.toml").read_text()
    signal = next(line for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("signal-hook"))
    for line in ("edition.workspace = true", "rust-version.workspace = true", "license.workspace = true", "publish.workspace = true"):
        package = package.replace(line + "\n", "")
    package = package.replace("signal-hook.workspace = true", signal).split("[lints]")[0]
    for name in IMAGES:
        (folder / name / "src").mkdir(parents=True)
        if name.startswith("native"):
            text = package.replace('name = "app"', f'name = "{name}"\nedition = "2024"')
            (folder / name / "Cargo.toml").write_text(text)
            for file in (ROOT / "app/src").iterdir():
                shutil.copy2(file, folder / name / "src" / file.name)
        else:
            (folder / name / "Dockerfile").write_text(DOCKERFILE.format(name=name))
    (folder / ".dockerignore").write_text("target\n")
    (folder / "Cargo.toml").write_text(manifest(IMAGES, "0"))
    subprocess.run(["cargo", "generate-lockfile", "--quiet"], cwd=folder, check=True)


def change(folder: pathlib.Path, mark: str) -> None:
    for name in IMAGES:
        if name.startswith("native"):
            text = (ROOT / "app/src/server.rs").read_text()
            (folder / name / "src/server.rs").write_text(text.replace('"hello\\n"', f'"hello {mark} from {name}\\n"'))
        else:
            (folder / name / "payload").write_bytes(os.urandom(10_000_000))


class DatabaseRegistry:
    """trivy's database as a registry has it, handed out at a rate."""

    def __init__(self, database: pathlib.Path, megabytes: int):
        packed = io.BytesIO()
        with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1, mtime=0) as compressed:
            with tarfile.open(fileobj=compressed, mode="w") as tar:
                for name in ("metadata.json", "trivy.db"):
                    content = (database / name).read_bytes()
                    if name == "metadata.json":
                        content = json.dumps({**json.loads(content), "NextUpdate": "2099-01-01T00:00:00Z"}).encode()
                    else:
                        # Pages behind the last one in use, as a file that has grown has them.
                        content += os.urandom(megabytes * 1_000_000) + bytes(900_000_000)
                    info = tarfile.TarInfo(name)
                    info.size = len(content)
                    tar.addfile(info, io.BytesIO(content))
        self.blob = packed.getvalue()
        config = b"{}"

        def descriptor(content: bytes, media_type: str) -> dict:
            digest = "sha256:" + hashlib.sha256(content).hexdigest()
            return {"mediaType": media_type, "digest": digest, "size": len(content)}

        layer = descriptor(self.blob, "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip")
        layer["annotations"] = {"org.opencontainers.image.title": "db.tar.gz"}
        media_type = "application/vnd.oci.image.manifest.v1+json"
        parts = {"config": descriptor(config, "application/vnd.aquasec.trivy.config.v1+json"), "layers": [layer]}
        document = json.dumps({"schemaVersion": 2, "mediaType": media_type, **parts}).encode()
        blobs = {layer["digest"]: self.blob, parts["config"]["digest"]: config}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                what = self.path.rsplit("/", 1)[1]
                if self.path == "/v2/":
                    body, kind = b"", "text/plain"
                elif "/manifests/" in self.path:
                    body, kind = document, media_type
                else:
                    body, kind = blobs[what], "application/octet-stream"
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(body).hexdigest() if len(body) < 10_000 else what)
                self.end_headers()
                if self.command == "GET":
                    slowly(body, self.wfile.write, DATABASE_RATE)

            do_HEAD = do_GET

            def log_message(self, *_) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.reference = f"127.0.0.1:{self.server.server_port}/trivy-db:2"


def slowly(body: bytes, write, rate: int) -> None:
    begin, piece = time.monotonic(), 64 * 1024
    for start in range(0, len(body), piece):
        write(body[start : start + piece])
        time.sleep(max(0.0, begin + min(start + piece, len(body)) / rate - time.monotonic()))


class Throttle:
    """A port in front of another one: both ways together at so many bytes a second, the first byte of each answer late."""

    def __init__(self, target: tuple[str, int]):
        self.target, self.lock, self.free = target, threading.Lock(), 0.0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            for socket_ in (client, server):
                socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, late in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.pass_on, args=(source, sink, late), daemon=True).start()

    def pass_on(self, source: socket.socket, sink: socket.socket, late: bool) -> None:
        try:
            while data := source.recv(64 * 1024):
                with self.lock:
                    now = time.monotonic()
                    self.free = max(self.free, now) + len(data) / REGISTRY_RATE
                    wait = self.free - now
                time.sleep(wait + (DELAY if late else 0.0))
                sink.sendall(data)
        except OSError:
            pass
        finally:
            try:
                sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=pathlib.Path, required=True, help="the dev build to measure beside")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=4, choices=(1, 4))
    parser.add_argument("--database", type=int, default=60, help="MB, packed")
    arguments = parser.parse_args()
    # One image is one that docker builds.
    images = IMAGES if arguments.images == 4 else IMAGES[2:3]
    host = os.environ.get("XTASK_DOCKER_CONTAINERD")
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    for name in ("TRIVY_CACHE_DIR", "TRIVY_SKIP_DB_UPDATE", "TRIVY_OFFLINE_SCAN"):
        environment.pop(name, None)

    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    archive = WORK / "base.tar"
    write_base(archive, [])
    subprocess.run(["docker", "load", "--quiet", "--input", archive], env=environment, check=True, stdout=subprocess.DEVNULL)
    archive.unlink()
    database = DatabaseRegistry(trivy_database(), arguments.database)
    print(f"database: {len(database.blob) / 1e6:.0f} MB packed")
    binaries = {"now": XTASK, "before": arguments.before.resolve()}
    folders = {name: WORK / name for name in binaries}
    for folder in folders.values():
        workspace(folder)

    with Sandbox(folders["now"]) as sandbox:
        target = sandbox.environment["AWS_ENDPOINT_URL"].removeprefix("http://").rstrip("/").rsplit(":", 1)
        throttle = Throttle((target[0], int(target[1])))
        registry = f"127.0.0.1:{throttle.port}"
        sandbox.registry = registry
        environment |= {
            **sandbox.environment,
            "XTASK_REGISTRY": registry,
            "DOCKER_CONFIG": docker_configuration(WORK / "docker", sandbox),
            "TRIVY_DB_REPOSITORY": database.reference,
        }

        def run(name: str, tag: str) -> tuple[float, float, str]:
            folder, cache = folders[name], WORK / f"cache-{name}"
            for left in (cache, folder / "target/xtask/trivy-db", folder / "target/xtask/known"):
                shutil.rmtree(left, ignore_errors=True)
            change(folder, tag)
            (folder / "Cargo.toml").write_text(manifest(images, tag))
            own = {**environment, "XDG_CACHE_HOME": str(cache), "HOME": str(WORK), **toolchain()}
            return timed(name, [binaries[name], "release", "--log", "json"], folder, own)

        for name in binaries:
            run(name, f"first-{name}")
        results = {name: [] for name in binaries}
        for number in range(arguments.rounds):
            names = list(binaries)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                results[name].append(run(name, f"{number}-{name}"))

    medians = report(f"{len(images)} images", results)
    print(f"now / before: {medians['now'] / medians['before']:.2f}")
    if len(images) == 1:
        for name, runs in results.items():
            print(name, {step: round(seconds, 2) for step, seconds in steps_of_ours(runs[-1][2]).items()})


def toolchain() -> dict[str, str]:
    """Where cargo and rustup keep their things, for a HOME that is another one."""
    home = pathlib.Path.home()
    return {name: os.environ.get(name, str(home / folder)) for name, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"))}


if __name__ == "__main__":
    sys.exit(main())
