#!/usr/bin/env bash
# Which cases of the corpus notice which bugs and mutants: docs/corpus.md. Takes some two hours on
# two cores; stopped, it goes on where it was, and a new case costs minutes. Fails if too many cases
# notice nothing, one of them does not say why, or two notice the same by one rule.
#
#   ci/corpus.sh [STATE_DIRECTORY]
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

STATE=${1:-$(target_dir)/bugs}

part "every case passes" cargo sim replay corpus
part "who notices what" cargo sim bugs --corpus --update --state "$STATE"
