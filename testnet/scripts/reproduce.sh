#!/bin/sh
# reproduce.sh TARGET: prints what a stranger compares: the fault proof program, the contracts' code, and the tools.
set -eu
cd "$(dirname "$0")/../.."

target=$1
program=$target/release/recourse-program.elf
pinned=$(sed -n '/^\[workspace.metadata.toolchain\]/,/^\[workspace.lints/s/^rustc = "\(.*\)"/\1/p' Cargo.toml)

echo "source"
echo "  commit    $(git rev-parse HEAD 2>/dev/null || echo none)$([ -z "$(git status --porcelain 2>/dev/null)" ] || echo ', with changes')"
echo "tools"
echo "  rustc     $(rustc --version) (pinned: $pinned)"
echo "  solc      $(cd l1-contracts && ./solc --version | sed -n 's/^Version: //p')"
echo "  forge     $(cd l1-contracts && ./forge --version | sed -n '1s/^forge Version: //p')"
echo "fault proof program ($program)"
echo "  sha256    $(sha256sum "$program" | cut -d ' ' -f 1)"
"$target/release/vm-inspect" "$program" | sed -n 's/^\(root\|entry\) /  \1 /p'
echo "contracts (Keccak-256; runtime code with its immutables set to zero)"
"$target/release/release" hashes | sed 's/^/  /'
