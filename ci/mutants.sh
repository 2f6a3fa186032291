#!/usr/bin/env bash
# Mutants that nobody chose, as `cargo mutants` lists them: what of them the corpus, a campaign and
# the tests notice. Some two minutes a mutant on two cores; stopped, it goes on where it was. Fails
# where fewer are noticed than sim/src/cli/bugs/mutants.rs asks for.
#
#   ci/mutants.sh [--draw N] [--seed N] [--since COMMIT] [--state DIRECTORY]
#
# Draws N, 300 unless told, of all rooms alike, or of what has changed since a commit.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

ROOMS=(sockman transport connman http)

SINCE=""
STATE=$(target_dir)/bugs
DRAW=300
SEED=1
while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || die "$1 wants a value"
    case $1 in
    --draw) DRAW=$2 ;;
    --seed) SEED=$2 ;;
    --since) SINCE=$2 ;;
    --state) STATE=$2 ;;
    *) die "$1: wanted --draw N, --seed N, --since COMMIT or --state DIRECTORY" ;;
    esac
    shift 2
done

cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants ||
    die "cargo mutants is missing, and cannot be installed"

FILES=()
for room in "${ROOMS[@]}"; do
    FILES+=(--file "src/$room/**" --file "src/$room.rs")
done
mkdir -p "$STATE"
if [ -n "$SINCE" ]; then
    git diff "$SINCE" >"$STATE/mutants.diff"
    FILES+=(--in-diff "$STATE/mutants.diff")
fi
cargo mutants --list --json --package sockman "${FILES[@]}" >"$STATE/mutants.json"

if grep -q '"name"' "$STATE/mutants.json"; then
    part "mutants" cargo sim mutants "$STATE/mutants.json" --draw "$DRAW" --seed "$SEED" \
        --state "$STATE"
else
    skipped "mutants" "nothing has changed there"
fi
