# The parts that take long, for as long as their caller says. To be sourced after lib.sh.
# shellcheck shell=bash

# Crates whose tests run under a sanitizer; the fuzz targets have a build of their own.
SANITIZED=(--workspace --exclude sockman-fuzz)

# campaign FIRST COUNT: so many seeds, each run twice.
campaign() {
    cargo sim run --seeds "$1..$(($1 + $2))" --twice
}

# repeat_tests COUNT: the tests, over and over.
repeat_tests() {
    local n
    cargo test --quiet --no-run
    for ((n = 1; n <= $1; n++)); do
        cargo test --quiet >"$(target_dir)/tests.log" 2>&1 || {
            cat "$(target_dir)/tests.log"
            die "the tests failed in run $n of $1"
        }
    done
    printf '%d runs\n' "$1"
}

# busy_tests COUNT: the same beside a loop on each processor.
busy_tests() {
    local n loops=()
    for ((n = $(nproc); n > 0; n--)); do
        while :; do :; done &
        loops+=($!)
    done
    repeat_tests "$1"
    kill "${loops[@]}"
    wait "${loops[@]}" 2>/dev/null || true
}

# lonely COMMAND...: a command in a network namespace where only the loopback is up.
lonely() {
    # As root, or as a user who is root in a namespace of his own.
    local unshare=(unshare --net)
    [ "$(id -u)" -eq 0 ] || unshare+=(--map-root-user)
    CARGO_NET_OFFLINE=true "${unshare[@]}" -- bash -c 'ip link set lo up && exec "$@"' - "$@"
}

# lonely_tests COUNT: the tests in there.
lonely_tests() {
    local n
    cargo test --quiet --no-run
    for ((n = 1; n <= $1; n++)); do
        lonely cargo test --quiet
    done
}

# asan_tests: the tests with AddressSanitizer; examples in the documentation are left out.
asan_tests() {
    asan cargo test "${SANITIZED[@]}" --lib --bins --tests
}

# asan_campaign FIRST COUNT: so many seeds with it.
asan_campaign() {
    asan cargo run --release --quiet --package sockman-sim --bin sim -- \
        run --seeds "$1..$(($1 + $2))"
}

# asan cargo SUBCOMMAND ARGUMENT...: cargo with AddressSanitizer, whose flag the stable compiler
# takes when told to. The target triple keeps it away from build scripts.
asan() {
    local cargo=$1 subcommand=$2 arguments=() triple target
    shift 2
    arguments=("$@")
    triple=$(host)
    target=$(target_dir)/asan
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address" "$cargo" "$subcommand" \
        --target "$triple" --target-dir "$target" "${arguments[@]}"
}
