#!/usr/bin/env bash
# What takes some 90 minutes on two cores that do nothing else: other seeds every night, repetition, crowding, a sanitizer.
#
#   ci/nightly.sh [FIRST_SEED]
#
# Without a first seed it is made of the day, and printed.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"
# shellcheck source=ci/long.sh
source ci/long.sh
# shellcheck source=ci/fuzzing.sh
source ci/fuzzing.sh

SEEDS=20000
ASAN_SEEDS=500
SEQUENCES=10000
PLACES_SECONDS=600
# Of each target.
FUZZ_SECONDS=60
ASAN_FUZZ_SECONDS=30

# Each day has its own million.
DAY=$(($(date +%s) / 86400))
FIRST=${1:-$((DAY * 1000000))}
printf 'again: ci/nightly.sh %s\n' "$FIRST"

part "campaign, $SEEDS seeds twice" campaign "$FIRST" "$SEEDS"
part "differential, $SEQUENCES sequences" ci/differential.sh "$SEQUENCES" "$FIRST"
part "two places, $PLACES_SECONDS s" ci/two-places.sh "$PLACES_SECONDS" "$FIRST"
part "backends over libraries of the system's" ci/backends.sh
part "captures of the corpus" ci/pcap.sh
part "pages of runs in a browser" ci/html.sh
part "bugs apply, and their witnesses fail" cargo sim bugs --check --state "$(target_dir)/bugs"
if YESTERDAY=$(git rev-list -1 --before=1.day HEAD) && [ -n "$YESTERDAY" ]; then
    part "mutants in what changed today" ci/mutants.sh --since "$YESTERDAY" --draw 10
else
    skipped "mutants in what changed today" "no commit here is older than a day"
fi
part "tests, 5 times" repeat_tests 5
part "tests beside busy processors, 2 times" busy_tests 2
if lonely true 2>/dev/null; then
    part "tests with only a loopback, 2 times" lonely_tests 2
    part "differential on a loopback of its own" lonely ci/differential.sh "$SEQUENCES" "$FIRST" poll
else
    skipped "tests with only a loopback" "no namespace or no ip command here"
fi
part "tests with AddressSanitizer" asan_tests
part "campaign with AddressSanitizer, $ASAN_SEEDS seeds" asan_campaign "$FIRST" "$ASAN_SEEDS"
part "fuzzing, $FUZZ_SECONDS s a target" fuzz_all "$FUZZ_SECONDS"
part "fuzzing with AddressSanitizer, $ASAN_FUZZ_SECONDS s a target" fuzz_all "$ASAN_FUZZ_SECONDS" --asan
