#!/usr/bin/env bash
# A compiler for fuzz targets: adds to the crates of this workspace what libFuzzer looks at.
#
#   RUSTC_WORKSPACE_WRAPPER=ci/fuzz-rustc.sh cargo build ...
#
# What is compared with what is reported for the library under test alone: a call for each comparison
# of a simulator that compares all day took three fifths of a run, and told a fuzzer what the
# simulator is like. Crates of others are not looked at.
set -euo pipefail

# What cargo-fuzz 0.13 passes: coverage of edges with counters, and stack depth.
edges=(
    -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-stack-depth
    -Cllvm-args=-simplifycfg-branch-fold-threshold=0
)
compared=(-Cllvm-args=-sanitizer-coverage-trace-compares)

flags=()
arguments=("$@")
for ((at = 0; at < $#; at++)); do
    [ "${arguments[at]}" = --crate-name ] || continue
    case ${arguments[at + 1]} in
        build_script_build) ;;
        sockman) flags=("${edges[@]}" "${compared[@]}") ;;
        *) flags=("${edges[@]}") ;;
    esac
done
exec "$@" "${flags[@]}"
