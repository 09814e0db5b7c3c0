"""Debian as a base image, put together offline from the packages that are installed on this machine. Not a benchmark itself."""

import io
import os
import pathlib
import re
import subprocess
import tarfile


def closed_packages(more: list[str]) -> set[str]:
    """The installed packages of debootstrap's minbase (essential and required ones and apt) and more, with what they need."""
    fields = "${Package}|${Priority}|${Essential}|${Pre-Depends}, ${Depends}\\n"
    listed = subprocess.run(["dpkg-query", "-W", "-f", fields], check=True, capture_output=True, text=True).stdout
    packages = {name: rest for name, *rest in (line.split("|", 3) for line in listed.splitlines())}
    wanted = [name for name, (priority, essential, _) in packages.items() if priority == "required" or essential == "yes"]
    wanted += ["apt", "ca-certificates", *more]
    found = set()
    while wanted:
        name = wanted.pop()
        if name in found or name not in packages:
            continue
        found.add(name)
        for alternative in re.split(r"[,|]", packages[name][2]):
            wanted.append(re.split(r"[ (:]", alternative.strip())[0])
    return found


def add_packages(layer: tarfile.TarFile, more: list[str]) -> tuple[int, int]:
    """Adds the files of these packages, with dpkg's own record of them; how many packages and files that is."""
    packages = closed_packages(more)
    paths = {"/bin", "/sbin", "/lib", "/lib64", "/etc/passwd", "/etc/group", "/etc/ssl/certs/ca-certificates.crt"}
    for name in packages:
        lists = subprocess.run(["dpkg-query", "-L", name], check=True, capture_output=True, text=True).stdout
        paths.update(path for path in lists.splitlines() if path.startswith("/") and path != "/.")
    status = pathlib.Path("/var/lib/dpkg/status").read_text().split("\n\n")
    status = "\n\n".join(entry for entry in status if entry.partition("\n")[0].removeprefix("Package: ") in packages)
    seen = set()
    for path in sorted(paths):
        # A merged /usr: files are recorded under /bin and /lib, and lie in /usr.
        path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if path not in seen and os.path.lexists(path):
            seen.add(path)
            layer.add(path, path.lstrip("/"), recursive=False)
    record = tarfile.TarInfo("var/lib/dpkg/status")
    record.size = len(status.encode())
    layer.addfile(record, io.BytesIO(status.encode()))
    return len(packages), len(seen)
