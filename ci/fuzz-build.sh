#!/usr/bin/env bash
# Builds every fuzz target with plain cargo and a stable compiler.
#
#   ci/fuzz-build.sh [--asan] [TARGET...]
#
# Prints the path of each binary, one a line. `--asan` adds AddressSanitizer, whose flag the stable
# compiler takes only when told to, and assertions for debugging.
#
# What `cargo fuzz build` makes are the same targets, but slower ones: it has every comparison of
# every crate reported (ci/fuzz-rustc.sh), and the standard library check what only unsafe code needs.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=plain
if [ "${1:-}" = --asan ]; then
    kind=asan
    shift
fi

# One code unit, as otherwise the counters of several are hard to lay out. Cargo builds anew when
# flags change, of which the wrapper's own are none: their sum is.
flags=(--cfg fuzzing -Ccodegen-units=1 "-Cmetadata=$(cksum <ci/fuzz-rustc.sh | tr ' ' '-')")
if [ "$kind" = asan ]; then
    flags+=(-Zsanitizer=address -Cdebug-assertions)
    export RUSTC_BOOTSTRAP=1
fi

targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for source in fuzz/fuzz_targets/*.rs; do
        targets+=("$(basename "$source" .rs)")
    done
fi
bins=()
for name in "${targets[@]}"; do
    bins+=(--bin "$name")
done

host=$(rustc -vV | sed -n 's/^host: //p')
folder=$(cargo metadata --format-version 1 --no-deps |
    sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p')/fuzz/$kind

# A target triple, though it is our own, keeps the flags away from build scripts.
RUSTFLAGS="${flags[*]}" RUSTC_WORKSPACE_WRAPPER=$PWD/ci/fuzz-rustc.sh \
    cargo build --release --package sockman-fuzz "${bins[@]}" \
    --target "$host" --target-dir "$folder" >&2

for name in "${targets[@]}"; do
    printf '%s/%s/release/%s\n' "$folder" "$host" "$name"
done
