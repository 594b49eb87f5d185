#!/bin/sh
# try-deb.sh PACKAGE [TARBALL]: installs the Debian package into a new, minimal Debian below a temporary folder, runs what it
# brought, removes and purges it, and says what it saw. Needs root and debootstrap; without them it says so and ends well.
#
# TARBALL keeps the minimal Debian for the next run: it is made if it is not there. With ANVIL=FILE it also runs a devnet
# inside, on loopback.
set -eu

package=$(realpath "$1")
tarball=${2:+$(realpath -m "$2")}
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")

say() { echo "try-deb: $*"; }
skip() {
    say "skipped: $*"
    exit 0
}
fail() {
    echo "try-deb: $*" >&2
    exit 1
}

[ "$(id -u)" = 0 ] || skip "this needs root, for chroot"
command -v debootstrap >/dev/null || skip "debootstrap is missing (apt-get install debootstrap)"
# The archive that this machine itself installs from.
mirror=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' "Created-By: Packages" 2>/dev/null |
    sed -n "s/ $suite main\$//p" | head -n 1)
[ -n "$mirror" ] || skip "no Debian archive of $suite is configured here"

root=$(mktemp -d)
devnet=
clean() {
    [ -z "$devnet" ] || kill "$devnet" 2>/dev/null || true
    for mount in proc dev; do
        ! mountpoint -q "$root/$mount" || umount "$root/$mount"
    done
    rm -rf --one-file-system "$root"
}
trap clean EXIT
trap 'exit 1' INT TERM

if [ -n "$tarball" ] && [ -f "$tarball" ]; then
    tar -xpf "$tarball" -C "$root"
    say "a minimal Debian $suite, from $tarball"
else
    debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 5 "$root.log" >&2
        rm -f "$root.log"
        fail "debootstrap failed"
    }
    rm -f "$root.log"
    say "a minimal Debian $suite, by debootstrap"
    [ -z "$tarball" ] || tar -cpf "$tarball" -C "$root" .
fi
# A temporary folder is closed to others, apt's user among them.
chmod 755 "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
# No service starts in here.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
cp /etc/resolv.conf "$root/etc/resolv.conf"
# As this machine reaches its archive: its proxy, and how it looks at dates.
apt-config dump | grep '^Acquire::' >"$root/etc/apt/apt.conf.d/90here" || true
cp "$package" "$root/recourse.deb"

inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"; }
has() { [ -e "$root$1" ] || fail "$1 should be there after $2"; }
gone() { [ ! -e "$root$1" ] || fail "$1 should be gone after $2"; }

inside apt-get update -qq
inside apt-get install -y -qq --no-install-recommends /recourse.deb >"$root/install.log" 2>&1 || {
    tail -n 20 "$root/install.log" >&2
    fail "the package does not install"
}
say "installed $(inside dpkg-query --showformat '${Package} ${Version}, ${Installed-Size} KB' --show recourse)"

for binary in recourse-node challenger testnet; do
    say "$(inside "$binary" --version)"
    inside "$binary" --help >/dev/null
    has "/usr/share/man/man1/$binary.1.gz" install
    has "/usr/share/bash-completion/completions/$binary" install
done
inside getent passwd recourse >/dev/null || fail "there is no user recourse"
[ "$(inside stat -c '%U:%G %a' /etc/recourse)" = "root:recourse 750" ] || fail "/etc/recourse is open to others"
inside recourse-node config replica --config /etc/recourse/node.toml --data-dir /tmp/r >"$root/options"
grep -q '^rollup *\/etc\/recourse\/rollup.json' "$root/options" || fail "the options' file is not read"
inside challenger config watch --config /etc/recourse/challenger.toml --data-dir /tmp/c >/dev/null
# This loads the program, from where the package has it, before it looks for the file.
inside challenger vm replay /no-such-file >"$root/replay" 2>&1 && fail "a file is read that is not there"
grep -q no-such-file "$root/replay" || fail "expected an error about /no-such-file, found: $(cat "$root/replay")"
if inside sh -c 'command -v systemd-analyze' >/dev/null; then
    inside systemd-analyze verify --man=no /lib/systemd/system/recourse-challenger.service /lib/systemd/system/recourse-node@.service 2>&1 |
        grep recourse && fail "systemd does not like the units"
    say "systemd-analyze verify: nothing to say"
fi

if [ -n "${ANVIL:-}" ]; then
    install -m 755 "$ANVIL" "$root/usr/local/bin/anvil"
    # By numbers: the name is that of a user inside.
    user=$(inside id -u recourse):$(inside id -g recourse)
    chroot --userspec="$user" "$root" /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin \
        testnet devnet --dir /tmp/devnet >"$root/devnet.log" 2>&1 &
    devnet=$!
    for _ in $(seq 120); do
        [ ! -e "$root/tmp/devnet/devnet.json" ] || break
        kill -0 "$devnet" 2>/dev/null || break
        sleep 0.5
    done
    [ -e "$root/tmp/devnet/devnet.json" ] || {
        tail -n 20 "$root/devnet.log" >&2
        fail "no devnet within 60 seconds"
    }
    l2=$(sed -n 's/.*"l2_rpc": "\(.*\)".*/\1/p' "$root/tmp/devnet/devnet.json")
    say "a devnet runs, as the user recourse: L2 at $l2"
    kill "$devnet"
    wait "$devnet" || true
    devnet=
    rm -rf "$root/tmp/devnet"
else
    say "no devnet was tried: ANVIL names no binary"
fi

mkdir -p "$root/var/lib/recourse/replica"
touch "$root/etc/recourse/batcher.key"
inside dpkg --remove recourse >/dev/null
gone /usr/bin/recourse-node remove
has /etc/recourse/node.toml remove
has /var/lib/recourse/replica remove
say "removed: configuration and databases stay"
inside dpkg --purge recourse >/dev/null
gone /etc/recourse/node.toml purge
gone /var/lib/recourse purge
gone /usr/lib/recourse purge
has /etc/recourse/batcher.key purge
say "purged: keys and the user stay"
say "done"
