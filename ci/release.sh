#!/usr/bin/env bash
# What takes hours, before a release. Stopped, it goes on where it was: a part that has passed on
# this commit leaves a stamp, and is not run again.
#
#   ci/release.sh [STATE_DIRECTORY]
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=ci/long.sh
source ci/long.sh
# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh

SEEDS=1000000
# A campaign in slices, so that little is lost when it is stopped.
SLICE=100000
SEQUENCES=200000
FUZZ_SECONDS=$((4 * 3600))
ASAN_FUZZ_SECONDS=$((2 * 3600))

git diff --quiet HEAD || die "the tree has changes, so a stamp would not say what passed"
COMMIT=$(git rev-parse HEAD)
STATE=${1:-$(target_dir)/release}/$COMMIT
mkdir -p "$STATE"
printf 'stamps: %s\n' "$STATE"

# once NAME COMMAND...: a part, unless its stamp is there.
once() {
    local stamp
    stamp=$STATE/$(tr -c 'a-zA-Z0-9\n' - <<<"$1")
    if [ -e "$stamp" ]; then
        skipped "$1" "passed $(cat "$stamp")"
        return
    fi
    part "$@"
    date -u +%Y-%m-%dT%H:%M:%SZ >"$stamp.new"
    mv "$stamp.new" "$stamp"
}

once "the gate" ci/test.sh
for ((first = 0; first < SEEDS; first += SLICE)); do
    once "campaign from $first, twice" campaign "$first" "$SLICE"
done
once "differential over epoll" ci/differential.sh "$SEQUENCES" 0 epoll
once "differential over poll" ci/differential.sh "$SEQUENCES" 0 poll
once "who finds the bugs" ci/bugs.sh
once "mutants that nobody chose" ci/mutants.sh
once "tests, 200 times" repeat_tests 200
once "tests beside busy processors, 50 times" busy_tests 50
once "tests with only a loopback, 50 times" lonely_tests 50
once "tests with AddressSanitizer" asan_tests
once "campaign with AddressSanitizer" asan_campaign 0 20000
once "fuzzing" fuzz_all "$FUZZ_SECONDS"
once "fuzzing with AddressSanitizer" fuzz_all "$ASAN_FUZZ_SECONDS" --asan
