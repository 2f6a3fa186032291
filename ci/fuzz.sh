#!/usr/bin/env bash
# Fuzzes each target for a while, plain and with AddressSanitizer, and prints a table.
#
#   [FUZZ_SECONDS=60] [FUZZ_KINDS="plain asan"] ci/fuzz.sh [TARGET...]
#
# Starts from texts under corpus/ and from what earlier runs have learnt in fuzz/corpus; what is
# found stays in fuzz/artifacts. A target that finds something does not keep the others from running.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh

FUZZ_SECONDS=${FUZZ_SECONDS:-60}
read -r -a FUZZ_KINDS <<<"${FUZZ_KINDS:-plain asan}"
ROWS=()
PROBLEMS=()

# number TEXT LOG: the last number behind a text in a log.
number() {
    grep -o "$1 *[0-9]*" "$2" | tail -n 1 | grep -o '[0-9]*$' || printf '-'
}

# decoded LOG: of how many inputs in a hundred something came.
decoded() {
    sed -n 's/^decoded: \([0-9]*\) of \([0-9]*\) .*/\1 \2/p' "$1" | tail -n 1 |
        awk '{ printf "%d %%", $1 * 100 / $2; found = 1 } END { if (!found) printf "-" }'
}

# row KIND BINARY: fuzzes a target and adds its line to the table.
row() {
    local kind=$1 binary=$2 name log learnt before after stable
    name=$(basename "$binary")
    learnt=fuzz/corpus/$name
    log=$(target_dir)/fuzz/$kind-$name.log
    mkdir -p "$learnt"
    before=$(find "$learnt" -type f | wc -l)
    if ! fuzz_once "$binary" fuzz/corpus -max_total_time="$FUZZ_SECONDS" >"$log" 2>&1; then
        # What it says stands before the stack of the sanitizer, and is the schedule.
        tail -n 200 "$log"
        PROBLEMS+=("$name ($kind) found something: $log; replay: $(replay_of "$binary")")
    fi
    after=$(find "$learnt" -type f | wc -l)
    stable=$(stability "$binary" "$learnt")
    [ "$stable" = 100 ] || PROBLEMS+=("$name ($kind) is not stable: $stable %")
    ROWS+=("$(printf '%-17s %-6s %8s %7s %6d -> %-6d %8s %10s' "$name" "$kind" \
        "$(number 'stat::average_exec_per_sec:' "$log")" "$(number 'cov:' "$log")" \
        "$before" "$after" "$(decoded "$log")" "$stable %")")
    printf '%s\n' "${ROWS[-1]}"
}

# wanted NAME TARGET...: whether it is among them, or none are named.
wanted() {
    local name=$1
    shift
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]]
}

for target in "$@"; do
    [ -e "fuzz/fuzz_targets/$target.rs" ] || die "no target $target in fuzz/fuzz_targets"
done
for kind in "${FUZZ_KINDS[@]}"; do
    options=()
    [ "$kind" = plain ] || options=(--asan)
    binaries=$(ci/fuzz-build.sh "${options[@]}")
    for binary in $binaries; do
        if wanted "$(basename "$binary")" "$@"; then
            part "$(basename "$binary"), $kind, $FUZZ_SECONDS s" row "$kind" "$binary"
        fi
    done
done

printf '\n%-17s %-6s %8s %7s %16s %8s %10s\n' \
    target build exec/s edges 'corpus' decoded stability
printf '%s\n' "${ROWS[@]}"
if [ ${#PROBLEMS[@]} -gt 0 ]; then
    printf '%s\n' "${PROBLEMS[@]}" >&2
    exit 1
fi
