#!/usr/bin/env bash
# Our node beside another one, as processes on loopback in regtest: who dials and what transport is
# spoken are varied, and everything is asked and observed through RPC.
#
#   ci/interop.sh NODE [OURS]
#
# NODE is any node with Bitcoin Core's options and RPC, OURS the node that is held against it: by
# default sockmand, which is built. Needs curl. Nothing leaves this host. What is done:
# handshake, ping, addresses, 2,000 headers and their blocks, 300 blocks each way, at once and as they
# are made, the end of a connection, a ban. The first that differs from what must be ends it.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

[ $# -ge 1 ] || die "usage: $SCRIPT NODE [OURS]"
NODE=$1
OURS=${2:-}
command -v "$NODE" >/dev/null || die "$NODE is no program"
need_command curl curl
need_command python3 python3

HEADERS=2000
BLOCKS=300
ADDRESSES=100
# How long anything may take, in milliseconds: far more than it does.
PATIENCE_MS=60000
# How long nothing may happen before it counts as nothing.
QUIET_S=0.5

WORK=$(mktemp -d)
ROWS=()
# Ports of P2P and RPC, a pair for each node: below those that systems give away.
PORT=$((20000 + $$ % 10000))
declare -A DIR P2P RPC PID PROGRAM

end_nodes() {
    local status=$? name
    set +e
    for name in "${!PID[@]}"; do
        kill -9 "${PID[$name]}" 2>/dev/null
        wait "${PID[$name]}" 2>/dev/null
    done
    [ "$status" -eq 0 ] || for name in "${!DIR[@]}"; do
        printf -- '-- %s, the end of its log and what it complained of:\n' "$name"
        tail -n 25 "${DIR[$name]}/regtest/debug.log" 2>/dev/null
        cat "${DIR[$name]}/stderr" 2>/dev/null
    done
    rm -rf "$WORK"
    table
    (exit "$status")
    finish
}
trap end_nodes EXIT

now_ms() { date +%s%3N; }

# row WHAT MS FIGURE: a line of the table.
row() {
    ROWS+=("$(printf '| %-10s | %-33s | %7d | %s' "$CASE" "$1" "$2" "$3")")
    printf '%s: %s: %s\n' "$CASE" "$1" "$3"
}

table() {
    [ ${#ROWS[@]} -gt 0 ] || return 0
    printf '\n| %-10s | %-33s | %7s | %s\n' case what ms "figure"
    printf '|%s|%s|%s|%s\n' "------------" "-----------------------------------" "---------" "---"
    printf '%s\n' "${ROWS[@]}"
}

# answer NAME METHOD PARAMS: the whole answer.
answer() {
    curl -sS --max-time 60 -u "$(cat "${DIR[$1]}/regtest/.cookie")" \
        -d "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"$2\",\"params\":${3:-[]}}" \
        "http://127.0.0.1:${RPC[$1]}/"
}

# call NAME METHOD PARAMS: the result; it may not fail.
call() {
    local got
    got=$(answer "$@") || die "$1 does not answer to $2"
    [[ $got == '{"result":'*',"error":null'* ]] || die "$1, $2 ${3:-}: $got"
    got=${got#'{"result":'}
    printf '%s' "${got%,\"error\":null*}"
}

# field NAME METHOD PATH: a value within the result, by names and places with dots between; nothing, if
# it is not there.
field() {
    call "$1" "$2" | python3 -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1].split("."):
    try:
        value = value[int(name) if isinstance(value, list) else name]
    except (KeyError, IndexError):
        sys.exit(0)
print(value)' "$3"
}

# await WHAT COMMAND...: until a command succeeds.
await() {
    local what=$1 began
    began=$(now_ms)
    shift
    until "$@"; do
        [ $(($(now_ms) - began)) -lt $PATIENCE_MS ] || die "$CASE: $what: not in $PATIENCE_MS ms"
        sleep 0.02
    done
}

answers() {
    kill -0 "${PID[$1]}" 2>/dev/null || die "$1 has ended: $(cat "${DIR[$1]}/stderr")"
    [ -s "${DIR[$1]}/regtest/.cookie" ] &&
        [[ $(answer "$1" getblockcount 2>/dev/null) == '{"result":'[0-9]* ]]
}

# start NAME PROGRAM V2: in a directory of its own, where it stays if it is started again.
start() {
    local name=$1
    PROGRAM[$name]=$2
    if [ -z "${DIR[$name]:-}" ]; then
        DIR[$name]=$WORK/$CASE-$name
        mkdir -p "${DIR[$name]}"
        P2P[$name]=$PORT
        RPC[$name]=$((PORT + 1))
        PORT=$((PORT + 2))
    fi
    "$2" -regtest -server -datadir="${DIR[$name]}" -port="${P2P[$name]}" \
        -bind="127.0.0.1:${P2P[$name]}" -rpcport="${RPC[$name]}" -v2transport="$3" -connect=0 \
        -listen=1 -dnsseed=0 -fixedseeds=0 -discover=0 -listenonion=0 -natpmp=0 -printtoconsole=0 \
        -debug=net >/dev/null 2>"${DIR[$name]}/stderr" &
    PID[$name]=$!
    await "$name starts" answers "$name"
}

# stop NAME: in order, with nothing to complain of.
stop() {
    local status=0
    call "$1" stop >/dev/null
    wait "${PID[$1]}" || status=$?
    unset "PID[$1]"
    [ "$status" -eq 0 ] || die "$CASE: $1 ended with status $status"
    [ ! -s "${DIR[$1]}/stderr" ] || die "$CASE: $1 complains: $(cat "${DIR[$1]}/stderr")"
}

dial() { call "$1" addnode "[\"127.0.0.1:${P2P[$2]}\",\"onetry\"]" >/dev/null; }
counts() { [ "$(call "$1" getconnectioncount)" = "$2" ]; }
shook_hands() {
    [[ $(field "$1" getpeerinfo 0.version) =~ ^700[0-9]{2}$ ]] &&
        [ "$(field "$1" getpeerinfo 0.transport_protocol_type)" = "$TRANSPORT" ]
}
has_blocks() { [ "$(call "$1" getblockcount)" -ge "$2" ]; }
has_headers() { [ "$(field "$1" getblockchaininfo headers)" -ge "$2" ]; }
has_pong() {
    [ -n "$(field "$1" getpeerinfo 0.pingtime)" ] &&
        [ "$(field "$1" getpeerinfo 0.bytesrecv_per_msg.pong)" -ge "$2" ]
}
known() { field "$1" getaddrmaninfo all_networks.total; }
knows_some() { [ "$(known "$1")" -gt 0 ]; }
agree() { [ "$(call "$1" getbestblockhash)" = "$(call "$2" getbestblockhash)" ]; }
generate() { call "$1" generatetodescriptor "[$2,\"raw(51)\"]" >/dev/null; }

meet() {
    local dialer=$1 listener=$2
    dial "$dialer" "$listener"
    await "$dialer shakes hands" shook_hands "$dialer"
    await "$listener shakes hands" shook_hands "$listener"
}

part_ways() {
    local peer
    peer=$(field "$1" getpeerinfo 0.id)
    call "$1" disconnectnode "[\"\",$peer]" >/dev/null
    await "$1 has nobody" counts "$1" 0
    await "$2 has nobody" counts "$2" 0
}

# blocks WHAT FROM TO COUNT BEGAN: until TO has as many blocks as FROM.
blocks() {
    local ms
    await "$1" has_blocks "$3" "$(call "$2" getblockcount)"
    ms=$(($(now_ms) - $5))
    agree "$2" "$3" || die "$CASE: $1: $2 and $3 have other blocks"
    row "$1" "$ms" "$4 blocks, $(($4 * 1000 / (ms > 0 ? ms : 1))) a second"
}

addresses() {
    local listener=$1 n
    for n in $(seq $ADDRESSES); do
        call "$listener" addpeeraddress "[\"$((20 + n)).1.$n.1\",8333]" >/dev/null
    done
}

# together DIALER LISTENER: everything, with both nodes running and nothing in common.
together() {
    local dialer=$1 listener=$2 began session
    addresses "$listener"
    generate theirs $HEADERS

    began=$(now_ms)
    meet "$dialer" "$listener"
    session=$(field ours getpeerinfo 0.session_id)
    [ "$session" = "$(field theirs getpeerinfo 0.session_id)" ] || die "$CASE: the sessions differ"
    row "handshake" $(($(now_ms) - began)) "$TRANSPORT, session ${session:0:8}"

    await "headers" has_headers ours $HEADERS
    row "headers to ours" $(($(now_ms) - began)) "$(field ours getblockchaininfo headers) headers"
    blocks "their blocks to ours" theirs ours $HEADERS "$began"

    began=$(now_ms)
    call ours ping >/dev/null
    call theirs ping >/dev/null
    # One pong is for the ping right after the handshake.
    await "pong to ours" has_pong ours 58
    await "pong to theirs" has_pong theirs 58
    row "ping" $(($(now_ms) - began)) \
        "ours $(field ours getpeerinfo 0.pingtime) s, theirs $(field theirs getpeerinfo 0.pingtime) s"

    began=$(now_ms)
    await "addresses" knows_some "$dialer"
    row "addresses to $dialer" $(($(now_ms) - began)) \
        "$(known "$dialer") of $ADDRESSES"

    began=$(now_ms)
    part_ways ours theirs
    row "ours disconnects" $(($(now_ms) - began)) "nobody is left"

    generate ours $BLOCKS
    began=$(now_ms)
    meet "$dialer" "$listener"
    blocks "our blocks to theirs" ours theirs $BLOCKS "$began"
    began=$(now_ms)
    part_ways theirs ours
    row "theirs disconnects" $(($(now_ms) - began)) "nobody is left"

    generate theirs $BLOCKS
    began=$(now_ms)
    meet "$dialer" "$listener"
    blocks "their blocks to ours, again" theirs ours $BLOCKS "$began"

    began=$(now_ms)
    generate ours $BLOCKS
    blocks "our blocks as they are made" ours theirs $BLOCKS "$began"
    began=$(now_ms)
    generate theirs $BLOCKS
    blocks "their blocks as they are made" theirs ours $BLOCKS "$began"

    began=$(now_ms)
    call "$listener" setban '["127.0.0.1","add"]' >/dev/null
    await "$listener has nobody" counts "$listener" 0
    await "$dialer has nobody" counts "$dialer" 0
    dial "$dialer" "$listener"
    sleep $QUIET_S
    counts "$listener" 0 || die "$CASE: $listener lets in who is banned"
    counts "$dialer" 0 || die "$CASE: $dialer is connected with who has banned it"
    [ "$(field "$listener" listbanned 0.address)" = 127.0.0.1/32 ] || die "$CASE: no ban is listed"
    call "$listener" clearbanned >/dev/null
    meet "$dialer" "$listener"
    row "$listener bans, and clears" $(($(now_ms) - began)) "refused, then let in"
}

# What was kept is there after another start, on both sides.
again() {
    local name tip
    tip=$(call ours getbestblockhash)
    stop ours
    stop theirs
    for name in ours theirs; do
        start "$name" "${PROGRAM[$name]}" "$V2"
        [ "$(call "$name" getbestblockhash)" = "$tip" ] || die "$CASE: $name has lost its blocks"
    done
    row "both started again" 0 "$(call ours getblockcount) blocks"
    stop ours
    stop theirs
}

# case DIALER LISTENER TRANSPORT
case_of() {
    CASE=$1-$3
    TRANSPORT=$3
    V2=$([ "$3" = v2 ] && echo 1 || echo 0)
    unset DIR P2P RPC PID PROGRAM
    declare -gA DIR P2P RPC PID PROGRAM
    start theirs "$NODE" "$V2"
    start ours "$OURS" "$V2"
    together "$1" "$2"
    again
}

if [ -z "$OURS" ]; then
    cargo build --release --package sockmand --quiet
    OURS=$(target_dir)/release/sockmand
fi
printf 'ours: %s\ntheirs: %s\n' "$("$OURS" -version | head -n 1)" "$("$NODE" -version | head -n 1)"
for transport in v1 v2; do
    part "ours dials, $transport" case_of ours theirs "$transport"
    part "theirs dials, $transport" case_of theirs ours "$transport"
done
