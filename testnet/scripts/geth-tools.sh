#!/bin/sh
# Builds geth and clef of one version, from Go's module proxy, into a folder of the user's cache, and prints that folder. Does
# nothing where they are there. Needs Go; without it, or without the proxy, it fails and says so.
set -eu

version=v1.16.9
cache=${RECOURSE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/recourse}
folder=$cache/go-ethereum-$version

if [ ! -x "$folder/geth" ] || [ ! -x "$folder/clef" ]; then
    # Where Go's own archive is unpacked to, which is in few search paths.
    go=$(command -v go || { [ -x /usr/local/go/bin/go ] && echo /usr/local/go/bin/go; }) || {
        echo "geth-tools: Go is missing: install it, or set CLEF and GETH to binaries" >&2
        exit 1
    }
    mkdir -p "$cache"
    # Two may build at once: each in a folder of its own, and the first one's stays.
    unfinished=$(mktemp -d "$cache/unfinished-XXXXXX")
    trap 'rm -rf "$unfinished"' EXIT
    echo "geth-tools: building geth and clef $version (some minutes)" >&2
    source=github.com/ethereum/go-ethereum/cmd
    (cd "$unfinished" && GOBIN=$unfinished GOFLAGS=-mod=mod "$go" install "$source/clef@$version" "$source/geth@$version") >&2
    [ -d "$folder" ] || mv "$unfinished" "$folder"
fi
echo "$folder"
