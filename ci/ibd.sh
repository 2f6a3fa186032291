#!/usr/bin/env bash
# Initial block download between processes on loopback: ours and another node, in every pairing.
#
#   ci/ibd.sh NODE [ROUNDS]
#
# NODE is any node with Bitcoin Core's options and RPC. 300 blocks of a megabyte, which our generator
# makes, go from one that has them to one that has none: from call to the last block, by RPC. In each
# round every pairing has its turn, each with both transports; the table has medians, and their ratio to
# NODE getting them from NODE. Whoever downloads checks and saves what it checks and saves. Needs curl.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

[ $# -ge 1 ] || die "usage: $SCRIPT NODE [ROUNDS]"
NODE=$1
ROUNDS=${2:-3}
command -v "$NODE" >/dev/null || die "$NODE is no program"
need_command curl curl

BLOCKS=300
PORT=$((20000 + $$ % 10000))
WORK=$(mktemp -d)
declare -A PID P2P RPC TIMES

end_nodes() {
    local status=$? name
    set +e
    for name in "${!PID[@]}"; do
        kill -9 "${PID[$name]}" 2>/dev/null
        wait "${PID[$name]}" 2>/dev/null
    done
    rm -rf "$WORK"
    (exit "$status")
    finish
}
trap end_nodes EXIT

program() { case $1 in ours*) printf '%s' "$OURS" ;; *) printf '%s' "$NODE" ;; esac; }

# call NAME METHOD PARAMS: the result.
call() {
    local got
    got=$(curl -sS --max-time 60 -u "$(cat "$WORK/$1/regtest/.cookie")" \
        -d "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"$2\",\"params\":${3:-[]}}" \
        "http://127.0.0.1:${RPC[$1]}/") || return 1
    [[ $got == '{"result":'*',"error":null'* ]] || return 1
    got=${got#'{"result":'}
    printf '%s' "${got%,\"error\":null*}"
}

# start NAME V2
start() {
    mkdir -p "$WORK/$1"
    P2P[$1]=$PORT
    RPC[$1]=$((PORT + 1))
    PORT=$((PORT + 2))
    "$(program "$1")" -regtest -server -datadir="$WORK/$1" -port="${P2P[$1]}" \
        -bind="127.0.0.1:${P2P[$1]}" -rpcport="${RPC[$1]}" -v2transport="$2" -connect=0 -listen=1 \
        -dnsseed=0 -fixedseeds=0 -discover=0 -listenonion=0 -natpmp=0 -printtoconsole=0 \
        >/dev/null 2>"$WORK/$1/stderr" &
    PID[$1]=$!
    until call "$1" getblockcount >/dev/null 2>&1; do
        kill -0 "${PID[$1]}" 2>/dev/null || die "$1 has ended: $(cat "$WORK/$1/stderr")"
        sleep 0.05
    done
}

stop() {
    call "$1" stop >/dev/null
    wait "${PID[$1]}" || die "$1 ended with status $?"
    unset "PID[$1]"
}

# download FROM NAME V2: the milliseconds that NAME takes, which is made for it.
download() {
    local began
    start "$2" "$3"
    began=$(date +%s%3N)
    call "$2" addnode "[\"127.0.0.1:${P2P[$1]}\",\"onetry\"]" >/dev/null
    until [ "$(call "$2" getblockcount)" = $BLOCKS ]; do
        [ $(($(date +%s%3N) - began)) -lt 120000 ] || die "$2 has not $BLOCKS blocks in 2 min"
        sleep 0.01
    done
    MS=$(($(date +%s%3N) - began))
    stop "$2"
}

one_round() {
    local v2 from to
    for v2 in 0 1; do
        for from in ours theirs; do
            for to in ours theirs; do
                start $from $v2
                download $from $to-new $v2
                stop $from
                rm -rf "${WORK:?}/$to-new"
                TIMES[$v2-$from-$to]+=" $MS"
                printf 'v%d, from %s to %s: %d ms\n' $((v2 + 1)) $from $to "$MS"
            done
        done
    done
}

prepare() {
    cargo build --release --package sockmand --quiet
    OURS=$(target_dir)/release/sockmand
    mkdir -p "$WORK/ours/regtest/blocks"
    cargo bench --quiet --bench ibd -- --write "$WORK/ours/regtest/blocks/blk00000.dat"
    start ours 1
    [ "$(call ours getblockcount)" = $BLOCKS ] || die "the blocks are not there"
    download ours theirs 1
    stop ours
}

median() { printf '%s\n' $1 | sort -n | sed -n "$(((ROUNDS + 1) / 2))p"; }

table() {
    local v2 from to ms base
    printf '\n| transport | from | to | ms | of theirs to theirs |\n|---|---|---|---|---|\n'
    for v2 in 0 1; do
        base=$(median "${TIMES[$v2-theirs-theirs]}")
        for from in ours theirs; do
            for to in ours theirs; do
                ms=$(median "${TIMES[$v2-$from-$to]}")
                printf '| v%d | %s | %s | %d | %d.%02d |\n' $((v2 + 1)) $from $to "$ms" \
                    $((ms / base)) $((ms * 100 / base % 100))
            done
        done
    done
}

rounds() {
    for _ in $(seq "$ROUNDS"); do one_round; done
    table
}

part "blocks are made" prepare
part "$ROUNDS rounds" rounds
