#!/usr/bin/env bash
# What the interface costs: user-space instructions of a message, by hand and through the manager.
#
#   ci/interface.sh [OPTION OF CARGO BENCH...]
#
# With `--features tracing/max_level_off` nothing is left of what could be logged.
#
# Counts with valgrind, from entering the server to leaving it, without what the peers do in the same
# process. Each figure is the difference of a longer run and a shorter one, divided by the messages in
# between, so that setting up does not count. The kernel's own instructions are not seen.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

# Copy by vectors also what is large: valgrind counts each byte of `rep movsb` as an instruction, and
# the copying of blocks would drown everything else.
export GLIBC_TUNABLES=glibc.cpu.x86_rep_movsb_threshold=1073741824

# Messages a peer of the shorter and of the longer run; the bench has 8 peers.
declare -A SHORT=([small]=500 [block]=2) LONG=([small]=1500 [block]=6)
PEERS=8

# instructions BENCH VARIANT BELOW SIZE COUNT
instructions() {
    local said
    said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --collect-atstart=no \
        --toggle-collect='*counted_run*' --toggle-collect='*play_peers*' \
        "$1" --instructions "$2" "$3" "$4" "$5" 2>&1) || die "valgrind: $said"
    said=$(sed -n 's/.*Collected : //p' <<<"$said")
    [ "${said:-0}" -gt 0 ] || die "nothing was counted: have the functions other names?"
    printf '%s' "$said"
}

# per_message BENCH VARIANT BELOW SIZE
per_message() {
    local short long
    short=$(instructions "$@" "${SHORT[$4]}")
    long=$(instructions "$@" "${LONG[$4]}")
    printf '%d' $(((long - short) / (PEERS * (LONG[$4] - SHORT[$4]))))
}

# ratio PART WHOLE: with three decimals.
ratio() {
    printf '%d.%03d' $(($1 / $2)) $(($1 * 1000 / $2 % 1000))
}

# table [OPTION...]: options of cargo bench.
table() {
    local bench below size hand static boxed
    bench=$(cargo bench --bench interface --no-run "$@" 2>&1 | sed -n 's/.*Executable.*(\(.*\))$/\1/p')
    [ -x "$bench" ] || die "the bench was not built"
    printf 'User-space instructions of a message.\n'
    printf '| message | below | by hand | static | boxed | static / by hand | boxed / static |\n'
    printf '|---|---|---|---|---|---|---|\n'
    for below in memory kernel; do
        for size in small block; do
            hand=$(per_message "$bench" by-hand "$below" "$size")
            static=$(per_message "$bench" static "$below" "$size")
            boxed=$(per_message "$bench" boxed "$below" "$size")
            printf '| %s | %s | %d | %d | %d | %s | %s |\n' "$size" "$below" \
                "$hand" "$static" "$boxed" "$(ratio "$static" "$hand")" "$(ratio "$boxed" "$static")"
        done
    done
}

if command -v valgrind >/dev/null; then
    part "instructions" table "$@"
else
    skipped "instructions" "there is no valgrind here"
fi
