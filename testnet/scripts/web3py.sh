#!/bin/sh
# Makes a virtual environment with web3.py, pinned with all that it needs, in a folder of the user's cache, and prints its Python.
# Does nothing where it is there. Needs Python 3.10 or newer; without it, or without the registry, it fails and says so.
set -eu
cd "$(dirname "$0")/../.."

pinned=e2e/tools/python/requirements.txt
cache=${RECOURSE_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/recourse}
version=$(sed -n 's/^web3==//p' "$pinned")
folder=$cache/web3py-$version

# The list of packages is copied into the environment when it is complete, so that it is made again when the list changes.
if ! cmp -s "$pinned" "$folder/requirements.txt"; then
    python=$(command -v python3) && "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' || {
        echo "web3py: Python 3.10 or newer with its module venv is missing" >&2
        exit 1
    }
    echo "web3py: installing web3.py $version" >&2
    mkdir -p "$cache"
    # An environment holds its own path: it is made where it stays, and only a list within it says that it is complete.
    "$python" -m venv --clear "$folder" >&2
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r "$pinned" >&2
    cp "$pinned" "$folder/requirements.txt"
fi
echo "$folder/bin/python"
