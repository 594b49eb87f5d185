#!/bin/sh
# go-client.sh go|op: builds the program with go-ethereum's client (e2e/tools/go), or the one with the OP Stack's own types
# (e2e/tools/op), into a folder of the user's cache, and prints its path. What is built stays in Go's own cache. Needs Go;
# without it, or without Go's module proxy, it fails and says so.
set -eu

case "${1:-}" in
go | op) name=$1 ;;
*)
    echo "usage: go-client.sh go|op" >&2
    exit 2
    ;;
esac
cd "$(dirname "$0")/../../e2e/tools/$name"

cache=${RECOURSE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/recourse}
# Where Go's own archive is unpacked to, which is in few search paths.
go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; }) || {
    echo "go-client: Go is missing" >&2
    exit 1
}
mkdir -p "$cache"
# Under a name of its own until it is complete: two may build at once.
"$go" build -trimpath -o "$cache/$name-client-$$" . >&2
mv "$cache/$name-client-$$" "$cache/$name-client"
echo "$cache/$name-client"
