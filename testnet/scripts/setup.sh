#!/bin/sh
# Installs what a build needs and this machine lacks. Does nothing where nothing is missing.
set -eu
cd "$(dirname "$0")/../.."

guest=riscv64imac-unknown-none-elf

have() { command -v "$1" >/dev/null 2>&1; }
say() { echo "setup: $*"; }
fail() {
    echo "setup: $*" >&2
    exit 1
}
can_apt() { [ "$(id -u)" = 0 ] && have apt-get; }

apt_updated=
# get PACKAGE... : Debian packages, as root.
get() {
    [ -n "$apt_updated" ] || apt-get update -qq </dev/null >/dev/null
    apt_updated=1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}
install() {
    get "$@"
    say "installed $*"
}
# need WHAT PACKAGE...: installs packages for what is missing, or says what to do.
need() {
    what=$1
    shift
    can_apt || fail "$what is missing: install it (Debian: apt-get install $*)"
    install "$@"
}

have_libclang() {
    [ -n "${LIBCLANG_PATH:-}" ] || have_library libclang || ls /usr/lib/llvm-*/lib/libclang*.so* >/dev/null 2>&1 ||
        ls /usr/lib*/libclang.so* /usr/local/lib/libclang.so* /opt/homebrew/opt/llvm/lib/libclang.dylib \
            /Library/Developer/CommandLineTools/usr/lib/libclang.dylib >/dev/null 2>&1
}
have_library() { { ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | grep -q "$1[-.0-9]*\.so"; }

have cargo || fail "Rust is missing: install it with rustup"
have cc || need "a C compiler" build-essential
have_libclang || need libclang libclang-dev
have node || need Node.js nodejs npm
have npm || need npm npm

major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 18 ] || fail "Node.js $(node --version) is too old: 18 or newer is needed"

# npm_ci FOLDER WHAT OPTION: the lock file is copied into the modules when they are complete, so that they are installed again when it changes.
npm_ci() {
    lock=$1/package-lock.json
    mark=$1/node_modules/.installed-lock.json
    if ! cmp -s "$lock" "$mark"; then
        (cd "$1" && npm ci --loglevel=error --no-progress $3 </dev/null)
        cp "$lock" "$mark"
        say "installed the npm packages of $1 ($2)"
    fi
}
npm_ci l1-contracts "Anvil, Forge, Cast, solc, OpenZeppelin" ""
# The code of contracts that L2 begins with.
node l1-contracts/preinstalls.mjs
npm_ci fraud-prover/page "what the challenger's page is made of" --ignore-scripts
npm_ci e2e/js "viem, ethers" ""
npm_ci e2e/js/bundler "alto" ""
npm_ci e2e/browser "playwright-core, axe-core" --ignore-scripts
# Hardhat wants a newer Node.js than many machines have: npm has Linux's binaries of it as a package. The tools are installed with
# the Node.js that runs them, which npm chooses packages by.
newer() { node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 22 || (a == 22 && b >= 13) ? 0 : 1)'; }
newer || npm_ci e2e/tools/node "a newer Node.js, for Hardhat" --ignore-scripts
for folder in e2e/tools/node/node_modules/node-linux-*/bin; do
    newer || PATH=$PWD/$folder:$PATH
done
if newer; then
    npm_ci e2e/tools "Hardhat, OpenZeppelin's upgrades, ajv" --ignore-scripts
else
    say "note: Node.js is older than 22.13: tests with Hardhat will not work"
fi

# For the guest's platform: a Rust target, or the standard library's source to build it from.
sysroot=$(rustc --print sysroot)
if [ ! -d "$sysroot/lib/rustlib/$guest" ]; then
    if have rustup && rustup --quiet target add "$guest" </dev/null >/dev/null 2>&1; then
        say "added the Rust target $guest"
    elif [ ! -d "$sysroot/lib/rustlib/src/rust/library" ]; then
        say "note: no Rust target $guest and no rust-src: \`make guest\` and \`make lint\` will not work"
    fi
fi
# For the fault proof program: the standard library's source, of this toolchain or, where that is not available, of another
# that Debian packages (program.sh takes the first of them that has it).
has_source() { [ -d "$("$1" --print sysroot 2>/dev/null)/lib/rustlib/src/rust/library" ]; }
if ! has_source rustc && ! has_source /usr/bin/rustc; then
    if have rustup && rustup --quiet component add rust-src </dev/null >/dev/null 2>&1; then
        say "added the Rust component rust-src"
    elif can_apt; then
        install rustc-web rust-web-src lld
    else
        say "note: no rust-src: \`make program\` will not work"
    fi
fi

# For the tests of the challenger's page. Without it they leave out what happens in a browser, and say so, so that nothing fails here.
if ! have chromium && [ -z "${CHROMIUM:-}" ]; then
    if can_apt && get chromium 2>/dev/null && have chromium; then
        say "installed chromium"
    else
        say "note: no chromium (Debian's package of that name; or name yours in CHROMIUM): the page is tested without a browser"
    fi
fi

# For the tests of the alert rules and the dashboard: Prometheus and promtool. The package would start a server, at once and with the
# machine: a policy keeps its scripts from the one, and the service is disabled against the other. Without them these tests
# leave something out and say so, so that nothing fails here.
install_prometheus() {
    policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || policy=
    if [ -n "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' INT TERM HUP
        printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    fi
    get prometheus 2>/dev/null
    [ -z "$policy" ] || rm -f "$policy"
    trap - EXIT INT TERM HUP
    # Where systemd does not run, nothing would start it either.
    systemctl disable --now prometheus >/dev/null 2>&1
    have prometheus && have promtool
}
if ! have prometheus || ! have promtool; then
    if can_apt && install_prometheus; then
        say "installed prometheus"
    else
        say "note: no prometheus (Debian's package of that name): alert rules and dashboard are tested without it"
    fi
fi
