#!/usr/bin/env python3
"""Start-up, "is this tag in ECR", and a plan of a hundred images, beside the AWS CLI, in one run.

Needs the built binary (`cargo build -p xtask --features rehearse`) and, for the comparison, `aws` in PATH (PyPI's
awscli). Everything talks to one sandbox on loopback. Prints medians in milliseconds, from start to exit.
"""

import base64
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
XTASK = ROOT / "target" / "debug" / "xtask"
WANTED = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "XTASK_REGISTRY"}
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


def start_sandbox(folder: pathlib.Path) -> tuple[subprocess.Popen, dict]:
    server = subprocess.Popen(
        [XTASK, "sandbox", "--listen", "127.0.0.1:0"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    environment = {}
    while not WANTED <= environment.keys():
        line = server.stdout.readline()
        if not line:
            sys.exit("the sandbox ended early; was the binary built with --features rehearse?")
        name, _, value = line.removeprefix("export ").strip().partition("=")
        environment[name] = value
    return server, environment


def put_image(environment: dict, repository: str, tags: list[str]) -> None:
    """Puts a small image under these tags, through the registry."""
    url = environment["AWS_ENDPOINT_URL"]
    key = environment["AWS_ACCESS_KEY_ID"]
    ask = urllib.request.Request(
        url,
        data=b"{}",
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/20260101/ap-northeast-1/ecr/aws4_request, "
            "SignedHeaders=host, Signature=" + "0" * 64,
        },
    )
    token = json.load(urllib.request.urlopen(ask))["authorizationData"][0]["authorizationToken"]
    assert base64.b64decode(token).startswith(b"AWS:")
    registry = f"http://{environment['XTASK_REGISTRY']}/v2/{repository}"

    def send(method: str, address: str, data: bytes, media_type: str) -> urllib.response.addinfourl:
        headers = {"Authorization": f"Basic {token}", "Content-Type": media_type}
        return urllib.request.urlopen(urllib.request.Request(address, data=data, headers=headers, method=method))

    config = b'{"architecture":"amd64","os":"linux"}'
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    location = send("POST", f"{registry}/blobs/uploads/", b"", "application/octet-stream").headers["Location"]
    location = location if location.startswith("http") else f"http://{environment['XTASK_REGISTRY']}{location}"
    joint = "&" if "?" in location else "?"
    send("PUT", f"{location}{joint}digest={digest}", config, "application/octet-stream")
    media_type = "application/vnd.oci.image.manifest.v1+json"
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)},
        "layers": [],
    }
    for tag in tags:
        send("PUT", f"{registry}/manifests/{tag}", json.dumps(manifest).encode(), media_type)


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
        server, environment = start_sandbox(apart)
        try:
            put_image(environment, "sample/app", tags)
            for number in range(100):
                put_image(environment, f"sample/app{number}", ["1.0"])
            rows = {
                "xtask --help": milliseconds([XTASK, "--help"], one, environment),
                "xtask release --plan, 1 image": milliseconds([XTASK, "release", "--plan"], one, environment),
                "xtask release --plan, 100 images, 1 repository": milliseconds([XTASK, "release", "--plan"], same, environment),
                "xtask release --plan, 101 images, 101 repositories": milliseconds([XTASK, "release", "--plan"], apart, environment),
            }
            if shutil.which("aws"):
                command = ["aws", "ecr", "batch-get-image", "--repository-name", "sample/app", "--image-ids", "imageTag=1.0"]
                rows["aws ecr batch-get-image, 1 image"] = milliseconds(command, one, environment)
        finally:
            server.terminate()
            server.wait()
    for name, value in rows.items():
        print(f"{name:52} {value:8.1f} ms")
    single = rows["xtask release --plan, 1 image"]
    print(f"{'100 images : 1 image':52} {rows['xtask release --plan, 100 images, 1 repository'] / single:8.2f}")
    print(f"{'101 repositories : 1 image':52} {rows['xtask release --plan, 101 images, 101 repositories'] / single:8.2f}")
    if "aws ecr batch-get-image, 1 image" in rows:
        print(f"{'1 image : aws':52} {single / rows['aws ecr batch-get-image, 1 image']:8.2f}")


if __name__ == "__main__":
    main()
