#!/usr/bin/env python3
"""Upload beside peers: our push of a layout against crane, oras, skopeo, curl and docker push, in one run.

    cargo xtask ci python3 bench/upload.py [--rounds 5] [--tools DIR] [--work DIR] [--case NAME]

Three cases, each to a fresh docker-registry on loopback: 1 GiB in one layer, 20 layers of 10 MiB, and the latter once
more when nothing is missing. The registry is started anew with empty storage before each push, and the order of the
tools turns by one each round. On a machine that does other work too, `nice -n -18 bench/upload.py` (as root) keeps that
out of most of the figures. What is printed is the median of the wall-clock time of
the whole process, its spread, its ratio to ours, and the highest peak of resident memory.

Programs are looked for in --tools and in PATH; what is missing is said and left out. The measured binary of ours is
`examples/tour/push.rs` as `cargo build` makes it, unoptimised, which is what people run. It reads, hashes and compares every
byte it sends; of the others skopeo and docker do.

`cargo xtask ci` brings docker-registry, skopeo and docker. Elsewhere they come from Debian (docker-registry of version 2.8.3 or
later; 2.8.2 hashes slowly), as oras does; crane by `go install github.com/google/go-containerregistry/cmd/crane@v0.22.1`.
"""

import argparse
import hashlib
import http.client
import itertools
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent
MIB = 1024 * 1024
CASES = {
    "1 GiB in one layer": ([1024 * MIB], False),
    "20 layers of 10 MiB": ([10 * MIB] * 20, False),
    "20 layers of 10 MiB, nothing missing": ([10 * MIB] * 20, True),
}


def write_layout(folder, sizes):
    """A layout of random, so incompressible, layers; kept from one run to the next."""
    marker = folder / "oci-layout"
    if marker.exists() and "containerd" in (folder / "index.json").read_text():
        return
    shutil.rmtree(folder, ignore_errors=True)
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(pieces, media_type):
        digest, size = hashlib.sha256(), 0
        with open(folder / "partial", "wb") as file:
            for piece in pieces:
                digest.update(piece)
                file.write(piece)
                size += len(piece)
        os.rename(folder / "partial", blobs / digest.hexdigest())
        return {"mediaType": media_type, "digest": f"sha256:{digest.hexdigest()}", "size": size}

    diff_ids = []

    def tarball(number, size):
        """A real gzipped tar, stored rather than deflated: tools that look inside find what the media type says."""
        header = tarfile.TarInfo(f"random-{number}")
        header.size = size
        plain, gzip = hashlib.sha256(), zlib.compressobj(0, wbits=31)
        for piece in itertools.chain([header.tobuf()], (os.urandom(MIB) for _ in range(size // MIB)), [bytes(1024)]):
            plain.update(piece)
            yield gzip.compress(piece)
        diff_ids.append(f"sha256:{plain.hexdigest()}")
        yield gzip.flush()

    kind = "application/vnd.oci.image."
    layers = [add(tarball(number, size), kind + "layer.v1.tar+gzip") for number, size in enumerate(sizes)]
    platform = {"architecture": "amd64", "os": "linux"}
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    config = add([json.dumps({**platform, "config": {}, "rootfs": rootfs}).encode()], kind + "config.v1+json")
    manifest_type = kind + "manifest.v1+json"
    manifest = {"schemaVersion": 2, "mediaType": manifest_type, "config": config, "layers": layers}
    entry = add([json.dumps(manifest).encode()], manifest_type)
    entry["platform"] = platform
    name = f"docker.io/library/bench:{folder.name}"
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1", "io.containerd.image.name": name}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    marker.write_text('{"imageLayoutVersion":"1.0.0"}')


class Registry:
    """A docker-registry with empty storage, on a free port of loopback."""

    def __init__(self, program, work):
        self.storage = work / "registry"
        self.config = work / "registry.yml"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.host = f"127.0.0.1:{free.getsockname()[1]}"
        self.config.write_text(
            json.dumps(
                {
                    "version": 0.1,
                    "log": {"level": "error", "accesslog": {"disabled": True}},
                    "storage": {"filesystem": {"rootdirectory": str(self.storage)}},
                    "http": {"addr": self.host},
                }
            )
        )
        self.program = program
        self.process = None

    def __enter__(self):
        shutil.rmtree(self.storage, ignore_errors=True)
        self.storage.mkdir(parents=True)
        environment = {**os.environ, "OTEL_TRACES_EXPORTER": "none"}
        command = [self.program, "serve", str(self.config)]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet)
        deadline = time.monotonic() + 10
        while True:
            try:
                self.ask("GET", "/v2/")
                return self
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.storage, ignore_errors=True)

    def ask(self, method, path):
        connection = http.client.HTTPConnection(self.host, timeout=10)
        accept = {"Accept": "application/vnd.oci.image.manifest.v1+json"}
        connection.request(method, path, headers=accept)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer


def measure(command, environment=None):
    """Runs to the end; seconds of wall clock, CPU seconds, and the peak of resident memory in MiB.

    The peak is read from /proc while the program runs: what wait4 reports counts this process's own memory, from before exec.
    """
    peak = 0
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        ended = threading.Event()

        def watch():
            nonlocal peak
            while not ended.wait(0.01):
                try:
                    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
                except OSError:
                    return
                for line in status.splitlines():
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]))

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        ended.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode != 0:
            sys.exit(f"{command[0]} ended with {process.returncode}:\n{output.read().decode(errors='replace')}")
    return seconds, usage.ru_utime + usage.ru_stime, peak / 1024


def curl(program, layout, layers):
    """Bare transfer of the layers, one after the other, by a client that knows nothing of images."""
    script = 'set -e; repo=$1; shift; for file in "$@"; do digest=sha256:$(basename "$file"); ' + (
        f'place=$({program} -sf -X POST -o /dev/null -D - "$repo/blobs/uploads/" | tr -d "\\r" | sed -n "s/^Location: //p"); '
        f'{program} -sf -o /dev/null -T "$file" -H "Expect:" -H "Content-Type: application/octet-stream" '
        '"$place&digest=$digest"; done'
    )
    files = [str(layout / "blobs" / "sha256" / layer.split(":")[1]) for layer in layers]
    return lambda host: ["sh", "-c", script, "curl", f"http://{host}/v2/bench/app", *files]


def contenders(find, ours, layout, layers):
    """Name → how to push the layout to a host, as one command."""
    # By its digest, for this client puts no tag; to the registry it is the same request.
    tools = {"xtask-ecs": lambda host: [ours, "push", str(layout), f"{host}/bench/app"]}
    if crane := find("crane"):
        tools["crane"] = lambda host: [crane, "push", str(layout), f"{host}/bench/app:1"]
    if oras := find("oras"):
        source = f"{layout}:1"
        tools["oras"] = lambda host: [
            oras, "cp", "--no-tty", "--from-oci-layout", source, "--to-plain-http", f"{host}/bench/app:1"
        ]
    if skopeo := find("skopeo"):
        tools["skopeo"] = lambda host: [
            skopeo, "copy", "--insecure-policy", "--dest-tls-verify=false", f"oci:{layout}:1",
            f"docker://{host}/bench/app:1",
        ]
    if program := find("curl"):
        tools["curl (bare)"] = curl(program, layout, layers)
    docker = find("docker")
    if docker and subprocess.run([docker, "version"], capture_output=True).returncode == 0:
        tools["docker push"] = lambda host: [
            "sh", "-c", f'{docker} tag bench:{layout.name} {host}/bench/app:1 && {docker} push -q {host}/bench/app:1'
        ]
        load = f'tar -C "{layout}" -c . | {docker} load -q'
        subprocess.run(load, shell=True, check=True, stdout=subprocess.DEVNULL)
    return tools


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", type=pathlib.Path, help="a folder with programs, looked into before PATH")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "target" / "bench-upload")
    parser.add_argument("--case", help="only the cases whose name contains this")
    parser.add_argument("--only", help="only these tools, separated by commas")
    arguments = parser.parse_args()
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)

    def find(program):
        places = [arguments.tools] if arguments.tools else []
        found = shutil.which(program, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
        if not found:
            print(f"{program} is not there: left out", file=sys.stderr)
        return found

    registry = find("docker-registry")
    if not registry:
        sys.exit("docker-registry is what everything is pushed to: install Debian's, or name its folder with --tools")
    command = ["cargo", "build", "--quiet", "--package", "xtask-ecs", "--example", "tour"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    ours = str(target / "debug" / "examples" / "tour")

    for title, (sizes, again) in CASES.items():
        if arguments.case and arguments.case not in title:
            continue
        layout = work / f"layout-{len(sizes)}"
        write_layout(layout, sizes)
        entry = json.loads((layout / "index.json").read_text())["manifests"][0]
        manifest = json.loads((layout / "blobs" / "sha256" / entry["digest"].split(":")[1]).read_text())
        tools = contenders(find, ours, layout, [layer["digest"] for layer in manifest["layers"]])
        if arguments.only:
            tools = {name: tool for name, tool in tools.items() if name.split()[0] in arguments.only.split(",")}
        if again:
            tools.pop("curl (bare)", None)
        results = {name: [] for name in tools}
        for number in range(arguments.rounds):
            names = list(tools)
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                with Registry(registry, work) as target_registry:
                    command = tools[name](target_registry.host)
                    if again:
                        measure(command)
                    results[name].append(measure(command))
                    if "curl" not in name:
                        name_there = entry["digest"] if name == "xtask-ecs" else "1"
                        answer = target_registry.ask("HEAD", f"/v2/bench/app/manifests/{name_there}")
                        stored = answer.getheader("Docker-Content-Digest")
                        if stored != entry["digest"] and "docker" not in name:
                            sys.exit(f"{name} stored {stored} in place of {entry['digest']}")
        report(title, results)


def report(title, results):
    print(f"\n{title} ({len(next(iter(results.values())))} rounds)\n")
    print("| | median s | spread s | times ours | CPU s | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    medians = {name: statistics.median(run[0] for run in runs) for name, runs in results.items()}
    ours = medians.get("xtask-ecs")
    for name, runs in sorted(results.items(), key=lambda item: medians[item[0]]):
        times = [run[0] for run in runs]
        ratio = f"{medians[name] / ours:.2f}" if ours else ""
        cpu = statistics.median(run[1] for run in runs)
        # A run that ends at once may not have been looked at.
        peak = f"{max(run[2] for run in runs):.0f}" if any(run[2] for run in runs) else "-"
        print(
            f"| {name} | {medians[name]:.2f} | {min(times):.2f} to {max(times):.2f} | {ratio} | {cpu:.2f} | {peak} |"
        )
    sys.stdout.flush()


if __name__ == "__main__":
    main()
