#!/usr/bin/env python3
"""From the first task that says a rollout cannot succeed to the moment that each client says so, with default cadences.

    bench/fail_fast.py [--runs 5] [--speed 1] [--aws] [--ecspresso PATH]

The image is deleted between the update and the pull, so that no task can ever start. The first such task is the first answer to
ListTasks, asked every 20 ms on a connection of its own, that has a stopped task of the new revision. The verdict of
`xtask deploy` is its StopServiceDeployment, as DescribeServiceDeployments shows it; how long the way back takes after that is ECS's
own, and told apart as `exit`. Each run is made with and without a circuit breaker. With --aws, `aws ecs wait services-stable` runs beside; with
--ecspresso, `ecspresso wait`. Without a breaker neither ends before the rollback that xtask began.

Needs cargo, which builds what is measured.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from rollout_end import newest, workspace, write_task_definition
from sandbox import ECR, ECS, XTASK, Sandbox

LOOK = 0.02


def set_breaker(ecs, on: bool) -> None:
    breaker = {"deploymentCircuitBreaker": {"enable": on, "rollback": on}}
    ecs("UpdateService", cluster="sample", service="app", deploymentConfiguration=breaker)


def others(arguments: argparse.Namespace, folder: pathlib.Path) -> dict[str, list[str]]:
    commands = {}
    if arguments.aws:
        commands["aws ecs wait services-stable"] = ["aws", "ecs", "wait", "services-stable", "--cluster", "sample", "--services", "app"]
    if arguments.ecspresso:
        (folder / "ecspresso.yml").write_text("region: ap-northeast-1\ncluster: sample\nservice: app\ntask_definition: task-definition.json\n")
        commands["ecspresso wait"] = [arguments.ecspresso, "--config", str(folder / "ecspresso.yml"), "wait"]
    return commands


def one(folder: pathlib.Path, environment: dict, clients: tuple, commands: dict[str, list[str]]) -> dict[str, float]:
    """Deploys once; seconds from the first hopeless task to each verdict."""
    ecs, ecr = clients
    before = newest(ecs)["serviceDeploymentArn"]
    known = set(ecs("ListTasks", cluster="sample", serviceName="app", desiredStatus="STOPPED")["taskArns"])
    with tempfile.TemporaryFile("w+") as log:
        processes = {"xtask": subprocess.Popen([XTASK, "deploy"], cwd=folder, env=environment, stdout=log, stderr=log)}
        arn, first, verdict, exits = None, None, None, {}
        while len(exits) < len(processes):
            if arn is None:
                found = newest(ecs)["serviceDeploymentArn"]
                if found != before:
                    arn = found
                    ecr("BatchDeleteImage", repositoryName="sample/app", imageIds=[{"imageTag": "1.0"}])
                    processes |= {name: subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name, command in commands.items()}
            else:
                if first is None and set(ecs("ListTasks", cluster="sample", serviceName="app", desiredStatus="STOPPED")["taskArns"]) - known:
                    first = time.monotonic()
                if verdict is None and ecs("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"][0]["status"].startswith("ROLLBACK"):
                    verdict = time.monotonic()
            for name, process in processes.items():
                if name not in exits and process.poll() is not None:
                    exits[name] = time.monotonic()
            time.sleep(LOOK)
        log.seek(0)
        text = log.read()
    if processes["xtask"].returncode != 4 or "Stopping the rollout" not in text or not first or not verdict:
        sys.exit(f"xtask deploy ended with {processes['xtask'].returncode}:\n{text}")
    told = {"xtask deploy, verdict": verdict - first}
    return told | {("xtask deploy, exit" if name == "xtask" else f"{name}, exit"): at - first for name, at in exits.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--speed", type=int, default=1)
    parser.add_argument("--aws", action="store_true")
    parser.add_argument("--ecspresso", default="")
    arguments = parser.parse_args()
    print(f"{'first hopeless task to …, s':44} {'median':>7} {'least':>7} {'most':>7}   ({arguments.runs} runs, {arguments.speed}× speed)")
    for breaker in (True, False):
        runs: list[dict[str, float]] = []
        for run in range(arguments.runs):
            with tempfile.TemporaryDirectory() as scratch:
                folder = workspace(pathlib.Path(scratch))
                with Sandbox(folder, arguments.speed) as sandbox:
                    sandbox.put_image("sample/app", ["1.0"])
                    ecs = sandbox.client(ECS)
                    set_breaker(ecs, breaker)
                    write_task_definition(folder, run + 1)
                    ecr = sandbox.client(ECR)
                    runs.append(one(folder, {**os.environ, **sandbox.environment}, (ecs, ecr), others(arguments, folder)))
        for name in runs[0]:
            delays = [run[name] for run in runs]
            label = f"{name}, {'a' if breaker else 'no'} breaker"
            print(f"{label:44} {statistics.median(delays):7.2f} {min(delays):7.2f} {max(delays):7.2f}")


if __name__ == "__main__":
    main()
