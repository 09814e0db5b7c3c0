#!/usr/bin/env bash
# dockerfile-parse 2.0.1 (PyPI), which finds base images for build systems: here-documents are read as instructions.
#
# Python's `from pathlib import Path` in a here-document becomes a FROM, and the file has a build stage more, of an image
# named after a Python module. Seen, for a file whose only base is debian:12-slim:
#     parent images: debian:12-slim pathlib    base image: pathlib
# What pins bases, mirrors them or asks whether they are allowed then asks a registry for `pathlib`; and `baseimage`, the last FROM,
# is wrong for the image as a whole. The file is valid: BuildKit builds it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
changed() { echo "changed: $1" >&2; exit 1; }

pip install -qq --disable-pip-version-check --no-deps --target "$work/py" dockerfile-parse==2.0.1 six==1.17.0
cat > "$work/Dockerfile" <<'DOCKERFILE'
FROM debian:12-slim
RUN python3 <<END
from pathlib import Path
Path("/etc/release").write_text("1.4.0")
END
CMD ["/app"]
DOCKERFILE
seen=$(PYTHONPATH=$work/py python3 -c '
import sys
from dockerfile_parse import DockerfileParser
parsed = DockerfileParser(fileobj=open(sys.argv[1], "rb"))
print("parent images:", *parsed.parent_images, "   base image:", parsed.baseimage)' "$work/Dockerfile")

echo "$seen"
[ "$seen" = "parent images: debian:12-slim pathlib    base image: pathlib" ] || changed "it was 'debian:12-slim pathlib' and 'pathlib'"
