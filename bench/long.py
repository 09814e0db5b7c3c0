#!/usr/bin/env python3
"""A deploy that is followed for hours: whether its memory stays flat, and whether it tells everything that happens.

    bench/long.py [--minutes 120] [--speed 1] [--log FILE]

Two services are deployed by one `xtask deploy`. `linear` shifts its traffic in 20 steps, which take most of the time; of `flapping` the image is deleted between the update
and the pull, with fail-fast and breaker off, so that one task after another fails until the deadline. Each minute the most memory that the command
holds for itself is noted. What happened is asked of ECS every few seconds on a connection of its own: the weights of the traffic, the tasks that stopped, ECS's
messages. At the end each of it has to be among the events of `--log json`.

Needs cargo, which builds what is measured, unless XTASK names a binary that was put aside.
"""

import argparse
import json
import os
import pathlib
import subprocess
import tempfile
import time

from sandbox import ECR, ECS, ROOT, TOP, XTASK, Sandbox

LOOK = 5.0
TABLES = """
[workspace.metadata.xtask.images.{name}]
repository = "sample/{name}"
tag = "1.0"
dockerfile = "Dockerfile"

[workspace.metadata.xtask.services.{name}]
task-definition = "{name}.json"
containers = {{ app = "{name}" }}
rollout = {{ deadline = "{deadline}m", fail-fast = "off" }}
"""


def workspace(folder: pathlib.Path, minutes: int) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    document = json.loads((ROOT / "app/ecs/task-definition.json").read_text())
    for name in ("linear", "flapping"):
        (folder / f"{name}.json").write_text(json.dumps({**document, "family": name}))
    # The one ends some minutes after its last step, the other at its deadline.
    deadlines = {"linear": minutes + 60, "flapping": minutes}
    tables = [TABLES.format(name=name, deadline=deadline) for name, deadline in deadlines.items()]
    (folder / "Cargo.toml").write_text(TOP + "".join(tables))


def balancers() -> list[dict]:
    at = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:"
    group = lambda name: f"{at}targetgroup/{name}/0123456789abcdef"
    rule = lambda name: f"{at}listener-rule/app/{name}/0123456789abcdef/0123456789abcdef/0123456789abcdef"
    return [{
        "targetGroupArn": group("blue"), "containerName": "app", "containerPort": 8080,
        "advancedConfiguration": {
            "alternateTargetGroupArn": group("green"), "productionListenerRule": rule("production"),
            "testListenerRule": rule("test"), "roleArn": "arn:aws:iam::123456789012:role/balancers",
        },
    }]


class Truth:
    """Everything that ECS was seen to tell of since the deploy began."""

    def __init__(self, ecs):
        self.ecs = ecs
        self.weights, self.tasks, self.messages = set(), set(), set()
        self.before = {message["id"] for service in self.services() for message in service["events"]}
        self.old = {service["serviceName"]: service.get("currentServiceDeployment") for service in self.services()}

    def services(self) -> list[dict]:
        return self.ecs("DescribeServices", cluster="sample", services=["linear", "flapping"])["services"]

    def look(self) -> None:
        for service in self.services():
            name = service["serviceName"]
            self.messages |= {(name, it["message"], it["id"]) for it in service["events"] if it["id"] not in self.before}
            arn = service.get("currentServiceDeployment")
            if name == "linear" and arn and arn != self.old[name]:
                for rollout in self.ecs("DescribeServiceDeployments", serviceDeploymentArns=[arn])["serviceDeployments"]:
                    target = rollout["targetServiceRevision"]
                    self.weights |= {target.get("requestedProductionTrafficWeight")}
        stopped = self.ecs("ListTasks", cluster="sample", serviceName="flapping", desiredStatus="STOPPED")["taskArns"]
        self.tasks |= {arn.rsplit("/", 1)[1] for arn in stopped}


def memory(pid: int) -> tuple[int, int]:
    """KiB that the process has in memory, and those of them that are its own and no file's."""
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    numbers = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "RssAnon"))}
    return int(numbers["VmRSS"]), int(numbers["RssAnon"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=120)
    parser.add_argument("--speed", type=int, default=1)
    parser.add_argument("--log", type=pathlib.Path, default=None, help="where the events are kept")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        workspace(folder, given.minutes)
        with Sandbox(folder, given.speed) as stand_in, open(given.log or folder / "log", "w+") as log:
            ecs, ecr = stand_in.client(ECS), stand_in.client(ECR)
            for repository in ("sample/linear", "sample/flapping"):
                stand_in.put_image(repository, ["1.0"])
            shift = {
                "strategy": "LINEAR", "bakeTimeInMinutes": 1,
                "linearConfiguration": {"stepPercent": 5.0, "stepBakeTimeInMinutes": max(1, given.minutes // 24)},
            }
            breaker = {"deploymentCircuitBreaker": {"enable": False, "rollback": False}}
            ecs("UpdateService", cluster="sample", service="linear", loadBalancers=balancers())
            ecs("UpdateService", cluster="sample", service="flapping", deploymentConfiguration=breaker)
            while ecs("DescribeServices", cluster="sample", services=["linear"])["services"][0].get("currentServiceDeployment"):
                time.sleep(1)
            ecs("UpdateService", cluster="sample", service="linear", deploymentConfiguration=shift)
            truth = Truth(ecs)
            old = set(ecs("ListTasks", cluster="sample", serviceName="flapping")["taskArns"])
            environment = {**os.environ, **stand_in.environment}
            command = [XTASK, "deploy", "--log", "json"]
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            began = minute = time.monotonic()
            deleted, kept = False, []
            while process.poll() is None:
                time.sleep(LOOK / min(given.speed, 10))
                truth.look()
                if not deleted and any(service["taskDefinition"] for service in truth.services() if len(service["deployments"]) > 1):
                    ecr("BatchDeleteImage", repositoryName="sample/flapping", imageIds=[{"imageTag": "1.0"}])
                    deleted = True
                if time.monotonic() - minute >= 60 and process.poll() is None:
                    minute = time.monotonic()
                    kept.append(memory(process.pid))
                    rss, own = kept[-1]
                    so_far = (minute - began) / 60
                    print(f"{so_far:6.1f} min  {rss} KiB, its own {own}; {len(truth.tasks)} tasks, {len(truth.messages)} messages", flush=True)
            truth.look()
            log.seek(0)
            lines = [json.loads(line) for line in log if line.startswith("{")]
    report(truth, old, lines, kept, (time.monotonic() - began) / 60, process.returncode)


def report(truth: Truth, old: set[str], lines: list[dict], kept: list[tuple[int, int]], minutes: float, code: int) -> None:
    of = lambda kind: [line for line in lines if line.get("event") == kind]
    told_weights = {
        revisions[0].get("production-weight")
        for line in of("rollout-progress") if line["service"] == "linear" and (revisions := line.get("revisions"))
    }
    told = {
        "weights": (truth.weights - {None}, told_weights),
        "tasks": (truth.tasks - {arn.rsplit("/", 1)[1] for arn in old}, {line["task"] for line in of("task-stopped")}),
    }
    messages = [(line["service"], line["message"]) for line in of("service-message")]
    print(f"exit {code} after {minutes:.1f} minutes; {len(lines)} events")
    for what, (true, said) in told.items():
        print(f"{what}: {len(true)} happened, {len(true & said)} of them told; not told: {sorted(true - said)[:5]}")
    happened = [(name, text) for name, text, _ in truth.messages]
    lost = [message for message in set(happened) if happened.count(message) > messages.count(message)]
    print(f"messages: {len(happened)} happened, {len(messages)} told; not told: {lost[:5]}")
    if len(kept) > 10:
        print(f"memory of its own, KiB: {kept[4][1]} after 5 minutes, {kept[len(kept) // 2][1]} after half, {kept[-1][1]} at the end, {max(own for _, own in kept)} at most")


if __name__ == "__main__":
    main()
