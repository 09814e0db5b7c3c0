#!/usr/bin/env python3
"""A trivy of a test: finds nothing, in the image that it was given."""
import json, pathlib, sys

if "--version" in sys.argv:
    print("Version: 0.76.0")
    sys.exit()
layout = pathlib.Path(sys.argv[sys.argv.index("--input") + 1])
blob = lambda digest: (layout / "blobs" / digest.replace(":", "/")).read_bytes()
manifest = json.loads(blob(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"]))
print(json.dumps({
    "SchemaVersion": 2,
    "Metadata": {"ImageID": manifest["config"]["digest"]},
    "Results": [{"Target": "app", "Class": "os-pkgs", "Type": "debian", "Packages": [{"ID": "base-files"}]}],
}))
