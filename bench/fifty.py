#!/usr/bin/env python3
"""Fifty services deployed at once by `xtask deploy`, in a sandbox that throttles as ECS does, and fifty waiters of each kind beside it.

    bench/fifty.py [--services 50] [--speed 1] [--waiters ecspresso,aws] [--documents one|own]

The services roll out with the default cadence. Wall time is that of the command; a rollout's length is that which its
service deployment in ECS has, from its creation to its end. A moment is quiet when no rollout has changed
for six seconds: their counts, status and stage, looked at every two seconds on a connection of its own. The sandbox notes who
made each call by the access key and how it was answered. The waiters of all kinds run in one run, each kind with a key of its own:

- `aws`: `aws ecs wait services-stable` of the AWS CLI on PATH, one process a service, with the lowest priority.
- `loop`: threads that ask as that one does: DescribeServices of one service every 15 s, 40 times at most.
- `ecspresso`: threads that ask as `ecspresso wait` does. Source: kayac/ecspresso a4e6e32 (2.3, March 2024), wait.go, `Wait` and `WaitServiceStable`, and
  ecspresso.go, `DescribeServiceStatus`: one DescribeServices at the start; the SDK's ServicesStableWaiter, whose pauses are 15 s (its least delay is 15 s,
  and `waiterMaxDelay` is 15 s); beside it a ticker that asks DescribeServices every 10 s to show events; and one more 3 s after the end. Its
  DescribeScalableTargets and DescribeScalingPolicies at the start are another service's and left out. Later versions were not to be had where this was written.

With `--documents one` all
services share one task definition; with `own` each has a family of its own, so that fifty revisions are registered.

Needs cargo, which builds what is measured.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

from sandbox import ECS, ROOT, TOP, XTASK, Client, Sandbox

FINAL = {"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"}
LOOK, QUIET = 2.0, 6.0
IMAGE = """
[workspace.metadata.xtask.images.app]
repository = "sample/app"
tag = "1.0"
dockerfile = "Dockerfile"
"""
SERVICE = """
[workspace.metadata.xtask.services.{name}]
task-definition = "{document}.json"
containers = {{ app = "app" }}
"""


def workspace(folder: pathlib.Path, names: list[str], own: bool) -> None:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    document = json.loads((ROOT / "app/ecs/task-definition.json").read_text())
    for name in names if own else ["app"]:
        (folder / f"{name}.json").write_text(json.dumps({**document, "family": name}))
    services = "".join(SERVICE.format(name=name, document=name if own else "app") for name in names)
    (folder / "Cargo.toml").write_text(TOP + IMAGE + services)


def chunks(items: list, size: int) -> list[list]:
    return [items[start : start + size] for start in range(0, len(items), size)]


class Watch(threading.Thread):
    """What ECS itself says of every rollout, and when it last said something new."""

    def __init__(self, ecs, names: list[str]):
        super().__init__(daemon=True)
        self.ecs, self.names, self.over = ecs, names, False
        self.before = self.current()
        self.rollouts: dict[str, dict] = {}
        self.changes: list[float] = []

    def current(self) -> set[str]:
        """The service deployments that are under way, as the services name them."""
        batches = [self.ecs("DescribeServices", cluster="sample", services=batch) for batch in chunks(self.names, 10)]
        services = [service for batch in batches for service in batch["services"]]
        return {service["currentServiceDeployment"] for service in services if "currentServiceDeployment" in service}

    def look(self) -> None:
        arns = sorted((self.current() - self.before) | self.rollouts.keys())
        for batch in chunks(arns, 20):
            for one in self.ecs("DescribeServiceDeployments", serviceDeploymentArns=batch)["serviceDeployments"]:
                self.rollouts[one["serviceDeploymentArn"]] = one

    def run(self) -> None:
        last = None
        while not self.over:
            self.look()
            seen = json.dumps(self.rollouts, sort_keys=True)
            if seen != last:
                last = seen
                self.changes.append(time.monotonic())
            time.sleep(LOOK)
        self.look()


def peak_memory(process: subprocess.Popen) -> tuple[int, int, int]:
    """The most that the process has held so far, and what of it is now its own and what the program's file, in KiB."""
    try:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    except FileNotFoundError:
        return 0, 0, 0
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return tuple(int(fields[name].split()[0]) if name in fields else 0 for name in ("VmHWM", "RssAnon", "RssFile"))


def waiters(kind: str, names: list[str], sandbox: Sandbox) -> list:
    """One for each service, started together."""
    environment = {**os.environ, **sandbox.environment, "AWS_ACCESS_KEY_ID": kind.upper()}
    if kind == "aws":
        command = ["nice", "-n", "19", "aws", "ecs", "wait", "services-stable", "--cluster", "sample", "--services"]
        return [subprocess.Popen([*command, name], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for name in names]

    def looked(client: Client, name: str) -> bool:
        """One DescribeServices, and whether it found the service stable."""
        try:
            service = client("DescribeServices", cluster="sample", services=[name])["services"][0]
        except RuntimeError:
            return False  # The sandbox has noted that it was throttled.
        return len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]

    def loop(name: str) -> None:
        client = Client(environment, ECS)
        for _ in range(40):
            if looked(client, name):
                return
            time.sleep(15)

    def ecspresso(name: str) -> None:
        stable = threading.Event()

        def show() -> None:
            client = Client(environment, ECS)
            while not stable.wait(10):
                looked(client, name)

        client = Client(environment, ECS)
        looked(client, name)
        ticker = threading.Thread(target=show, daemon=True)
        ticker.start()
        while not looked(client, name):
            time.sleep(15)
        stable.set()
        time.sleep(3)
        looked(client, name)

    ask = {"loop": loop, "ecspresso": ecspresso}[kind]
    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    return threads


def calls_of(lines: list[list[str]], key: str) -> list[tuple[float, str, int]]:
    return [(float(at), operation, int(status)) for at, by, operation, status in (line for line in lines if len(line) == 4) if by == key and operation.startswith("ecs:")]


def busiest_quiet(calls: list[float], changes: list[float], offset: float, end: float) -> tuple[float, float]:
    """Seconds in which nothing changed, and calls a second in them."""
    quiet, made = 0.0, 0
    for one, next_one in zip(changes, [*changes[1:], end]):
        # The watcher sees a change that much later at most.
        start, stop = one + QUIET - offset, next_one - LOOK - offset
        if stop > start:
            quiet += stop - start
            made += sum(start <= at < stop for at in calls)
    return quiet, made / quiet if quiet else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--services", type=int, default=50)
    parser.add_argument("--speed", type=int, default=1)
    parser.add_argument("--waiters", default="ecspresso,aws", help="of ecspresso, aws and loop, with commas between them, or nothing")
    parser.add_argument("--documents", choices=["one", "own"], default="one")
    arguments = parser.parse_args()
    kinds = [kind for kind in arguments.waiters.split(",") if kind]
    if unknown := set(kinds) - {"aws", "loop", "ecspresso"}:
        parser.error(f"no such waiter: {', '.join(sorted(unknown))}")
    names = [f"svc{number:02}" for number in range(arguments.services)]
    with tempfile.TemporaryDirectory() as scratch:
        folder, notes = pathlib.Path(scratch), pathlib.Path(scratch) / "calls"
        workspace(folder, names, arguments.documents == "own")
        origin = time.monotonic()
        with Sandbox(folder, arguments.speed, ["--limits", "--calls", str(notes)]) as sandbox:
            sandbox.put_image("sample/app", ["1.0"])
            watch = Watch(Client({**sandbox.environment, "AWS_ACCESS_KEY_ID": "WATCHER"}, ECS), names)
            watch.start()
            with tempfile.TemporaryFile("w+") as log:
                began, memory, waiting = time.monotonic(), (0, 0, 0), None
                process = subprocess.Popen([XTASK, "deploy"], cwd=folder, env={**os.environ, **sandbox.environment}, stdout=log, stderr=log)
                while process.poll() is None:
                    memory = max(memory, peak_memory(process))
                    if waiting is None and len(watch.rollouts) == len(names):
                        waiting = [waiter for kind in kinds for waiter in waiters(kind, names, sandbox)]
                    time.sleep(0.02)
                wall, ended = time.monotonic() - began, time.monotonic()
                log.seek(0)
                text = log.read()
            watch.over = True
            watch.join()
            if process.returncode != 0:
                sys.exit(f"xtask deploy ended with {process.returncode}:\n{text[-3000:]}")
            for waiter in waiting or []:
                waiter.wait() if isinstance(waiter, subprocess.Popen) else waiter.join()
        lines = [line.split(" ") for line in notes.read_text().splitlines()]
    rollouts = list(watch.rollouts.values())
    lengths = [(one["finishedAt"] - one["createdAt"]) / arguments.speed for one in rollouts]
    last_end = (max(one["finishedAt"] for one in rollouts) - min(one["createdAt"] for one in rollouts)) / arguments.speed
    ours = calls_of(lines, sandbox.environment["AWS_ACCESS_KEY_ID"])
    ours = [call for call in ours if call[0] >= began - origin - 60]
    first = min(at for at, operation, _ in ours if operation == "ecs:UpdateService")
    # The sandbox's own zero is a little after ours: both saw the first update begin a rollout.
    offset = watch.changes[0] - first if watch.changes else origin
    quiet, rate = busiest_quiet([at for at, _, _ in ours], watch.changes, offset, ended)
    throttled = sum(status == 400 for _, _, status in ours)
    operations = collections.Counter(operation.removeprefix("ecs:") for _, operation, _ in ours)
    print(f"{len(rollouts)} services at {arguments.speed}x speed, {arguments.documents} document(s)")
    print(f"wall time                       {wall:8.1f} s")
    print(f"the slowest rollout             {max(lengths):8.1f} s, and {wall - max(lengths):.1f} s more")
    print(f"first update to last end in ECS {last_end:8.1f} s")
    print(f"calls to ECS                    {len(ours):8}   {dict(operations)}")
    print(f"calls a second, nothing changes {rate:8.2f}   in {quiet:.0f} s of quiet")
    print(f"throttling answers              {throttled:8}")
    print(f"memory at most                  {memory[0] / 1024:8.1f} MiB, {memory[1] / 1024:.1f} of its own and {memory[2] / 1024:.1f} of the program's file")
    for kind in kinds:
        others = calls_of(lines, kind.upper())
        span = others[-1][0] - others[0][0]
        rate, denied = len(others) / max(span, 1), sum(status == 400 for _, _, status in others)
        print(f"{len(names)} waiters ({kind}): {len(others)} calls in {span:.0f} s, {rate:.2f} a second, {denied} throttled")


if __name__ == "__main__":
    main()
