#!/bin/sh
# deb.sh TARGET: makes the Debian package in TARGET/dist, from the tree that dist.sh left. node/Cargo.toml says what goes where.
set -eu
cd "$(dirname "$0")/../.."

target=$1
if ! cargo deb --version >/dev/null 2>&1; then
    echo "deb: cargo-deb is missing: install it (cargo install cargo-deb)" >&2
    exit 1
fi
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH
package=$(cargo deb --package node --no-build --no-strip --output "$target/dist/")
(cd "$target/dist" && sha256sum "$(basename "$package")")
