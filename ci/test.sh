#!/usr/bin/env bash
# The whole gate; what one runs before pushing. A quarter of an hour on two cores from nothing.
#
# Needs the compiler that `rust-version` in Cargo.toml names or a later one, a C++ compiler for
# libFuzzer's run time, and no network beyond the crates in Cargo.lock.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh

# Campaigns that must go the same way however they are built and run.
SEEDS=0..500
# Inputs of each fuzz target, the seeds among them.
FUZZ_RUNS=6000

need_component rustfmt fmt
need_component clippy clippy
need_command c++ g++
rustc --version

docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items
}

same_traces() {
    local sim=(run --package sockman-sim --bin sim --quiet) campaign=(run --seeds "$SEEDS")
    local debug one two
    debug=$(trace_hash cargo "${sim[@]}" -- "${campaign[@]}" --jobs 2)
    two=$(trace_hash cargo "${sim[@]}" --release -- "${campaign[@]}" --jobs 2)
    one=$(trace_hash cargo "${sim[@]}" --release -- "${campaign[@]}" --jobs 1)
    printf 'debug %s\nrelease %s\nrelease, one job %s\n' "$debug" "$two" "$one"
    if [ -z "$debug" ] || [ "$debug" != "$two" ] || [ "$two" != "$one" ]; then
        die "the same seeds took two ways"
    fi
}

fuzz_build() {
    ci/fuzz-build.sh >"$(target_dir)/fuzz-targets"
    cat "$(target_dir)/fuzz-targets"
}

# Always the same walk, from the same seeds and as far on any machine, so that a change is not held
# up by what it has not caused; the nightly run takes another one each time.
fuzz_walk() {
    local learnt binary binaries
    binaries=$(cat "$(target_dir)/fuzz-targets")
    learnt=$(target_dir)/fuzz/walk
    rm -rf "$learnt"
    for binary in $binaries; do
        fuzz "$binary" "$learnt" -runs="$FUZZ_RUNS" -seed=1
    done
}

part "format" cargo fmt --all --check
part "clippy" cargo clippy --workspace --all-targets --locked -- -D warnings
part "docs" docs
part "tests" cargo test
part "backends" cargo test -p sockman-over -p sockman-mio
part "corpus" cargo sim replay corpus
part "corpus on loopback TCP" cargo sim replay --on tcp corpus
part "drawn schedules on loopback TCP" cargo sim run --on tcp --seeds 0..20
part "campaign on the echo" cargo sim run --subject echo --seeds 0..1000
part "campaign on the HTTP server" cargo sim run --subject http --seeds 0..1000
part "same traces in debug, release, one job and two" same_traces
part "fuzz targets" fuzz_build
part "targets fuzzed with $FUZZ_RUNS inputs" fuzz_walk
