#!/usr/bin/env python3
"""From the end of a rollout in ECS to the exit of `xtask deploy`, with the default cadence.

    bench/rollout_end.py [--runs 12] [--speed 8] [--aws]

The sandbox's clock runs --speed times as fast as the real one, so that a rollout of two simulated minutes takes a
quarter of one; the clients' cadence is in real time. The end is the first answer to DescribeServiceDeployments, asked every 10 ms on
a connection of its own, whose status is a final one. With --aws, `aws ecs wait services-stable` (a look every 15 s) is
started at a random moment of each rollout, as a script that waits for it would be by chance.

Needs cargo, which builds what is measured.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

from sandbox import ECS, ROOT, XTASK, Sandbox

FINAL = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
LOOK = 0.01
CONFIGURATION = """\
[workspace]
members = []

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"

[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = "1.0"
dockerfile = "Dockerfile"

[workspace.metadata.xtask.services.app]
cluster = "sample"
task-definition = "task-definition.json"
containers = { app = "app" }
"""


def write_task_definition(folder: pathlib.Path, run: int) -> None:
    """This repository's own, with another value of an environment variable each run: a new revision."""
    definition = json.loads((ROOT / "app/ecs/task-definition.json").read_text())
    definition["containerDefinitions"][0]["environment"].append({"name": "RUN", "value": str(run)})
    (folder / "task-definition.json").write_text(json.dumps(definition))


def workspace(folder: pathlib.Path) -> pathlib.Path:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "Cargo.toml").write_text(CONFIGURATION)
    write_task_definition(folder, 0)
    return folder


def newest(ecs) -> dict:
    listed = ecs("ListServiceDeployments", cluster="sample", service="app")["serviceDeployments"]
    return max(listed, key=lambda deployment: deployment["createdAt"])


def rollout(folder: pathlib.Path, environment: dict, ecs, wait: float | None) -> dict:
    """Deploys once; seconds of the rollout, and from its end to the exit of each client."""
    before = newest(ecs)["serviceDeploymentArn"]
    with tempfile.TemporaryFile("w+") as log:
        deploy = subprocess.Popen([XTASK, "deploy"], cwd=folder, env=environment, stdout=log, stderr=log)
        while (arn := newest(ecs)["serviceDeploymentArn"]) == before:
            if deploy.poll() is not None:
                log.seek(0)
                sys.exit(f"xtask deploy ended before a rollout began:\n{log.read()}")
            time.sleep(LOOK)
        began, waiter, ended, exits = time.monotonic(), None, None, {}
        while ended is None or not exits.keys() >= ({"xtask"} | ({"aws"} if wait is not None else set())):
            now = time.monotonic()
            if ended is None:
                asked = ecs("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"][0]
                if asked["status"] in FINAL:
                    ended, status = time.monotonic(), asked["status"]
            if wait is not None and waiter is None and now - began >= wait:
                command = ["aws", "ecs", "wait", "services-stable", "--cluster", "sample", "--services", "app"]
                waiter = subprocess.Popen(command, cwd=folder, env=environment)
            for name, process in (("xtask", deploy), ("aws", waiter)):
                if process and name not in exits and process.poll() is not None:
                    exits[name] = time.monotonic()
            time.sleep(LOOK if ended is None else LOOK / 5)
        log.seek(0)
        if deploy.returncode != 0 or status != "SUCCESSFUL" or (waiter and waiter.returncode != 0):
            sys.exit(f"the rollout ended {status}, xtask deploy with {deploy.returncode}:\n{log.read()}")
    return {"rollout": ended - began, **{name: at - ended for name, at in exits.items()}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--speed", type=int, default=8)
    parser.add_argument("--aws", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = workspace(pathlib.Path(scratch))
        with Sandbox(folder, arguments.speed) as sandbox:
            sandbox.put_image("sample/app", ["1.0"])
            environment = {**os.environ, **sandbox.environment}
            ecs = sandbox.client(ECS)
            runs, length = [], 0.0
            for run in range(arguments.runs + 1):
                write_task_definition(folder, run + 1)
                # The first run only says how long a rollout is.
                wait = random.uniform(0, length * 0.95) if arguments.aws and length else None
                one = rollout(folder, environment, ecs, wait)
                runs.append(one)
                length = length or one["rollout"]
    del runs[0]
    rows = {"xtask deploy": [run["xtask"] for run in runs]}
    if arguments.aws:
        rows["aws ecs wait services-stable"] = [run["aws"] for run in runs]
    took = statistics.median(run["rollout"] for run in runs)
    print(f"{'end of the rollout to exit, s':32} {'median':>7} {'least':>7} {'most':>7}   ({len(runs)} rollouts of {took:.1f} s)")
    for name, delays in rows.items():
        print(f"{name:32} {statistics.median(delays):7.2f} {min(delays):7.2f} {max(delays):7.2f}")


if __name__ == "__main__":
    main()
