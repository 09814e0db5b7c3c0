#!/usr/bin/env python3
"""The native builder beside docker buildx: from one changed line of the app to a finished layout, caches warm.

Both are measured in the build step of `cargo xtask rehearse`, in turn, in copies of this workspace that differ in one
table of Cargo.toml: `dockerfile = "app/Dockerfile"` and `package = "app"`. The Dockerfile copies a binary that is
compiled outside, so that both compile the same; what buildx adds is the engine's share alone. Needs an engine that
exports OCI layouts: run it through `cargo xtask ci python3 bench/native.py`, or with a DOCKER_HOST of your own.
"""

import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORK = ROOT / "target" / "bench" / "native"
TABLE = 'dockerfile = "app/Dockerfile"\nbinaries = ["app"]\n'
LINE = '"hello\\n"'


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
    """Seconds of the build step, seconds after cargo's last word in it, and the layout's bytes."""
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


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    host = os.environ.get("XTASK_DOCKER_CONTAINERD")
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    if subprocess.run(["docker", "version"], env=environment, capture_output=True).returncode != 0:
        sys.exit("no docker engine answers; run this through `cargo xtask ci python3 bench/native.py`")
    cargo = ["cargo", "build", "--quiet", "--package", "xtask", "--features", "rehearse"]
    subprocess.run(cargo, cwd=ROOT, check=True)
    xtask = WORK / "xtask"
    WORK.mkdir(parents=True, exist_ok=True)
    shutil.copy2(ROOT / "target/debug/xtask", xtask)

    sides = {"buildx": workspace("buildx", TABLE), "native": workspace("native", 'package = "app"\n')}
    for folder in sides.values():
        build(xtask, folder, environment)
    results = {name: [] for name in sides}
    for run in range(runs):
        for name, folder in sides.items():
            change(folder, f"{os.getpid()} {run}")
            results[name].append(build(xtask, folder, environment))
    print(f"{'':8} {'build s':>8} {'after cargo s':>14} {'layout bytes':>13}   (medians of {runs})")
    medians = {}
    for name, rows in results.items():
        whole, after, size = (statistics.median(column) for column in zip(*rows))
        medians[name] = whole, after
        print(f"{name:8} {whole:8.2f} {after:14.2f} {size:13.0f}")
    ratios = [native / buildx for native, buildx in zip(medians["native"], medians["buildx"])]
    print(f"native / buildx: build {ratios[0]:.2f}, after cargo {ratios[1]:.2f}")


if __name__ == "__main__":
    main()
