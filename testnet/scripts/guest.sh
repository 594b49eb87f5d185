#!/bin/sh
# guest.sh TARGET: checks and lints the fault proof program and the crates that it is made of, for TARGET, without std.
set -eu
cd "$(dirname "$0")/../.."

target=$1
sysroot=$(rustc --print sysroot)
set -- clippy --release --locked --target "$target" --no-default-features \
    --package keccak-lanes --package trie --package stf --package program
if [ -d "$sysroot/lib/rustlib/$target" ]; then
    exec cargo "$@" -- -D warnings
fi
if [ -d "$sysroot/lib/rustlib/src/rust/library" ]; then
    # The standard library from source; a stable compiler allows that only when told to act as a nightly one.
    RUSTC_BOOTSTRAP=1 exec cargo "$@" -Z build-std=core,alloc -- -D warnings
fi
echo "guest: neither the Rust target $target nor rust-src is there: run make setup" >&2
exit 1
