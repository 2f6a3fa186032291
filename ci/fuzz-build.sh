#!/usr/bin/env bash
# Builds every fuzz target as `cargo fuzz build` does, with plain cargo and a stable compiler.
#
#   ci/fuzz-build.sh [--asan]
#
# Prints the path of each binary, one a line. `--asan` adds AddressSanitizer, whose flag the stable
# compiler takes only when told to.
set -euo pipefail
cd "$(dirname "$0")/.."

# What cargo-fuzz 0.13 passes: coverage of edges with counters, compared values, stack depth; and
# one code unit, as otherwise the counters of several are hard to lay out.
flags=(
    --cfg fuzzing
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares
    -Cllvm-args=-sanitizer-coverage-stack-depth
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
    -Ccodegen-units=1
    -Cdebug-assertions
)
kind=plain
if [ "${1:-}" = --asan ]; then
    kind=asan
    flags+=(-Zsanitizer=address)
    export RUSTC_BOOTSTRAP=1
fi

host=$(rustc -vV | sed -n 's/^host: //p')
target=$(cargo metadata --format-version 1 --no-deps |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/fuzz/$kind

# A target triple, though it is our own, keeps the flags away from build scripts.
RUSTFLAGS="${flags[*]}" cargo build --release --package sockman-fuzz --bins \
    --target "$host" --target-dir "$target" >&2

for source in fuzz/fuzz_targets/*.rs; do
    binary=$target/$host/release/$(basename "$source" .rs)
    if [ ! -x "$binary" ]; then
        printf '%s: %s has no [[bin]] in fuzz/Cargo.toml\n' "$0" "$source" >&2
        exit 1
    fi
    printf '%s\n' "$binary"
done
