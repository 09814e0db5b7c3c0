#!/usr/bin/env python3
"""A docker of a test: its buildx writes one prepared layout."""
import csv, json, shutil, sys

arguments = sys.argv[1:]
if arguments[:1] == ["version"]:
    print("28.5.2")
elif arguments[:2] == ["buildx", "version"]:
    print("github.com/docker/buildx v0.29.1 test")
elif arguments[:2] == ["buildx", "inspect"]:
    print("Name: default\nDriver: docker")
elif arguments[:1] == ["info"]:
    print('[["driver-type","io.containerd.snapshotter.v1"]]')
elif arguments[:2] == ["buildx", "bake"]:
    (output,) = json.load(sys.stdin)["target"]["image"]["output"]
    options = dict(field.split("=", 1) for field in next(csv.reader([output])))
    print("#1 building", file=sys.stderr)
    shutil.copytree("LAYOUT", options["dest"])
else:
    sys.exit(f"this docker does not know {arguments}")
