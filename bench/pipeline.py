#!/usr/bin/env python3
"""Build, scan and push of one image beside what a script does with docker and trivy, to one registry, in one run.

    cargo xtask ci python3 bench/pipeline.py [--rounds 7] [--packages NAME,…] [--megabytes 10]

ours:  `cargo xtask release` (the built dev binary): OCI export, trivy on the layout beside the upload, the tag.
peers: `docker buildx build --load && trivy image --scanners vuln && docker push`.
floor: the parts of ours by hand: OCI export, then trivy on the layout beside `skopeo copy`. No plan, no checks.

The image is Debian as `debootstrap --variant=minbase` makes it, with ca-certificates and --packages, put together from the
packages that are installed on this machine, and one layer with a program of --megabytes. Before each build the program's bytes
change, so that this layer is built, compressed, scanned and sent anew. The base layer is in the registry. Two cases: trivy's cache of what it found
in layers is empty, as on a fresh runner, or it knows the base, as on a laptop. All talk to one sandbox on loopback, one engine and one
vulnerability database; the order turns by one each round. Needs a Debian machine, an engine with the containerd image store, and trivy's database: run it through
`cargo xtask ci`, or with a DOCKER_HOST and a trivy of your own.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

from debian import add_packages
from sandbox import ROOT, XTASK, Sandbox

BASE = "bench-base:1"
WORK = ROOT / "target" / "bench" / "pipeline"
DOCKERFILE = f"""\
FROM {BASE}
COPY program /usr/local/bin/program
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/program"]
"""
CONFIGURATION = """\
[workspace]
members = []

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.ours]
repository = "bench/ours"
tag = "{tag}"
dockerfile = "Dockerfile"

[workspace.metadata.xtask.images.peers]
repository = "bench/peers"
tag = "{tag}"
dockerfile = "Dockerfile"

[workspace.metadata.xtask.images.floor]
repository = "bench/floor"
tag = "{tag}"
dockerfile = "Dockerfile"
"""


def write_base(archive: pathlib.Path, more: list[str]) -> None:
    """The base image as an archive of an OCI layout, with dpkg's own record of its packages."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as layer:
        packages, count = add_packages(layer, more)
    plain = plain.getvalue()
    kind = "application/vnd.oci.image."
    blobs = {}

    def blob(content: bytes, media_type: str) -> dict:
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}

    layer = blob(gzip.compress(plain, 6, mtime=0), kind + "layer.v1.tar+gzip")
    platform = {"architecture": "amd64", "os": "linux"}
    rootfs = {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(plain).hexdigest()]}
    settings = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}
    config = blob(json.dumps({**platform, "config": settings, "rootfs": rootfs}).encode(), kind + "config.v1+json")
    manifest_type = kind + "manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": [layer]}
    entry = blob(json.dumps(manifest).encode(), manifest_type)
    entry["annotations"] = {
        "io.containerd.image.name": f"docker.io/library/{BASE}",
        "org.opencontainers.image.ref.name": BASE.partition(":")[2],
    }
    entries = {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    entries["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    entries["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    with tarfile.open(archive, "w") as tar:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    print(
        f"base: {packages} packages, {count} files, {len(plain) / 1e6:.0f} MB, "
        f"compressed {layer['size'] / 1e6:.0f} MB"
    )


class Program:
    """A program of so many megabytes that is another one each time: half of it is this repository's own, half random."""

    def __init__(self, megabytes: int):
        size = megabytes * 1_000_000
        code = XTASK.read_bytes()
        self.code = (code * (size // len(code) + 1))[: size // 2]
        self.noise = os.urandom(size - len(self.code))

    def write(self, path: pathlib.Path) -> None:
        # Sixteen new bytes make another layer; what compresses and what does not stays as it was.
        path.write_bytes(self.code + os.urandom(16) + self.noise[16:])
        path.chmod(0o755)


def docker_configuration(folder: pathlib.Path, sandbox: Sandbox) -> str:
    """A folder for docker and skopeo with the plugins of the one in use and the sandbox's password."""
    current = pathlib.Path(os.environ.get("DOCKER_CONFIG", pathlib.Path.home() / ".docker"))
    folder.mkdir()
    if (current / "cli-plugins").is_dir():
        (folder / "cli-plugins").symlink_to((current / "cli-plugins").resolve())
    (folder / "config.json").write_text(json.dumps({"auths": {sandbox.registry: {"auth": sandbox.token()}}}))
    return str(folder)


def trivy_database() -> pathlib.Path:
    """The folder of the vulnerability database in the cache that is in use."""
    kept = os.environ.get("TRIVY_CACHE_DIR")
    folder = pathlib.Path(kept) if kept else pathlib.Path.home() / ".cache" / "trivy"
    if not (folder / "db" / "trivy.db").exists():
        sys.exit(f"there is no vulnerability database in {folder}; run this through `cargo xtask ci`")
    return folder / "db"


def timed(name: str, command: list, folder: pathlib.Path, environment: dict) -> tuple[float, float, str]:
    """Wall seconds, CPU seconds of the clients (not of the engine), and what was said."""
    with tempfile.TemporaryFile("w+") as log:
        begin = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read()
    if process.returncode != 0:
        sys.exit(f"{name} ended with {process.returncode}:\n{said}")
    return seconds, usage.ru_utime + usage.ru_stime, said


def steps_of_ours(said: str) -> dict[str, float]:
    """Where the time went, from the events."""
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    steps = {event["step"]: event["seconds"] for event in events if event["event"] == "step-finished"}
    begin = next(event["time"] for event in events if event["event"] == "step-started")
    end = next(event["time"] for event in events if event["event"] == "image-released")
    return {**steps, "build to tag": end - begin}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--megabytes", type=int, default=10)
    parser.add_argument("--packages", default="", help="installed packages to add to the base, separated by commas")
    parser.add_argument("--only", help="only these, separated by commas: ours, peers, floor")
    arguments = parser.parse_args()
    for program in ("docker", "trivy", "skopeo"):
        if not shutil.which(program):
            sys.exit(f"{program} is not in PATH; run this through `cargo xtask ci python3 bench/pipeline.py`")
    host = os.environ.get("XTASK_DOCKER_CONTAINERD")
    engine = {**os.environ, **({"DOCKER_HOST": host} if host else {})}

    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    archive = WORK / "base.tar"
    write_base(archive, [name for name in arguments.packages.split(",") if name])
    subprocess.run(["docker", "load", "--quiet", "--input", archive], env=engine, check=True, stdout=subprocess.DEVNULL)
    archive.unlink()
    program = Program(arguments.megabytes)
    folder = WORK / "workspace"
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / ".dockerignore").write_text("target\nlayout\n")
    (folder / "Cargo.toml").write_text(CONFIGURATION.format(tag="0"))

    with Sandbox(folder) as sandbox:
        cache, database = WORK / "trivy", trivy_database()
        docker = docker_configuration(WORK / "docker", sandbox)
        environment = {**engine, **sandbox.environment, "DOCKER_CONFIG": docker, "TRIVY_CACHE_DIR": str(cache)}
        script = {
            "peers": "docker buildx build --quiet --load --tag $IMAGE . && trivy image --quiet --scanners vuln $IMAGE && "
            "docker push --quiet $IMAGE",
            "floor": "docker buildx build --quiet --output type=oci,tar=false,dest=layout . && "
            "{ trivy image --quiet --scanners vuln --input layout & scan=$!; } && "
            "skopeo copy --quiet --insecure-policy --dest-tls-verify=false --authfile $DOCKER_CONFIG/config.json "
            "oci:layout docker://$IMAGE && wait $scan",
        }

        def run(name: str, tag: str, cold: bool) -> tuple[float, float, str]:
            if cold or not cache.exists():
                shutil.rmtree(cache, ignore_errors=True)
                shutil.copytree(database, cache / "db")
            program.write(folder / "program")
            shutil.rmtree(folder / "layout", ignore_errors=True)
            (folder / "Cargo.toml").write_text(CONFIGURATION.format(tag=tag))
            if name == "ours":
                return timed(name, [XTASK, "release", "ours", "--log", "json"], folder, environment)
            image = f"{sandbox.registry}/bench/{name}:{tag}"
            return timed(name, ["sh", "-c", script[name]], folder, {**environment, "IMAGE": image})

        names = [name for name in ("ours", "peers", "floor") if not arguments.only or name in arguments.only.split(",")]
        for name in names:
            run(name, "first", cold=False)
        for case, cold in (("trivy knows no layer", True), ("trivy knows the base", False)):
            results = {name: [] for name in names}
            for number in range(arguments.rounds):
                turn = number % len(names)
                for name in names[turn:] + names[:turn]:
                    results[name].append(run(name, f"{number}-{'cold' if cold else 'warm'}", cold))
            report(case, results)


def report(case: str, results: dict[str, list]) -> dict[str, float]:
    """Prints how long each took, and returns the medians in seconds."""
    rounds = len(next(iter(results.values())))
    print(f"\n{case} ({rounds} rounds; CPU without the engine's)")
    print(f"{'':6} {'median s':>9} {'least':>6} {'most':>6} {'CPU s':>6}")
    medians = {}
    for name, runs in results.items():
        times = [run[0] for run in runs]
        medians[name] = statistics.median(times)
        cpu = statistics.median(run[1] for run in runs)
        print(f"{name:6} {medians[name]:9.2f} {min(times):6.2f} {max(times):6.2f} {cpu:6.2f}")
    if "ours" not in medians:
        return medians
    steps = [steps_of_ours(run[2]) for run in results["ours"]]
    print("ours, step by step (the scan runs beside the push): ", end="")
    print(", ".join(f"{step} {statistics.median(one[step] for one in steps):.2f}" for step in steps[0]))
    for name in medians:
        if name != "ours":
            print(f"ours / {name}: {medians['ours'] / medians[name]:.2f}")
    sys.stdout.flush()
    return medians


if __name__ == "__main__":
    main()
