#!/bin/sh
# geth-tools.sh [newest]: builds geth and clef, or the newest geth, from Go's module proxy, into a folder of the user's cache, and prints
# that folder. Does nothing where they are there. Needs Go; without it, or without the proxy, it fails and says so.
#
# Tests use one version for both, the last that has clef: two versions take twice as long to build. What is measured is
# measured beside the newest one.
set -eu

case "${1:-}" in
newest) version=v1.17.10 programs=geth ;;
"") version=v1.16.9 programs="geth clef" ;;
*)
    echo "usage: geth-tools.sh [newest]" >&2
    exit 2
    ;;
esac
cache=${RECOURSE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/recourse}
folder=$cache/go-ethereum-$version

complete() { for program in $programs; do [ -x "$folder/$program" ] || return 1; done; }
if ! complete; then
    # Where Go's own archive is unpacked to, which is in few search paths.
    go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; }) || {
        echo "geth-tools: Go is missing: install it, or set CLEF and GETH to binaries" >&2
        exit 1
    }
    mkdir -p "$cache"
    # Two may build at once: each in a folder of its own, and the first one's stays.
    unfinished=$(mktemp -d "$cache/unfinished-XXXXXX")
    trap 'rm -rf "$unfinished"' EXIT
    echo "geth-tools: building $programs $version (some minutes)" >&2
    for program in $programs; do
        (cd "$unfinished" && GOBIN=$unfinished GOFLAGS=-mod=mod "$go" install "github.com/ethereum/go-ethereum/cmd/$program@$version") >&2
    done
    complete || { rm -rf "$folder" && mv "$unfinished" "$folder"; }
fi
echo "$folder"
