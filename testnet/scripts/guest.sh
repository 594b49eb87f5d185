#!/bin/sh
# guest.sh TARGET: checks that the crates that the fraud-proof program runs build for TARGET, without std.
set -eu
cd "$(dirname "$0")/../.."

target=$1
sysroot=$(rustc --print sysroot)
set -- check --release --locked --target "$target" --package trie --package stf --no-default-features
if [ -d "$sysroot/lib/rustlib/$target" ]; then
    exec cargo "$@"
fi
if [ -d "$sysroot/lib/rustlib/src/rust/library" ]; then
    # The standard library from source; a stable compiler allows that only when told to act as a nightly one.
    RUSTC_BOOTSTRAP=1 exec cargo "$@" -Z build-std=core,alloc
fi
echo "guest: neither the Rust target $target nor rust-src is there: run make setup" >&2
exit 1
