#!/usr/bin/env python3
"""The native builder beside docker buildx: from one changed line of the app to a finished layout, caches warm.

    cargo xtask ci python3 bench/native.py [ROUNDS]

native:     `package = "app"`, in the build step of `cargo xtask rehearse`.
buildx:     `dockerfile = "app/Dockerfile"`, in the same step of a copy of this workspace that differs in that table. It
            copies a binary that is compiled outside, so that both compile the same; the engine's share is all it adds.
in docker:  `docker buildx build` of a Dockerfile as most teams have it, which compiles inside docker, in a Rust image with cache
            mounts and vendored crates, and copies the binary into an empty stage. The Rust image is put together from this
            machine's toolchain and gcc.

The order turns by one each round. Needs an engine that exports OCI layouts, and for the last one Debian: run it through
`cargo xtask ci`, or with a DOCKER_HOST of your own.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tarfile
import time

from debian import add_packages
from sandbox import ROOT, XTASK

WORK = ROOT / "target" / "bench" / "native"
TABLE = 'dockerfile = "app/Dockerfile"\nbinaries = ["app"]\n'
LINE = '"hello\\n"'
RUST = "bench-rust:1"
TARGET = "x86_64-unknown-linux-gnu"
CONVENTIONAL = f"""\
FROM {RUST} AS build
WORKDIR /src
COPY . .
RUN --network=none --mount=type=cache,target=/src/target \\
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=gcc RUSTFLAGS="-C target-feature=+crt-static" \\
    cargo build --release --offline --locked --package app --target {TARGET} \\
    && cp target/{TARGET}/release/app /app
FROM scratch
COPY --from=build /app /app
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/app"]
"""


def workspace(name: str, table: str) -> pathlib.Path:
    """A copy of the committed files, with this table for the image."""
    folder = WORK / name
    target = folder / "target"
    for old in folder.glob("*"):
        if old != target:
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for file in filter(None, files.split("\0")):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, folder / file)
    manifest = (folder / "Cargo.toml").read_text()
    assert TABLE in manifest, "the image's table in Cargo.toml is another one now"
    (folder / "Cargo.toml").write_text(manifest.replace(TABLE, table))
    return folder


def change(folder: pathlib.Path, to: str) -> None:
    source = folder / "app/src/server.rs"
    text = (ROOT / "app/src/server.rs").read_text()
    assert LINE in text, "the line that is changed in app/src/server.rs is another one now"
    source.write_text(text.replace(LINE, f'"hello {to}\\n"'))


def build(xtask: pathlib.Path, folder: pathlib.Path, environment: dict) -> tuple[float, float, int]:
    """Seconds of the build step, seconds of it after cargo's last word, and the layout's bytes."""
    ended = subprocess.run(
        [xtask, "rehearse", "--log", "json"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    events = [json.loads(line) for line in ended.stderr.splitlines() if line.startswith("{")]
    steps = [event for event in events if event["event"] == "step-finished" and event["step"] == "build"]
    layout = folder / "target/xtask/images/app/layout"
    if not steps or not layout.is_dir():
        sys.exit(f"no layout was built in {folder}:\n{ended.stderr}")
    lines = [event for event in events if event["event"] == "build-output" and "Finished" in event["line"]]
    after = steps[0]["time"] - lines[0]["time"] if lines else float("nan")
    size = sum(file.stat().st_size for file in (layout / "blobs/sha256").iterdir())
    return steps[0]["seconds"], after, size


def import_rust(environment: dict, programs: dict[str, pathlib.Path] = {}) -> None:
    """An image with this machine's Rust toolchain, its linker and these programs: what `FROM rust` is where images can be pulled."""
    sysroot = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True).stdout.strip()
    place = "ENV PATH=/usr/local/bin:/usr/bin:/bin"
    command = ["docker", "import", "--change", place, "-", RUST]
    docker = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with tarfile.open(fileobj=docker.stdin, mode="w|") as layer:
        add_packages(layer, ["gcc", "libc6-dev"])
        layer.add(f"{sysroot}/bin", "usr/local/bin")
        layer.add(f"{sysroot}/lib", "usr/local/lib")
        for path, program in programs.items():
            layer.add(program, path)
    docker.stdin.close()
    if docker.wait() != 0:
        sys.exit("the Rust image could not be imported")


def conventional() -> pathlib.Path:
    """A workspace of the app alone, with its crates vendored and a Dockerfile that compiles it."""
    folder = workspace("in-docker", TABLE)
    for member in ("xtask", "bench"):
        shutil.rmtree(folder / member, ignore_errors=True)
    manifest = (folder / "Cargo.toml").read_text()
    members = next(line for line in manifest.splitlines() if line.startswith("members = "))
    (folder / "Cargo.toml").write_text(manifest.replace(members, 'members = ["app"]'))
    vendor = subprocess.run(["cargo", "vendor"], cwd=folder, check=True, capture_output=True, text=True)
    (folder / ".cargo" / "config.toml").write_text(vendor.stdout)
    (folder / "Dockerfile").write_text(CONVENTIONAL)
    (folder / ".dockerignore").write_text("target\nlayout\n.git\n")
    return folder


def timed_in_docker(folder: pathlib.Path, environment: dict) -> tuple[float, str]:
    """How many seconds the build of a folder takes, to a layout in it, and what it says."""
    layout = folder / "layout"
    shutil.rmtree(layout, ignore_errors=True)
    command = ["docker", "buildx", "build", "--progress=plain", "--output", f"type=oci,tar=false,dest={layout}", "."]
    begin = time.monotonic()
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if ended.returncode != 0:
        sys.exit(f"the build in docker failed:\n{ended.stderr}")
    return seconds, ended.stderr


def build_in_docker(folder: pathlib.Path, environment: dict) -> tuple[float, float, int]:
    seconds, said = timed_in_docker(folder, environment)
    # Cargo's part, as it says itself: `Finished … in 0.61s`.
    cargo = next(line for line in said.splitlines() if "Finished" in line)
    size = sum(file.stat().st_size for file in (folder / "layout/blobs/sha256").iterdir())
    return seconds, seconds - float(cargo.rsplit(" ", 1)[1].rstrip("s")), size


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    host = os.environ.get("XTASK_DOCKER_CONTAINERD")
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    if subprocess.run(["docker", "version"], env=environment, capture_output=True).returncode != 0:
        sys.exit("no docker engine answers; run this through `cargo xtask ci python3 bench/native.py`")
    xtask = WORK / "xtask"
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.copy2(XTASK, xtask)

    sides = {"native": workspace("native", 'package = "app"\n'), "buildx": workspace("buildx", TABLE)}
    if shutil.which("dpkg-query"):
        import_rust(environment)
        sides["in docker"] = conventional()
    else:
        print("dpkg-query is not there: the build in docker is left out", file=sys.stderr)

    def one(name: str) -> tuple[float, float, int]:
        folder = sides[name]
        return build_in_docker(folder, environment) if name == "in docker" else build(xtask, folder, environment)

    for name in sides:
        one(name)
    results = {name: [] for name in sides}
    for run in range(runs):
        names = list(sides)
        turn = run % len(names)
        for name in names[turn:] + names[:turn]:
            change(sides[name], f"{os.getpid()} {run}")
            results[name].append(one(name))
    print(f"{'':10} {'build s':>8} {'without cargo s':>16} {'layout bytes':>13}   (medians of {runs})")
    medians = {}
    for name, rows in results.items():
        medians[name] = [statistics.median(column) for column in zip(*rows)]
        whole, rest, size = medians[name]
        print(f"{name:10} {whole:8.2f} {rest:16.2f} {size:13.0f}")
    native = medians["native"]
    for name in results:
        if name != "native":
            ratios = [ours / theirs for ours, theirs in zip(native, medians[name])]
            print(f"native / {name}: build {ratios[0]:.2f}, without cargo {ratios[1]:.2f}, bytes {ratios[2]:.2f}")


if __name__ == "__main__":
    main()
