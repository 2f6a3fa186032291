#!/usr/bin/env bash
# The backends over libraries of the system's: libuv, libevent, libev. Builds and tests each whose
# library is installed, says which are skipped, and fails if one fails.
#
#   ci/backends.sh [--memory] [--figures]
#
# `--memory` also runs the tests under valgrind, which must find no error and no leak. `--figures` also
# counts what a wake-up costs under every backend: the table of docs/backends.md. The library's own
# backends and mio's are tested by `ci/test.sh`, which needs none of the system's libraries.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

# Package of ours, its library, and who has that on Debian.
BACKENDS=("uv uv libuv1-dev" "event event_core libevent-dev" "ev ev libev-dev")
# Connections beside the one that is used.
IDLE=(0 100 400)
# Rounds of a shorter and a longer run, so that setting up does not count.
SHORT=1000
LONG=3000

MEMORY="" FIGURES="" HERE=()
for argument in "$@"; do
    case $argument in
    --memory) MEMORY=yes ;;
    --figures) FIGURES=yes ;;
    *) die "neither --memory nor --figures: $argument" ;;
    esac
done

# installed LIBRARY: whether the linker finds it.
installed() {
    printf 'int main(void) { return 0; }\n' |
        cc -x c - "-l$1" -o /dev/null 2>/dev/null
}

tested() {
    cargo clippy --package "sockman-$1" --all-targets --locked -- -D warnings
    cargo test --package "sockman-$1"
}

# executable CARGO_ARGUMENT...: the path of what cargo builds as an executable.
executable() {
    cargo "$@" --message-format json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1
}

memory() {
    local tests
    tests=$(executable test --package "sockman-$1" --test main --no-run)
    valgrind --quiet --leak-check=full --errors-for-leak-kinds=definite,indirect \
        --show-leak-kinds=definite,indirect --error-exitcode=9 "$tests"
}

# instructions COMMAND...
instructions() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 |
        sed -n 's/.*Collected : //p'
}

# calls COMMAND...: of the system, and how often.
calls() {
    strace -f -c -U calls,name "$@" 2>&1 | awk '$1 ~ /^[0-9]+$/ && $2 != "total" { print $2, $1 }'
}

# calls_of_a_round COMMAND...: those made in each.
calls_of_a_round() {
    awk -v rounds=$((LONG - SHORT)) '
        NR == FNR { short[$1] = $2; next }
        { each = ($2 - short[$1]) / rounds; if (each >= 0.5) printf " %s x%.0f", $1, each }
    ' <(calls "$@" "$SHORT") <(calls "$@" "$LONG")
}

# figures NAME COMMAND...: a row.
figures() {
    local name=$1 idle short long
    shift
    printf '| %s |' "$name"
    for idle in "${IDLE[@]}"; do
        short=$(instructions "$@" "$idle" "$SHORT")
        long=$(instructions "$@" "$idle" "$LONG")
        printf ' %d |' $(((long - short) / (LONG - SHORT)))
    done
    printf '%s |\n' "$(calls_of_a_round "$@" "${IDLE[1]}")"
}

table() {
    local example name
    printf '| backend |%s calls of a round |\n' "$(printf ' %d idle |' "${IDLE[@]}")"
    example=$(executable build --release --package sockman-mio --example wakeups)
    for name in epoll poll mio; do
        figures "$name" "$example" "$name"
    done
    for name in "${HERE[@]}"; do
        example=$(executable build --release --package "sockman-$name" --example "wakeups_$name")
        figures "$name" "$example"
    done
}

[ -z "$MEMORY$FIGURES" ] || need_command valgrind valgrind
[ -z "$FIGURES" ] || need_command strace strace
for backend in "${BACKENDS[@]}"; do
    read -r name library package <<<"$backend"
    if ! installed "$library"; then
        skipped "$name" "there is no lib$library here (Debian: $package)"
        continue
    fi
    HERE+=("$name")
    part "$name" tested "$name"
    [ -z "$MEMORY" ] || part "$name under valgrind" memory "$name"
done
[ -z "$FIGURES" ] || part "what a wake-up costs" table
