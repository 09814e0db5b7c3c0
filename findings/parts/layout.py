"""Writes small OCI images, and sends them to a registry over plain HTTP.

    layout.py write FOLDER NAME ARCHITECTURE... [--sha512]   a layout; several architectures make an index; prints its digest
    layout.py push FOLDER HOST/REPOSITORY:TAG [--docker]     its image or index; --docker: with Docker's media types
"""

import gzip
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import urllib.parse
import urllib.request

OCI = "application/vnd.oci.image."
IMAGE, INDEX = OCI + "manifest.v1+json", OCI + "index.v1+json"
DOCKER = {
    IMAGE: "application/vnd.docker.distribution.manifest.v2+json",
    INDEX: "application/vnd.docker.distribution.manifest.list.v2+json",
    OCI + "config.v1+json": "application/vnd.docker.container.image.v1+json",
    OCI + "layer.v1.tar+gzip": "application/vnd.docker.image.rootfs.diff.tar.gzip",
}


def store(folder, content, media_type, algorithm):
    digest = hashlib.new(algorithm, content).hexdigest()
    blobs = folder / "blobs" / algorithm
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(content)
    return {"mediaType": media_type, "digest": f"{algorithm}:{digest}", "size": len(content)}


def image(folder, architecture, algorithm):
    """An Alpine base with one package, named after the architecture."""
    files = {
        "etc/os-release": "ID=alpine\nVERSION_ID=3.20.1\n",
        "etc/alpine-release": "3.20.1\n",
        "lib/apk/db/installed": f"P:{architecture}-only\nV:1.0-r0\nA:noarch\n\n",
    }
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    layer = store(folder, gzip.compress(tar.getvalue(), mtime=0), OCI + "layer.v1.tar+gzip", algorithm)
    diff = "sha256:" + hashlib.sha256(tar.getvalue()).hexdigest()
    config = {"architecture": architecture, "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": [diff]}}
    config = store(folder, json.dumps(config).encode(), OCI + "config.v1+json", algorithm)
    manifest = {"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": [layer]}
    return store(folder, json.dumps(manifest).encode(), IMAGE, algorithm)


def write(folder, name, architectures, algorithm):
    folder.mkdir()
    images = [image(folder, each, algorithm) for each in architectures]
    root = images[0]
    if len(images) > 1:
        for entry, each in zip(images, architectures):
            entry["platform"] = {"os": "linux", "architecture": each}
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": images}
        root = store(folder, json.dumps(index).encode(), INDEX, algorithm)
    root["annotations"] = {"org.opencontainers.image.ref.name": name}
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [root]}))
    print(root["digest"])


def send(method, url, content=b"", media_type="application/octet-stream"):
    request = urllib.request.Request(url, content, {"Content-Type": media_type}, method=method)
    return urllib.request.urlopen(request)


def push(folder, repository, descriptor, name, docker):
    """Sends what the descriptor names, children first; gives the descriptor that the registry has now."""
    read = lambda each: (folder / "blobs" / each["digest"].replace(":", "/")).read_bytes()
    document = json.loads(read(descriptor))
    if "manifests" in document:
        document["manifests"] = [push(folder, repository, each, None, docker) for each in document["manifests"]]
    for blob in [document.get("config"), *document.get("layers", [])]:
        if blob:
            started = send("POST", repository + "/blobs/uploads/")
            upload = urllib.parse.urljoin(repository, started.headers["Location"])
            send("PUT", upload + ("&" if "?" in upload else "?") + "digest=" + blob["digest"], read(blob))
            blob["mediaType"] = DOCKER[blob["mediaType"]] if docker else blob["mediaType"]
    media_type = DOCKER[document["mediaType"]] if docker else document["mediaType"]
    content = json.dumps({**document, "mediaType": media_type}).encode()
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    send("PUT", f"{repository}/manifests/{name or digest}", content, media_type)
    return {**descriptor, "mediaType": media_type, "digest": digest, "size": len(content)}


def main():
    flags = {each for each in sys.argv if each.startswith("--")}
    command, folder, name, *architectures = [each for each in sys.argv[1:] if each not in flags]
    folder = pathlib.Path(folder)
    if command == "write":
        return write(folder, name, architectures, "sha512" if "--sha512" in flags else "sha256")
    host, _, rest = name.partition("/")
    repository, _, tag = rest.rpartition(":")
    root = json.loads((folder / "index.json").read_text())["manifests"][0]
    print(push(folder, f"http://{host}/v2/{repository}", root, tag, "--docker" in flags)["digest"])


main()
