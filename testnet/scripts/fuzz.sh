#!/bin/sh
# fuzz.sh BUILD SECONDS [TARGET...]: searches for bytes that break a decoder, SECONDS for each target (all by default).
# BUILD is where it builds and keeps what it found; an input that fails is left in BUILD/failures. With FUZZ_KEEP=1 the
# kept inputs, in e2e/corpus, become the fewest that reach all the code that is reached by any.
set -eu
cd "$(dirname "$0")/../.."

build=$1
seconds=$2
shift 2
keep=${FUZZ_KEEP:-}
unset FUZZ_KEEP
host=$(rustc --version --verbose | sed -n 's/^host: //p')

# Coverage for libFuzzer, by options that a stable compiler has; overflow is checked as in a debug build. With a target
# named, build scripts and macros are left alone.
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
echo "fuzz: building all decoders with coverage (some minutes the first time)"
RUSTFLAGS="$coverage -Cdebug-assertions -Coverflow-checks --cfg fuzzing" \
    cargo build --release --locked --target "$host" --target-dir "$build" \
    --package e2e --bin fuzz --features e2e/libfuzzer
fuzz=$build/$host/release/fuzz

[ $# -gt 0 ] || set -- $("$fuzz" 2>&1 | sed -n 's/^  \([a-z]*\) .*/\1/p')
mkdir -p "$build/failures"
failed=
for target; do
    export FUZZ_TARGET="$target"
    found=$build/found/$target
    seeds=$build/seeds/$target
    log=$build/$target.log
    rm -rf "$seeds"
    mkdir -p "$found"
    echo "fuzz: $target for $seconds s"
    if FUZZ_SEEDS=$seeds "$fuzz" "$found" "$seeds" \
        -max_total_time="$seconds" -max_len=65536 -timeout=60 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="$build/failures/$target-" >"$log" 2>&1; then
        sed -n 's/^stat::number_of_executed_units: */  inputs tried: /p' "$log"
    else
        failed="$failed $target"
        tail -40 "$log"
        continue
    fi
    if [ "$keep" = 1 ]; then
        fewest=$build/fewest/$target
        rm -rf "$fewest"
        mkdir -p "$fewest"
        "$fuzz" -set_cover_merge=1 "$fewest" "$seeds" "$found" >>"$log" 2>&1
        FUZZ_KEEP=$fewest "$fuzz" 2>>"$log"
        echo "  kept: $(ls "$fewest" | wc -l) inputs"
    fi
done
if [ -n "$failed" ]; then
    echo "fuzz: failed:$failed. The input is in $build/failures; e2e/README.md says what to do with it." >&2
    exit 1
fi
