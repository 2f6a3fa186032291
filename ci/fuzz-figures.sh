#!/usr/bin/env bash
# How fast the fuzz targets are: the figures of docs/fuzzing.md.
#
#   [FUZZ_SECONDS=60] ci/fuzz-figures.sh [--asan]
#
# First a thousand frozen schedules of 20 operations, replayed in one process by the target `connman`:
# inputs a second of processor time and of the clock and, where valgrind is, instructions an input.
# Then targets that others have as well, from an empty corpus. Leave the machine alone meanwhile: two
# threads of one processor disturb each other.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh

FUZZ_SECONDS=${FUZZ_SECONDS:-60}
ROUNDS=20
COUNTED=100
FOLDER=$(target_dir)/fuzz/figures
rm -rf "$FOLDER"
mkdir -p "$FOLDER"

# timed COMMAND...: runs it, and prints seconds of the clock and of the processor.
timed() {
    local TIMEFORMAT='%R %U %S'
    { time "$@" >"$FOLDER/log" 2>&1; } 2>&1 | awk '{ print $1, $2 + $3 }'
}

# frozen BINARY: the thousand schedules.
frozen() {
    local binary=$1 once many inputs counted
    cargo bench --quiet --package sockman-sim -- --write "$FOLDER/frozen"
    mapfile -t inputs < <(find "$FOLDER/frozen" -type f | LC_ALL=C sort)
    once=$(timed "$binary" -runs=1 "${inputs[@]}")
    many=$(timed "$binary" -runs=$((ROUNDS + 1)) "${inputs[@]}")
    # The difference leaves out how the process begins.
    awk -v count=$((ROUNDS * ${#inputs[@]})) -v once="$once" -v many="$many" 'BEGIN {
        split(once, a); split(many, b)
        printf "%d inputs/s of processor time, %d of the clock\n",
            count / (b[2] - a[2]), count / (b[1] - a[1])
    }'
    if ! command -v valgrind >/dev/null; then
        printf 'instructions: no valgrind here\n'
        return
    fi
    counted=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect='*fuzz*schedules*connman*' \
        "$binary" -runs=1 "${inputs[@]:0:COUNTED}" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\)/\1/p')
    printf '%d instructions an input\n' $((counted / COUNTED))
}

# from_nothing BINARY: fuzzes from an empty corpus, one process, as long as FUZZ_SECONDS.
from_nothing() {
    local binary=$1 name spent runs edges
    name=$(basename "$binary")
    mkdir -p "$FOLDER/$name"
    mapfile -t options < <(fuzz_options "$name")
    spent=$(timed "$binary" "$FOLDER/$name" -max_total_time="$FUZZ_SECONDS" -seed=1 \
        -artifact_prefix="$FOLDER/" -print_final_stats=1 "${options[@]}")
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$FOLDER/log")
    edges=$(grep -a -o 'cov: [0-9]*' "$FOLDER/log" | tail -n 1)
    [ -n "$runs" ] || { tail -n 40 "$FOLDER/log"; die "$name found something"; }
    awk -v name="$name" -v runs="$runs" -v spent="$spent" -v edges="$edges" 'BEGIN {
        split(spent, s)
        printf "%-16s %8d inputs, %6d/s of processor time, %6d/s of the clock, %s\n",
            name, runs, runs / s[2], runs / s[1], edges
    }'
}

options=()
[ "${1:-}" != --asan ] || options=(--asan)
binaries=$(ci/fuzz-build.sh "${options[@]}" connman transport_v1 message)
for binary in $binaries; do
    [ "$(basename "$binary")" != connman ] || part "frozen schedules" frozen "$binary"
    part "$(basename "$binary") from nothing, $FUZZ_SECONDS s" from_nothing "$binary"
done
