#!/usr/bin/env python3
"""Promotion beside `crane copy`: images for two platforms from one account's registry to another's, in one run.

    bench/promote.py [--rounds 5] [--tools DIR] [--images 3] [--layers 4] [--mib 8]

Both registries are the sandbox's, of two accounts on one port of loopback. Each round copies to fresh repositories, and the
order of the tools turns by one. `xtask promote` copies all images in one run, with its plan, its credentials and its tags;
crane is started once for each image, one after the other and (as `crane, all at once`) side by side. What is printed is the
median of the wall-clock time, its spread, its ratio to ours, and the highest peak of resident memory of one process.

Needs cargo, which builds what is measured, and crane:
`go install github.com/google/go-containerregistry/cmd/crane@v0.22.1`.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

from sandbox import ECR, XTASK, Client, Sandbox
from upload import MIB, measure, write_layout

PRODUCTION = "222222222222"
KEY = "AKIDPRODUCTION"


def index_of(work, name, layers, mib):
    """A layout with an index of two platforms; returns the folder."""
    folder = work / name
    entries = []
    for architecture in ["amd64", "arm64"]:
        one = work / f"{name}-{architecture}"
        write_layout(one, [mib * MIB] * layers)
        entry = json.loads((one / "index.json").read_text())["manifests"][0]
        entry.pop("annotations")
        entry["platform"] = {"os": "linux", "architecture": architecture}
        entries.append(entry)
        shutil.copytree(one, folder, dirs_exist_ok=True)
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def manifest(images, number):
    text = '[workspace]\nmembers = []\n[workspace.metadata.xtask]\naccount = "123456789012"\nregion = "ap-northeast-1"\n'
    for image in images:
        text += f'[workspace.metadata.xtask.images.{image}]\nrepository = "sample/{image}"\ntag = "1"\n'
        text += 'dockerfile = "Dockerfile"\n'
    text += "[workspace.metadata.xtask.environments.staging]\n"
    text += f'[workspace.metadata.xtask.environments.production]\naccount = "{PRODUCTION}"\n'
    text += f'role = "arn:aws:iam::{PRODUCTION}:role/deploy"\n'
    for image in images:
        text += f'images.{image}.repository = "round-{number}/{image}"\n'
    return text


def logins(folder, hosts):
    """What docker would have after it logged in: crane reads it."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": token} for host, token in hosts.items()}}))
    return {**os.environ, "DOCKER_CONFIG": str(folder)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tools", type=pathlib.Path, help="a folder with crane, looked into before PATH")
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--layers", type=int, default=4, help="of each platform")
    parser.add_argument("--mib", type=int, default=8, help="of each layer")
    arguments = parser.parse_args()
    places = [str(arguments.tools)] if arguments.tools else []
    crane = shutil.which("crane", path=os.pathsep.join([*places, os.environ["PATH"]]))
    if not crane:
        sys.exit("crane is what is measured beside: see the head of this file")
    images = [f"image{number}" for number in range(arguments.images)]
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "Dockerfile").write_text("FROM scratch\n")
        (work / "Cargo.toml").write_text(manifest(images, 0))
        environment = {**os.environ, "XTASK_ENVIRONMENT": "staging"}
        os.environ.update(environment)
        with Sandbox(work, arguments=["--account", f"{PRODUCTION}={KEY}"]) as sandbox:
            run(arguments, crane, images, work, sandbox)


def run(arguments, crane, images, work, sandbox):
    theirs = sandbox.client(ECR)
    ours = Client({**sandbox.environment, "AWS_ACCESS_KEY_ID": KEY}, ECR)
    token = lambda client: client("GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
    port = sandbox.registry.rpartition(":")[2]
    # Two names of one port, since logins are kept by host.
    source, target = f"127.0.0.1:{port}", f"localhost:{port}"
    with_logins = logins(work / "docker", {source: token(theirs), target: token(ours)})
    digests = {}
    for image in images:
        try:
            theirs("CreateRepository", repositoryName=f"sample/{image}")
        except RuntimeError:
            pass  # The sandbox is furnished with what the workspace names.
        layout = index_of(work, image, arguments.layers, arguments.mib)
        subprocess.run(
            [crane, "push", "--index", str(layout), f"{source}/sample/{image}:1"],
            env=with_logins, check=True, capture_output=True,
        )
        found = theirs("BatchGetImage", repositoryName=f"sample/{image}", imageIds=[{"imageTag": "1"}])
        digests[image] = found["images"][0]["imageId"]["imageDigest"]

    copies = lambda number: [
        f"{crane} copy {source}/sample/{image}:1 {target}/round-{number}/{image}:1" for image in images
    ]
    us = {**os.environ, **sandbox.environment}
    us.pop("XTASK_ENVIRONMENT", None)
    tools = {
        "xtask promote": lambda number: ([XTASK, "promote", "--from", "staging", "--to", "production"], us),
        "crane copy": lambda number: (["sh", "-c", " && ".join(copies(number))], with_logins),
        "crane copy, all at once": lambda number: (["sh", "-c", " & ".join(copies(number)) + " & wait"], with_logins),
    }
    os.chdir(work)
    results = {name: [] for name in tools}
    number = 0
    for turn in range(arguments.rounds):
        names = list(tools)
        turn %= len(names)
        for name in names[turn:] + names[:turn]:
            number += 1
            for image in images:
                ours("CreateRepository", repositoryName=f"round-{number}/{image}")
            (work / "Cargo.toml").write_text(manifest(images, number))
            results[name].append(measure(*tools[name](number)))
            for image in images:
                found = ours("BatchGetImage", repositoryName=f"round-{number}/{image}", imageIds=[{"imageTag": "1"}])
                if found["images"][0]["imageId"]["imageDigest"] != digests[image]:
                    sys.exit(f"{name} copied another image")
    report(results)


def report(results):
    print("| | median s | spread s | times ours | CPU s | peak MiB |")
    print("|---|---:|---:|---:|---:|---:|")
    medians = {name: statistics.median(run[0] for run in runs) for name, runs in results.items()}
    for name, runs in results.items():
        times = [run[0] for run in runs]
        peak = "" if name.startswith("crane") else f"{max(run[2] for run in runs):.0f}"
        cpu = statistics.median(run[1] for run in runs)
        ratio = medians[name] / medians["xtask promote"]
        print(f"| {name} | {medians[name]:.2f} | {min(times):.2f} to {max(times):.2f} | {ratio:.2f} | {cpu:.2f} | {peak} |")


if __name__ == "__main__":
    main()
