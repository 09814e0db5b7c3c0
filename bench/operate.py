#!/usr/bin/env python3
"""`xtask status` of fifty services beside `aws ecs describe-services` of one, and `xtask logs` of 20 MB beside `aws logs tail`, in one run.

Needs cargo and, from PyPI's awscli, `aws` in PATH and botocore beside this Python (`cargo xtask ci python3 bench/operate.py` brings both). That
package is version 1, which has no `logs tail`: what version 2 does is done here with its own botocore. Source: aws/aws-cli, v2,
awscli/customizations/logs/tail.py: FilterLogEvents page by page, each event's id kept, and a line written for each event. Beside it is
version 1's `logs filter-log-events`. Everything talks to one sandbox on loopback. Prints medians from start to exit, and the most memory that a
process had to itself.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

SERVICES, LINES = 50, 200_000
GROUP = "/ecs/s00"


def streams() -> dict[str, str]:
    """20 MB of four tasks."""
    line = "GET /orders/{number:07} 200 in 12 ms for 203.0.113.7 with agent Mozilla/5.0 (X11; Linux x86_64) and a referrer\n"
    line = line.format(number=0)[: 20_000_000 // LINES - 1] + "\n"
    return {f"app/app/{task:032x}": line * (LINES // 4) for task in range(1, 5)}


def run(command: list, folder: pathlib.Path, environment: dict) -> tuple[float, int, int]:
    """Seconds, the most memory of its own in KiB, and the lines that it wrote."""
    from fifty import peak_memory

    started = time.monotonic()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said: list[bytes] = []
    reader = threading.Thread(target=lambda: said.append(process.stderr.read()))
    reader.start()
    lines, memory = 0, 0

    def watch() -> None:
        """Pages of the program's file are left out: this is a dev build, and they are not its own."""
        nonlocal memory
        while process.returncode is None and (now := peak_memory(process)[1]):
            memory = max(memory, now)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    while part := process.stdout.read(1 << 20):
        lines += part.count(b"\n")
    status = process.wait()
    taken = time.monotonic() - started
    reader.join()
    watcher.join()
    if status != 0:
        sys.exit(f"{command} failed: {said[0].decode()}")
    return taken, memory, lines


def tail(group: str) -> None:
    """What `aws logs tail GROUP --since 1h --format short` does."""
    import datetime

    import botocore.session

    client = botocore.session.get_session().create_client("logs")
    wanted = {"logGroupName": group, "interleaved": True, "startTime": int((time.time() - 3600) * 1000)}
    known: dict[str, list] = {}
    while True:
        answer = client.filter_log_events(**wanted)
        for event in answer["events"]:
            known.setdefault(event["timestamp"], []).append(event["eventId"])
            at = datetime.datetime.fromtimestamp(event["timestamp"] / 1000, datetime.timezone.utc)
            sys.stdout.write(f"{at:%Y-%m-%dT%H:%M:%S} {event['message'].rstrip()}\n")
            sys.stdout.flush()
        if "nextToken" not in answer:
            return
        wanted["nextToken"] = answer["nextToken"]


def main(runs: int) -> None:
    from fifty import workspace
    from sandbox import XTASK, Sandbox

    names = [f"s{number:02}" for number in range(SERVICES)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        workspace(folder, names, own=True)
        for name in names:
            file = folder / f"{name}.json"
            document = json.loads(file.read_text())
            document["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"] = f"/ecs/{name}"
            file.write_text(json.dumps(document))
        (folder / "seed.json").write_text(json.dumps({"logs": {GROUP: streams()}}))
        with Sandbox(folder, arguments=["--seed", "seed.json"]) as sandbox:
            environment = {**sandbox.environment, "AWS_DEFAULT_REGION": sandbox.environment["AWS_REGION"]}
            sandbox.put_image("sample/app", ["1.0"])
            time.sleep(2)  # A line can be read a second after it was written.
            commands = {
                "xtask status, 50 services": [XTASK, "status"],
                "aws ecs describe-services, 1 service": ["aws", "ecs", "describe-services", "--cluster", "sample", "--services", "s00"],
                "xtask logs, 20 MB": [XTASK, "logs", "s00", "--since", "1h"],
                "aws logs tail, 20 MB": [sys.executable, __file__, "--tail", GROUP],
                "aws logs filter-log-events, 20 MB": ["aws", "logs", "filter-log-events", "--log-group-name", GROUP, "--output", "text"],
            }
            rows: dict[str, list] = {name: [] for name in commands}
            for _ in range(runs):
                for name, command in commands.items():
                    rows[name].append(run(command, folder, environment))
    medians = {name: statistics.median(taken for taken, _, _ in measured) for name, measured in rows.items()}
    for name, measured in rows.items():
        memory = max(memory for _, memory, _ in measured) / 1024
        print(f"{name:40} {medians[name]:8.2f} s {memory:8.1f} MiB {measured[0][2]:9} lines")
    status, describe, logs, tailed, _ = medians.values()
    print(f"{'50 services : describe-services':40} {status / describe:8.2f}")
    print(f"{'logs : tail':40} {logs / tailed:8.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--tail"]:
        tail(sys.argv[2])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
