# What the scripts of this folder share: the place they run in, the table of seconds, and ways to
# get what is missing. To be sourced: `source "$(dirname "$0")/lib.sh"`.
# shellcheck shell=bash
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
# Nobody is asked anything, and a closed stdin is none.
exec </dev/null

SCRIPT="ci/$(basename "$0")"
PARTS=()
PART=""
PART_BEGAN=0
SCRIPT_BEGAN=$SECONDS

# part NAME COMMAND...: runs a command as a part with a line in the table. The first that fails ends
# the script.
part() {
    PART=$1
    PART_BEGAN=$SECONDS
    shift
    printf '\n== %s\n' "$PART"
    "$@"
    PARTS+=("$(printf '%6d s  %s' $((SECONDS - PART_BEGAN)) "$PART")")
    PART=""
}

# skipped NAME REASON: a line in the table for what could not be done here.
skipped() {
    printf '\n== %s: skipped, %s\n' "$1" "$2"
    PARTS+=("$(printf '%8s  %s: skipped, %s' - "$1" "$2")")
}

# The table, whatever happened, and a last line that says what.
finish() {
    local status=$?
    trap - EXIT
    jobs -p | xargs -r kill 2>/dev/null || true
    if [ -n "$PART" ]; then
        PARTS+=("$(printf '%6d s  %s: FAILED' $((SECONDS - PART_BEGAN)) "$PART")")
    fi
    printf '\n'
    [ ${#PARTS[@]} -eq 0 ] || printf '%s\n' "${PARTS[@]}"
    if [ "$status" -eq 0 ]; then
        printf '%s: passed in %d s\n' "$SCRIPT" $((SECONDS - SCRIPT_BEGAN))
    else
        printf '%s: FAILED (status %d) after %d s\n' \
            "$SCRIPT" "$status" $((SECONDS - SCRIPT_BEGAN))
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

die() {
    printf '%s: %s\n' "$SCRIPT" "$*" >&2
    exit 1
}

# need_component NAME SUBCOMMAND: a component of the toolchain, installed if rustup can.
need_component() {
    cargo "$2" --version >/dev/null 2>&1 || rustup component add "$1" ||
        die "cargo $2 is missing, and rustup cannot install $1"
}

# need_command NAME PACKAGE: a command, installed if we may.
need_command() {
    command -v "$1" >/dev/null || apt-get install -y "$2" >/dev/null 2>&1 ||
        die "$1 is missing, and the package $2 cannot be installed"
}

# Where cargo builds.
target_dir() {
    cargo metadata --format-version 1 --no-deps |
        sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# The triple of this machine.
host() {
    rustc -vV | sed -n 's/^host: //p'
}

# trace_hash COMMAND...: runs a campaign; prints the hash of all its traces.
trace_hash() {
    local summary
    summary=$("$@" --json) || die "failures in: $* ($summary)"
    sed -n 's/.*"trace_hash":"\([^"]*\)".*/\1/p' <<<"$summary"
}
