"""The sandbox as the benchmarks use it: started, asked, filled. Not a benchmark itself."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent


def built() -> pathlib.Path:
    """The dev build of this workspace's binary, with the sandbox in it, up to date; or one that was put aside, which XTASK names."""
    if "XTASK" in os.environ:
        return pathlib.Path(os.environ["XTASK"]).resolve()
    command = ["cargo", "build", "--quiet", "--locked", "--package", "xtask", "--features", "rehearse"]
    subprocess.run(command, cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return ROOT / target / "debug" / "xtask"


XTASK = built()
WANTED = {"AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "XTASK_REGISTRY"}
ECR = "AmazonEC2ContainerRegistry_V20150921"
ECS = "AmazonEC2ContainerServiceV20141113"
# How the Cargo.toml of a benchmark's workspace begins.
TOP = """\
[workspace]
members = []

[workspace.metadata.xtask]
account = "123456789012"
region = "ap-northeast-1"
cluster = "sample"
"""


class Sandbox:
    """`xtask sandbox`, furnished for the workspace in `folder`, on a free port of loopback."""

    def __init__(self, folder: pathlib.Path, speed: int = 1, arguments: list[str] = ()):
        command = [XTASK, "sandbox", "--listen", "127.0.0.1:0", "--speed", str(speed), *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.environment = {}
        while not WANTED <= self.environment.keys():
            line = self.process.stdout.readline()
            if not line:
                sys.exit("the sandbox ended early; start it by hand to see why: cargo xtask sandbox")
            name, _, value = line.removeprefix("export ").strip().partition("=")
            self.environment[name] = value
        self.registry = self.environment["XTASK_REGISTRY"]

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait()

    def client(self, target: str) -> "Client":
        """A client of one API, ECR or ECS, that keeps its connection."""
        return Client(self.environment, target)

    def token(self) -> str:
        """A registry password as basic authentication wants it: base64 of `AWS:…`."""
        token = self.client(ECR)("GetAuthorizationToken")["authorizationData"][0]["authorizationToken"]
        assert base64.b64decode(token).startswith(b"AWS:")
        return token

    def put_image(self, repository: str, tags: list[str]) -> None:
        """Puts a small image under these tags, through the registry."""
        token = self.token()
        registry = f"http://{self.registry}/v2/{repository}"

        def send(method: str, address: str, data: bytes, media_type: str) -> urllib.response.addinfourl:
            headers = {"Authorization": f"Basic {token}", "Content-Type": media_type}
            return urllib.request.urlopen(urllib.request.Request(address, data=data, headers=headers, method=method))

        config = b'{"architecture":"amd64","os":"linux"}'
        digest = "sha256:" + hashlib.sha256(config).hexdigest()
        begun = send("POST", f"{registry}/blobs/uploads/", b"", "application/octet-stream")
        location = urllib.parse.urljoin(f"http://{self.registry}", begun.headers["Location"])
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


class Client:
    """Calls one API, signed (AWS signature version 4), over one connection."""

    def __init__(self, environment: dict, target: str):
        self.target = target
        self.host = environment["AWS_ENDPOINT_URL"].removeprefix("http://").rstrip("/")
        self.connection = http.client.HTTPConnection(self.host)
        self.access_key = environment["AWS_ACCESS_KEY_ID"]
        self.secret = environment["AWS_SECRET_ACCESS_KEY"]
        self.place = f"{environment['AWS_REGION']}/{'ecr' if target == ECR else 'ecs'}/aws4_request"

    def __call__(self, operation: str, **members) -> dict:
        body = json.dumps(members).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": self.host,
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "x-amz-target": f"{self.target}.{operation}",
        }
        self.connection.request("POST", "/", body, {**headers, "authorization": self.signed(headers, body)})
        answer = self.connection.getresponse()
        members = json.loads(answer.read() or b"{}")
        if answer.status != 200:
            raise RuntimeError(f"{operation} answered {answer.status}: {members}")
        return members

    def signed(self, headers: dict, body: bytes) -> str:
        names, moment = ";".join(headers), headers["x-amz-date"]
        scope = f"{moment[:8]}/{self.place}"
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        request = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = f"AWS4{self.secret}".encode()
        for part in [*scope.split("/"), text]:
            key = hmac.digest(key, part.encode(), "sha256")
        return f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
