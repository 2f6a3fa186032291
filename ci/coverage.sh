#!/usr/bin/env bash
# What the tests, the corpus and a campaign run of the sources, as pages: target/coverage/html/index.html.
#
#   ci/coverage.sh [SEEDS]
#
# SEEDS is the end of the campaign's range, 500 unless it is said otherwise. Needs tools of the LLVM that
# the compiler is built on: rustup's component llvm-tools, or a package of the system's.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

SEEDS=${1:-500}
TREE=$(target_dir)/coverage
RAW=$TREE/raw

# What is measured: our own sources that are no tests.
IGNORED='/\.cargo/|/rustc/|/tests/|/tests\.rs|/build/|/benches/|/examples/'

# The rooms that the table has.
ROOMS=(src/sockets src/sockman src/transport src/connman src/chain src/http src/driver node rpc sim/src)

# llvm_tool NAME: where a tool of the compiler's LLVM is; another LLVM may not read what it writes.
llvm_tool() {
    local major own
    major=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
    own=$(rustc --print sysroot)/lib/rustlib/$(host)/bin/$1
    if [ -x "$own" ]; then
        printf '%s\n' "$own"
    else
        need_command "$1-$major" "llvm-$major"
        command -v "$1-$major"
    fi
}

# Profiles are pooled by binary, so that thousands of processes leave a few files.
measured() {
    CARGO_TARGET_DIR=$TREE RUSTFLAGS="-Cinstrument-coverage" LLVM_PROFILE_FILE="$RAW/%8m.profraw" "$@"
}

tests() {
    measured cargo test --quiet
}

corpus() {
    measured "$TREE/debug/sim" replay corpus >"$TREE/corpus.log" || die "$(tail -n 3 "$TREE/corpus.log")"
    tail -n 1 "$TREE/corpus.log"
}

campaign() {
    measured "$TREE/debug/sim" run --seeds "0..$SEEDS"
}

# The binaries that were run: those of the tests, and the commands that these and we have called.
binaries() {
    measured cargo test --no-run --message-format=json 2>/dev/null |
        sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' | sort -u
}

pages() {
    local objects=() binary
    while read -r binary; do
        objects+=(-object "$binary")
    done < <(binaries)
    "$PROFDATA" merge --sparse "$RAW"/*.profraw -o "$TREE/all.profdata"
    "$COV" show --format=html --output-dir="$TREE/html" --instr-profile="$TREE/all.profdata" \
        --ignore-filename-regex="$IGNORED" --show-line-counts-or-regions --show-directory-coverage "${objects[@]}"
    table "${objects[@]}"
    printf '%s\n' "$TREE/html/index.html"
}

# table -object BINARY...: lines run of each room, and of all.
table() {
    local room
    printf '%-16s %8s %8s %7s\n' room lines run share
    for room in "${ROOMS[@]}"; do
        # The last line: regions, functions, lines and branches, each with those missed and the share.
        "$COV" report --instr-profile="$TREE/all.profdata" --ignore-filename-regex="$IGNORED" "$@" \
            --sources "$room" 2>/dev/null | awk -v room="$room" \
            '$1 == "TOTAL" { printf "%-16s %8d %8d %7s\n", room, $8, $8 - $9, $10 }'
    done
}

PROFDATA=$(llvm_tool llvm-profdata)
COV=$(llvm_tool llvm-cov)
rm -rf "$RAW"
part "tests" tests
part "corpus" corpus
part "campaign of $SEEDS seeds" campaign
part "pages" pages
