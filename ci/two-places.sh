#!/usr/bin/env bash
# Random schedules on the virtual network and on loopback TCP, for so many seconds.
#
#   ci/two-places.sh [SECONDS [FIRST_SEED]]
#
# What loopback TCP cannot carry out is taken out of them (corpus/README.md has the table). Fails on
# any difference in what the actors see or the node tells, and leaves the schedule in
# target/sim/differences. Each round takes 10 seeds, so that it ends a little late.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

LIMIT=${1:-60}
FIRST=${2:-0}
ROUND=10
BEGAN=$SECONDS

two_places() {
    local from=$FIRST
    while [ $((SECONDS - BEGAN)) -lt "$LIMIT" ]; do
        cargo sim run --on tcp --seeds "$from..$((from + ROUND))"
        from=$((from + ROUND))
    done
    printf '%d schedules in two places\n' $((from - FIRST))
}

cargo build --release --package sockman-sim --bin sim --quiet
BEGAN=$SECONDS
part "seeds from $FIRST in two places, for $LIMIT s" two_places
