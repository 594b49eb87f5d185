#!/bin/sh
# dist.sh TARGET: packs what an operator needs into TARGET/dist/recourse-VERSION-MACHINE-linux.tar.gz, from what was built in
# TARGET/release and l1-contracts/out. The unpacked tree stays in TARGET/release/package, for the Debian package.
#
# The archive depends on what it holds and on the commit's date (or SOURCE_DATE_EPOCH), and on nothing else: two runs over
# the same binaries make the same bytes.
set -eu
cd "$(dirname "$0")/../.."
export LC_ALL=C
umask 022

target=$1
release=$target/release
tree=$release/package
packaging=testnet/packaging
version=$(sed -n '/^\[workspace.package\]/,/^\[workspace.lints/s/^version = "\(.*\)"/\1/p' Cargo.toml)
name=recourse-$version-$(uname -m)-linux
date=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

# file MODE FROM TO: one file of the tree.
file() { install -D -m "$1" "$2" "$tree/$3"; }

rm -rf "$tree"
for binary in recourse-node challenger testnet; do
    file 755 "$release/$binary" "bin/$binary"
    # Names stay, for the backtrace of a panic.
    strip --strip-debug "$tree/bin/$binary"
    for shell in bash/bash-completion/completions/$binary zsh/zsh/site-functions/_$binary \
        fish/fish/vendor_completions.d/$binary.fish; do
        mkdir -p "$tree/share/$(dirname "${shell#*/}")"
        "$release/$binary" completions "${shell%%/*}" >"$tree/share/${shell#*/}"
    done
    "$release/$binary" man "$tree/share/man/man1"
done
gzip -n9 "$tree"/share/man/man1/*.1
file 644 "$release/recourse-program.elf" lib/recourse/recourse-program.elf
for unit in recourse-node@ recourse-challenger; do
    file 644 "$packaging/$unit.service" "lib/systemd/system/$unit.service"
done
file 644 "$packaging/recourse.sysusers" lib/sysusers.d/recourse.conf
file 644 "$packaging/node.toml" share/recourse/node.toml
file 644 "$packaging/challenger.toml" share/recourse/challenger.toml
"$release/release" artifacts "$tree/share/recourse/contracts"
file 644 README.md README.md
file 644 LICENSE LICENSE
# What the documents link to, at the same paths.
for document in node/docs/*.md .github/CHANGELOG.md testnet/monitoring/*; do
    file 644 "$document" "share/doc/recourse/$document"
done
(cd "$tree" && find . -type f ! -name SHA256SUMS -printf '%P\n' | sort | xargs -d '\n' sha256sum >SHA256SUMS)

mkdir -p "$target/dist"
archive=$target/dist/$name.tar.gz
tar --create --format=gnu --sort=name --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw --mtime="@$date" \
    --directory="$release" --transform="s,^package,$name," package | gzip -n9 >"$archive.new"
mv "$archive.new" "$archive"
(cd "$target/dist" && sha256sum "$name.tar.gz")
