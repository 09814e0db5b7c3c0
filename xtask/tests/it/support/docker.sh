#!/bin/sh
# A docker of a test: its buildx writes one prepared layout. (A shell starts in a tenth of the time that Python takes.)

# As BuildKit does: a blob that is there is not written again.
write() {
    layout=$1
    set -- $(ls "$layout/blobs/sha256" 2>/dev/null)
    echo "#1 building, with $# blobs that were there: $*" >&2
    mkdir -p "$layout/blobs/sha256"
    for file in $(cd "LAYOUT" && echo oci-layout index.json blobs/sha256/*); do
        [ -e "$layout/$file" ] || copy "LAYOUT/$file" "$layout/$file"
    done
}

copy() {
    error=$(cp "$1" "$2" 2>&1) && return
    echo "ERROR: failed to build: write $2: $(echo "${error##*: }" | tr A-Z a-z)" >&2
    exit 1
}

case "$1 $2" in
"version "*) echo 28.5.2 ;;
"buildx version") echo "github.com/docker/buildx v0.29.1 test" ;;
"buildx inspect") printf 'Name: default\nDriver: docker\n' ;;
"info "*) echo '[["driver-type","io.containerd.snapshotter.v1"]]' ;;
"buildx bake") write "$(sed -n 's/.*dest=\([^",\\]*\).*/\1/p')" ;;
*)
    echo "this docker does not know $*" >&2
    exit 1
    ;;
esac
