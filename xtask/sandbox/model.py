#!/usr/bin/env python3
"""Compares the sandbox's tables of members with AWS's newest models, and brings them up to date.

    python3 xtask/sandbox/model.py            rewrites the tables
    python3 xtask/sandbox/model.py --check    names what is missing, new or different, and fails if anything is

The models are botocore's, downloaded with pip; --botocore DIR takes an unpacked one. The operations are those that
the sandbox dispatches: an operation that is added there is described here by running this once more.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

SOURCE = pathlib.Path(__file__).resolve().parent / "src"

# Service, version of its model, the file that dispatches its operations, the folder of its tables.
SERVICES = [
    ("ecs", "2014-11-13", SOURCE / "ecs/api.rs", SOURCE / "ecs/api"),
    ("ecr", "2015-09-21", SOURCE / "ecr.rs", SOURCE / "ecr"),
    ("sts", "2011-06-15", SOURCE / "sts.rs", SOURCE / "sts"),
    ("ssm", "2014-11-06", SOURCE / "ssm.rs", SOURCE / "ssm"),
    ("cloudformation", "2010-05-15", SOURCE / "cloudformation.rs", SOURCE / "cloudformation"),
    ("logs", "2014-03-28", SOURCE / "logs.rs", SOURCE / "logs"),
    ("elbv2", "2015-12-01", SOURCE / "elasticloadbalancing.rs", SOURCE / "elasticloadbalancing"),
    ("iam", "2010-05-08", SOURCE / "iam.rs", SOURCE / "iam"),
    ("application-autoscaling", "2016-02-06", SOURCE / "autoscaling.rs", SOURCE / "autoscaling"),
    ("scheduler", "2021-06-30", SOURCE / "scheduler.rs", SOURCE / "scheduler"),
    ("lambda", "2015-03-31", SOURCE / "lambda.rs", SOURCE / "lambda"),
    ("events", "2015-10-07", SOURCE / "events.rs", SOURCE / "events"),
    ("secretsmanager", "2017-10-17", SOURCE / "secretsmanager.rs", SOURCE / "secretsmanager"),
    ("kms", "2014-11-01", SOURCE / "kms.rs", SOURCE / "kms"),
]

# Values that AWS documents and answers with, and no model has yet.
AHEAD = {"ServiceDeploymentLifecycleStage": ["PRE_PRODUCTION_TRAFFIC_SHIFT"]}

LEGEND = """\
# {what} of the operations that the sandbox answers, from {service}'s model. Written by model.py: do not edit.
# SHAPE, then indented: member, `!` where it is required, type: s string, b boolean, i integer, f number, t timestamp,
# x bytes, {{}} map of strings, [X] list, =A|B one of, @X a string with a rule of its own, * anything, otherwise another
# shape; `<1..10>` after a number its range, after a list or a string its length.
"""


class Tables:
    """The shapes that operations reach, written out; those of answers without rules, which bind callers alone."""

    def __init__(self, model, ruled):
        self.shapes, self.ruled, self.reached = model["shapes"], ruled, {}

    def reach(self, name):
        if name in self.reached:
            return
        shape = self.shapes[name]
        required = shape.get("required", [])
        self.reached[name] = []
        self.reached[name] = [
            f"{member}{'!' if member in required else ''}:{self.kind(of['shape'])}"
            for member, of in shape["members"].items()
        ]

    def kind(self, name):
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            if shape.get("document"):
                return "*"
            self.reach(name)
            return name
        if kind == "list":
            return f"[{self.kind(shape['member']['shape'])}]" + self.bounds(shape)
        if kind == "string":
            if "enum" in shape:
                return "=" + "|".join(shape["enum"] + [word for word in AHEAD.get(name, []) if word not in shape["enum"]])
            return (f"@{name}" if self.ruled and "pattern" in shape else "s") + self.bounds(shape)
        if kind == "map" and self.shapes[shape["value"]["shape"]]["type"] != "string":
            return "*"
        plain = {"boolean": "b", "integer": "i", "long": "i", "double": "f", "float": "f", "timestamp": "t", "blob": "x", "map": "{}"}
        return plain[kind] + self.bounds(shape)

    def bounds(self, shape):
        if not self.ruled or ("min" not in shape and "max" not in shape):
            return ""
        return f"<{shape.get('min', '')}..{shape.get('max', '')}>"

    def text(self):
        lines = []
        for name in sorted(self.reached):
            lines.append(name)
            line = " "
            for member in self.reached[name]:
                if len(line) + 1 + len(member) > 120 and line.strip():
                    lines.append(line)
                    line = " "
                line += " " + member
            if line.strip():
                lines.append(line)
        return "\n".join(lines) + "\n"


def operations(dispatch):
    """The operations that a file's `match operation` names."""
    match = re.search(r"match operation \{(.*?)\n        \}", dispatch.read_text(), re.S)
    arms = re.findall(r'^\s*((?:"\w+"(?: \| )?)+) =>', match.group(1), re.M)
    return [name for arm in arms for name in re.findall(r"\w+", arm)]


def fetch():
    folder = tempfile.mkdtemp(prefix="botocore-")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, "botocore"]
    subprocess.run(command, check=True)
    wheel = next(pathlib.Path(folder).glob("botocore-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return pathlib.Path(folder), wheel.name.split("-")[1]


def load(botocore, service, version):
    file = botocore / "botocore/data" / service / version / "service-2.json"
    if file.exists():
        return json.loads(file.read_text())
    return json.loads(gzip.decompress(file.with_suffix(".json.gz").read_bytes()))


def read(text):
    """A table as {shape: {member: type}}, for telling differences."""
    found, shape = {}, None
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if not line.startswith(" "):
            shape = found.setdefault(line.strip(), {})
            continue
        shape.update(word.split(":", 1) for word in line.split())
    return {name: {member.rstrip("!"): ("!" if member.endswith("!") else "") + of for member, of in members.items()} for name, members in found.items()}


def differences(file, new):
    old, new = read(file.read_text() if file.exists() else ""), read(new)
    for shape in sorted(old.keys() | new.keys()):
        was, now = old.get(shape, {}), new.get(shape, {})
        for member in sorted(was.keys() | now.keys()):
            if was.get(member) != now.get(member):
                yield f"{file.parent.name}/{file.name}: {shape}.{member}: {was.get(member, 'absent')} is {now.get(member, 'gone')}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--check", action="store_true", help="change nothing; fail where something differs")
    arguments.add_argument("--botocore", type=pathlib.Path, help="a folder that holds the package botocore")
    options = arguments.parse_args()
    botocore, version = (options.botocore, "given") if options.botocore else fetch()
    found = 0
    for service, api, dispatch, folder in SERVICES:
        model = load(botocore, service, api)
        inputs, outputs = Tables(model, ruled=True), Tables(model, ruled=False)
        for operation in operations(dispatch):
            described = model["operations"].get(operation)
            if described is None:
                sys.exit(f"{dispatch}: {service} has no operation {operation}")
            inputs.reach(described["input"]["shape"])
            if "output" in described:
                outputs.reach(described["output"]["shape"])
        for what, name, tables in [("Inputs", "members.txt", inputs), ("Answers", "answers.txt", outputs)]:
            file, text = folder / name, LEGEND.format(what=what, service=service) + tables.text()
            for difference in differences(file, text):
                found += 1
                print(difference)
            if not options.check:
                file.write_text(text)
    print(f"botocore {version}: {found} differences")
    sys.exit(1 if options.check and found else 0)


if __name__ == "__main__":
    main()
