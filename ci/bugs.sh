#!/usr/bin/env bash
# Real bugs are put back one at a time, and it is seen who finds them: docs/bugs.md. Takes hours;
# stopped, it goes on where it was. Fails if a bug that used to be found is not found any more.
#
#   ci/bugs.sh [STATE_DIRECTORY]
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

STATE=${1:-$(target_dir)/bugs}

part "every bug applies, builds and has its witness" cargo sim bugs --check --state "$STATE"
part "who finds them" cargo sim bugs --update --state "$STATE"
