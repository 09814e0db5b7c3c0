#!/usr/bin/env python3
"""Loads that are larger than most: the sandbox with many services, a plan of many images, a builder that does not stop talking.

    bench/load.py [--services 1000] [--tasks 10] [--images 500] [--megabytes 1024]

- The sandbox holds so many services with so many tasks each, and is asked by one client that keeps its connection: how long each kind of call takes.
- `release --plan` of so many images whose tags are all there, with 40 layers each: wall time.
- `release` with a docker that prints so much while it builds: wall time, that of printing it into /dev/null, and the most memory that the command took.
- `deploy`, which looks at its rollout each second, alone and beside such a `release`: how long it is from look to look.

Needs cargo, which builds what is measured.
"""

import argparse
import gc
import hashlib
import http.client
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading
import time
import urllib.parse

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
            # It pauses this client for 20 ms after so many answers, which would be taken for the sandbox's.
            gc.disable()
            for call, ask in calls.items():
                times = []
                for at in range(300):
                    began = time.perf_counter()
                    ask(at * 7)
                    times.append((time.perf_counter() - began) * 1000)
                print(f"  {call:<24} median {statistics.median(times):6.2f}  p99 {percentile(times, 99):6.2f}")
            gc.enable()


def put_layered(sandbox: Sandbox, repository: str, tags: list[str], layers: int) -> None:
    """Puts an image under each tag, with so many layers that no other one has."""
    connection = http.client.HTTPConnection(sandbox.registry)
    authorization = {"Authorization": f"Basic {sandbox.token()}"}

    def send(method: str, path: str, body: bytes, kind: str = "application/octet-stream") -> str:
        connection.request(method, path, body, {**authorization, "Content-Type": kind})
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status
        return answer.headers["Location"]

    def put(body: bytes, kind: str) -> dict:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        place = urllib.parse.urlsplit(send("POST", f"/v2/{repository}/blobs/uploads/", b""))
        send("PUT", f"{place.path}?{place.query}&digest={digest}", body)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": digest, "size": len(body)}

    config = put(b'{"architecture":"amd64","os":"linux"}', "config.v1+json")
    kind = "application/vnd.oci.image.manifest.v1+json"
    for tag in tags:
        own = [put(f"{tag} {number}".encode(), "layer.v1.tar+gzip") for number in range(layers)]
        manifest = {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": own}
        send("PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(manifest).encode(), kind)


def plan_of_many(images: int, layers: int = 40) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        table = '\n[workspace.metadata.xtask.images.i{0}]\nrepository = "sample/app"\ntag = "{0}"\ndockerfile = "Dockerfile"\n'
        (folder / "Cargo.toml").write_text(TOP + IMAGE + "".join(table.format(number) for number in range(images)))
        (folder / "Dockerfile").write_text("FROM scratch\n")
        with Sandbox(folder) as sandbox:
            sandbox.put_image("sample/app", ["1.0"])
            put_layered(sandbox, "sample/app", [str(number) for number in range(images)], layers)
            began = time.perf_counter()
            run = [XTASK, "release", "--plan"]
            environment = {**os.environ, **sandbox.environment}
            subprocess.run(run, cwd=folder, env=environment, check=True, capture_output=True)
            print(f"a plan of {images} images that are there, with {images * layers} blobs: {time.perf_counter() - began:.2f} s")


LINE = "#7 12.34 " + "x" * 90


def talker(folder: pathlib.Path, megabytes: int) -> str:
    """A workspace with a docker that prints so much and fails; what prints it."""
    support = ROOT / "xtask/tests/it/support"
    flood = f"yes '{LINE}' | head -c {megabytes * 1024 * 1024} >&2"
    (folder / "Cargo.toml").write_text(TOP + IMAGE)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "tools").mkdir()
    docker = (support / "docker.sh").read_text().replace('"buildx bake") write', f'"buildx bake") {flood}; exit 1; write')
    for tool, script in [("docker", docker), ("trivy", (support / "trivy.sh").read_text())]:
        (folder / "tools" / tool).write_text(script)
        (folder / "tools" / tool).chmod(0o755)
    return flood


def talks(folder: pathlib.Path, environment: dict[str, str]) -> dict[str, str]:
    path = f"{folder / 'tools'}:{os.environ['PATH']}"
    return {**os.environ, **environment, "PATH": path, "TRIVY_SKIP_DB_UPDATE": "true"}


def talking_builder(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        flood = talker(folder, megabytes)
        began = time.perf_counter()
        subprocess.run(["sh", "-c", flood], stderr=subprocess.DEVNULL, check=True)
        alone = time.perf_counter() - began
        with Sandbox(folder) as sandbox, open(os.devnull, "w") as nowhere:
            environment = talks(folder, sandbox.environment)
            began = time.perf_counter()
            process = subprocess.Popen([XTASK, "release"], cwd=folder, env=environment, stdout=nowhere, stderr=nowhere)
            _, status, used = os.wait4(process.pid, 0)
            took = time.perf_counter() - began
        assert os.waitstatus_to_exitcode(status) == 1, "the build was to fail, after all that it said"
        print(f"{megabytes} MiB of a builder's output: {took:.1f} s, alone {alone:.1f} s; most memory {used.ru_maxrss / 1024:.0f} MiB")


def looks(beside: list[subprocess.Popen]) -> list[float]:
    """From look to look of one deploy that looks each second, in seconds."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        workspace(folder, ["app"], False)
        configuration = folder / "Cargo.toml"
        configuration.write_text(configuration.read_text() + 'rollout = { poll = "1s" }\n')
        with Sandbox(folder, 1, ["--calls", "calls.txt"]) as sandbox:
            sandbox.put_image("sample/app", ["1.0"])
            environment = {**os.environ, **sandbox.environment}
            subprocess.run([XTASK, "deploy"], cwd=folder, env=environment, check=True, capture_output=True)
            assert all(one.poll() is None for one in beside), "it was to go on for longer"
        calls = [line.split() for line in (folder / "calls.txt").read_text().splitlines()]
        at = [float(call[0]) for call in calls if call[2] == "ecs:DescribeServiceDeployments"]
    return [after - before for before, after in zip(at, at[1:])]


def poll_beside(megabytes: int) -> None:
    def tell(what: str, pauses: list[float]) -> None:
        print(f"{len(pauses)} pauses between looks {what}: median {statistics.median(pauses):.2f} s, longest {max(pauses):.2f} s")

    tell("alone", looks([]))
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        folder = pathlib.Path(name)
        talker(folder, megabytes * 1024)
        with Sandbox(folder) as sandbox:
            run = {"cwd": folder, "env": talks(folder, sandbox.environment), "stdout": nowhere, "stderr": subprocess.PIPE}
            release = subprocess.Popen([XTASK, "release"], **run)
            lines = 0

            def read() -> None:
                nonlocal lines
                while piece := release.stderr.read1(1 << 20):
                    lines += piece.count(b"\n")

            reader = threading.Thread(target=read)
            reader.start()
            began = time.perf_counter()
            pauses = looks([release])
            rate = lines / (time.perf_counter() - began)
            release.kill()
            release.wait()
            reader.join()
        tell(f"beside a release that shows {rate:,.0f} lines a second", pauses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in [("services", 1000), ("tasks", 10), ("images", 500), ("megabytes", 1024)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    sandbox_under_load(given.services, given.tasks)
    plan_of_many(given.images)
    talking_builder(given.megabytes)
    poll_beside(given.megabytes)


if __name__ == "__main__":
    main()
