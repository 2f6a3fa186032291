#!/usr/bin/env bash
# Random schedules on the virtual network and on loopback TCP, for so many seconds.
#
#   ci/two-places.sh [SECONDS [FIRST_SEED]]
#
# What loopback TCP cannot carry out is taken out of them (corpus/README.md has the table). What
# differs in what the actors see or the node tells is printed, and the schedule left in
# target/sim/differences. Some do, because no kernel promises which of several sockets a wait reports
# first (docs/behaviour.md, TCP 8): it fails if more than DIFFER_MAX in a thousand do.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

LIMIT=${1:-60}
FIRST=${2:-0}
ROUND=100
DIFFER_MAX=20
BEGAN=$SECONDS

two_places() {
    local from=$FIRST count differ=0 told status
    while [ $((SECONDS - BEGAN)) -lt "$LIMIT" ]; do
        status=0
        told=$(cargo sim run --on tcp --seeds "$from..$((from + ROUND))") || status=$?
        printf '%s\n' "$told"
        [ "$status" -le 1 ] || die "sim ended with status $status"
        count=$(sed -n 's/^mock and tcp: .* agree, \([0-9]*\) differ.*/\1/p' <<<"$told")
        differ=$((differ + count))
        from=$((from + ROUND))
    done
    count=$((from - FIRST))
    printf '%d schedules in two places, %d differ\n' "$count" "$differ"
    [ $((differ * 1000)) -le $((count * DIFFER_MAX)) ] || die "more than $DIFFER_MAX in a thousand differ"
}

cargo build --release --package sockman-sim --bin sim --quiet
BEGAN=$SECONDS
part "seeds from $FIRST in two places, for $LIMIT s" two_places
