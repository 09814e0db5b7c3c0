#!/usr/bin/env python3
"""Start-up, "is this tag in ECR", and a plan of a hundred images, beside the AWS CLI, in one run.

Needs cargo and, for the comparison, `aws` in PATH (PyPI's awscli; `cargo xtask ci python3 bench/plan.py` brings it). Everything talks to one sandbox on loopback. Prints medians in milliseconds, from start to exit.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from sandbox import XTASK, Sandbox

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 15


def workspace(folder: pathlib.Path, images: list[tuple[str, str]]) -> pathlib.Path:
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    text = '[workspace]\nmembers = []\n[workspace.metadata.xtask]\naccount = "123456789012"\nregion = "ap-northeast-1"\n'
    for number, (repository, tag) in enumerate(images):
        text += f'[workspace.metadata.xtask.images.i{number}]\nrepository = "{repository}"\ntag = "{tag}"\n'
        text += 'dockerfile = "Dockerfile"\n'
    (folder / "Cargo.toml").write_text(text)
    return folder


def milliseconds(command: list, folder: pathlib.Path, environment: dict) -> float:
    taken = []
    for _ in range(RUNS + 1):
        started = time.monotonic()
        done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
        taken.append((time.monotonic() - started) * 1000)
        if done.returncode != 0:
            sys.exit(f"{command} failed: {done.stderr}")
    return statistics.median(taken[1:])


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        tags = [f"1.{number}" for number in range(100)]
        one = workspace(scratch / "one", [("sample/app", "1.0")])
        same = workspace(scratch / "same", [("sample/app", tag) for tag in tags])
        apart = workspace(scratch / "apart", [(f"sample/app{number}", "1.0") for number in range(100)] + [("sample/app", "1.0")])
        with Sandbox(apart) as sandbox:
            environment = sandbox.environment
            sandbox.put_image("sample/app", tags)
            for number in range(100):
                sandbox.put_image(f"sample/app{number}", ["1.0"])
            rows = {
                "xtask --help": milliseconds([XTASK, "--help"], one, environment),
                "xtask release --plan, 1 image": milliseconds([XTASK, "release", "--plan"], one, environment),
                "xtask release --plan, 100 images, 1 repository": milliseconds([XTASK, "release", "--plan"], same, environment),
                "xtask release --plan, 101 images, 101 repositories": milliseconds([XTASK, "release", "--plan"], apart, environment),
            }
            if shutil.which("aws"):
                command = ["aws", "ecr", "batch-get-image", "--repository-name", "sample/app", "--image-ids", "imageTag=1.0"]
                rows["aws ecr batch-get-image, 1 image"] = milliseconds(command, one, environment)
    for name, value in rows.items():
        print(f"{name:52} {value:8.1f} ms")
    single = rows["xtask release --plan, 1 image"]
    print(f"{'100 images : 1 image':52} {rows['xtask release --plan, 100 images, 1 repository'] / single:8.2f}")
    print(f"{'101 repositories : 1 image':52} {rows['xtask release --plan, 101 images, 101 repositories'] / single:8.2f}")
    if "aws ecr batch-get-image, 1 image" in rows:
        print(f"{'1 image : aws':52} {single / rows['aws ecr batch-get-image, 1 image']:8.2f}")


if __name__ == "__main__":
    main()
