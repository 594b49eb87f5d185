#!/bin/sh
# program.sh OUTPUT: builds the fault proof program for the VM, and puts the ELF file there; and beside it, as
# recourse-selftest.elf, a program that tests its parts.
#
# The VM has no compressed, atomic or CSR instructions, so the standard library is built from source, too. The
# file depends on the toolchain and the sources only, not on where they lie. The toolchain is pinned in Cargo.toml
# (workspace.metadata.toolchain); where it is missing, another one builds the program, and this says so.
set -eu
cd "$(dirname "$0")/../.."

output=$1
target=riscv64imac-unknown-none-elf
root=$(pwd)
registry=${CARGO_HOME:-$HOME/.cargo}/registry/src

# The value of a line `key = "value"` under [workspace.metadata.toolchain].
pinned() { sed -n "/^\[workspace.metadata.toolchain\]/,/^\[workspace.lints/s/^$1 = \"\(.*\)\"/\1/p" Cargo.toml; }
version=$(pinned rustc)
commit=$(pinned commit)
if [ -z "$version" ] || [ -z "$commit" ]; then
    echo "program: Cargo.toml pins no toolchain (workspace.metadata.toolchain)" >&2
    exit 1
fi

# Compilers that have the source of their standard library: the pinned one, else the first.
compiler=
sysroot=
for candidate in rustc "$(rustup which --toolchain "$version" rustc 2>/dev/null)" /usr/bin/rustc; do
    found=$("$candidate" --print sysroot 2>/dev/null) || continue
    [ -d "$found/lib/rustlib/src/rust/library" ] || continue
    if [ -z "$compiler" ] || "$candidate" -vV | grep -q "^commit-hash: $commit"; then
        compiler=$candidate
        sysroot=$found
    fi
done
if [ -z "$compiler" ]; then
    echo "program: no source of the Rust standard library: run make setup" >&2
    exit 1
fi
if ! "$compiler" -vV | grep -q "^commit-hash: $commit"; then
    echo "program: this compiler is $("$compiler" --version), the pinned one is rustc $version (${commit%"${commit#?????????}"}):" \
        "the program's root will not be the one of a release" >&2
fi

separator=$(printf '\037')
flags=
add() { flags=$flags${flags:+$separator}$1; }
add -Ctarget-feature=-c,-zca,-a,-zaamo,-zalrsc,+zba,+zbb
# There is one thread: an atomic operation is a plain one.
add -Cpasses=lower-atomic
add -Crelocation-model=static
# Panics end in a fixed exit code: where they happened is of no use there.
add -Zlocation-detail=none
add "--remap-path-prefix=$root=/recourse"
add "--remap-path-prefix=$registry=/registry"
add "--remap-path-prefix=$sysroot=/rust"

# Flags of the environment are for the host's binaries.
RUSTC=$compiler RUSTC_BOOTSTRAP=1 CARGO_INCREMENTAL=0 CARGO_ENCODED_RUSTFLAGS=$flags cargo build --locked --profile program --package program \
    --target "$target" -Z build-std=core,alloc -Z build-std-features=compiler-builtins-mem
built=${CARGO_TARGET_DIR:-target}/$target/program
mkdir -p "$(dirname "$output")"
cp "$built/selftest" "$(dirname "$output")/recourse-selftest.elf"
cp "$built/recourse-program" "$output.new"
# As part of the workspace, so that it is built with the features that all other binaries are built with.
cargo build --quiet --release --locked --workspace --bin vm-inspect
"${CARGO_TARGET_DIR:-target}/release/vm-inspect" "$output.new"
mv "$output.new" "$output"
echo "built $output"
