#!/usr/bin/env python3
"""Loads that are larger than most: the sandbox with many services, a plan of many images, a builder that does not stop talking.

    bench/load.py [--services 1000] [--tasks 10] [--images 500] [--megabytes 1024]

- The sandbox holds so many services with so many tasks each, and is asked by one client that keeps its connection: how long each kind of call takes.
- `release --plan` of so many images whose tags are all there: wall time.
- `release` with a docker that prints so much while it builds: wall time, that of printing it into /dev/null, and the most memory that the command took.

Needs cargo, which builds what is measured.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from fifty import IMAGE, workspace
from sandbox import ECS, ROOT, TOP, XTASK, Sandbox


def percentile(times: list[float], percent: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * percent / 100))]


def sandbox_under_load(services: int, tasks: int) -> None:
    names = [f"s{number:04}" for number in range(services)]
    with tempfile.TemporaryDirectory() as folder:
        workspace(pathlib.Path(folder), ["app"], False)
        with Sandbox(pathlib.Path(folder), 60) as sandbox:
            ecs = sandbox.client(ECS)
            first = ecs("DescribeServices", cluster="sample", services=["app"])["services"][0]
            for name in names:
                ecs(
                    "CreateService", cluster="sample", serviceName=name, desiredCount=tasks,
                    taskDefinition=first["taskDefinition"], launchType="FARGATE",
                    networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
                )
            while True:
                found = [ecs("DescribeServices", cluster="sample", services=names[at : at + 10]) for at in range(0, services, 10)]
                running = sum(service["runningCount"] for answer in found for service in answer["services"])
                if running == services * tasks:
                    break
                time.sleep(2)
            some = ecs("ListTasks", cluster="sample", serviceName=names[0])["taskArns"]
            calls = {
                "DescribeServices of one": lambda at: ecs("DescribeServices", cluster="sample", services=[names[at % services]]),
                "DescribeServices of ten": lambda at: ecs(
                    "DescribeServices", cluster="sample", services=names[at % (services - 10) :][:10]
                ),
                "ListTasks of one": lambda at: ecs("ListTasks", cluster="sample", serviceName=names[at % services]),
                "DescribeTasks of ten": lambda at: ecs("DescribeTasks", cluster="sample", tasks=some),
                "UpdateService": lambda at: ecs(
                    "UpdateService", cluster="sample", service=names[at % services], forceNewDeployment=True
                ),
            }
            print(f"the sandbox with {services} services and {running} tasks, in ms:")
            for call, ask in calls.items():
                times = []
                for at in range(300):
                    began = time.perf_counter()
                    ask(at * 7)
                    times.append((time.perf_counter() - began) * 1000)
                print(f"  {call:<24} median {statistics.median(times):6.2f}  p99 {percentile(times, 99):6.2f}")


def plan_of_many(images: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        table = '\n[workspace.metadata.xtask.images.i{0}]\nrepository = "sample/app"\ntag = "{0}"\ndockerfile = "Dockerfile"\n'
        (folder / "Cargo.toml").write_text(TOP + IMAGE + "".join(table.format(number) for number in range(images)))
        (folder / "Dockerfile").write_text("FROM scratch\n")
        with Sandbox(folder) as sandbox:
            sandbox.put_image("sample/app", ["1.0", *map(str, range(images))])
            began = time.perf_counter()
            run = [XTASK, "release", "--plan"]
            environment = {**os.environ, **sandbox.environment}
            subprocess.run(run, cwd=folder, env=environment, check=True, capture_output=True)
            print(f"a plan of {images} images that are there: {time.perf_counter() - began:.2f} s")


def talking_builder(megabytes: int) -> None:
    support = ROOT / "xtask/tests/it/support"
    line = "#7 12.34 " + "x" * 90
    flood = f"yes '{line}' | head -c {megabytes * 1024 * 1024} >&2"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "Cargo.toml").write_text(TOP + IMAGE)
        (folder / "Dockerfile").write_text("FROM scratch\n")
        (folder / "tools").mkdir()
        docker = (support / "docker.sh").read_text().replace('"buildx bake") write', f'"buildx bake") {flood}; exit 1; write')
        for tool, script in [("docker", docker), ("trivy", (support / "trivy.sh").read_text())]:
            (folder / "tools" / tool).write_text(script)
            (folder / "tools" / tool).chmod(0o755)
        began = time.perf_counter()
        subprocess.run(["sh", "-c", flood], stderr=subprocess.DEVNULL, check=True)
        alone = time.perf_counter() - began
        with Sandbox(folder) as sandbox, open(os.devnull, "w") as nowhere:
            path = f"{folder / 'tools'}:{os.environ['PATH']}"
            environment = {**os.environ, **sandbox.environment, "PATH": path, "TRIVY_SKIP_DB_UPDATE": "true"}
            began = time.perf_counter()
            process = subprocess.Popen([XTASK, "release"], cwd=folder, env=environment, stdout=nowhere, stderr=nowhere)
            _, status, used = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
        assert os.waitstatus_to_exitcode(status) == 1, "the build was to fail, after all that it said"
        print(f"{megabytes} MiB of a builder's output: {took:.1f} s, alone {alone:.1f} s; most memory {used.ru_maxrss / 1024:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in [("services", 1000), ("tasks", 10), ("images", 500), ("megabytes", 1024)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    sandbox_under_load(given.services, given.tasks)
    plan_of_many(given.images)
    talking_builder(given.megabytes)


if __name__ == "__main__":
    main()
