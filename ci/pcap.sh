#!/usr/bin/env bash
# Reads captures of the whole corpus as Wireshark does: no header is malformed, no checksum wrong, no
# stream has a gap, and Bitcoin's messages are found in them.
#
#   ci/pcap.sh
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

need_command tshark tshark

# Cases in the clear of which a capture without any message is right: nobody gets as far.
SILENT_MAX=12

# read_as ARGUMENT...: what tshark says of a capture.
read_as() {
    tshark -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -d tcp.port==18444,bitcoin "$@" \
        2>/dev/null
}

captures() {
    local case capture wrong silent=0 count=0
    # What a peer says may be malformed, and so is a ping without a nonce to Wireshark.
    local bad='(_ws.malformed && !bitcoin) || tcp.checksum.status == 0 || ip.checksum.status == 0'
    bad+=' || tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment'
    # An answer to a SYN that is sent again comes late, as it does.
    bad+=' || (tcp.analysis.out_of_order && tcp.flags.syn == 0)'
    capture=$(target_dir)/capture.pcapng
    for case in corpus/connman/*.case; do
        cargo sim show "$case" --pcap "$capture" >/dev/null
        wrong=$(read_as -r "$capture" -Y "$bad")
        [ -z "$wrong" ] || die "$case: ${wrong:0:300}"
        count=$((count + 1))
        # What is encrypted is no message to Wireshark.
        ! grep -Eq '^node +v2 +on' "$case" || continue
        [ -n "$(read_as -r "$capture" -Y bitcoin -T fields -e frame.number)" ] || silent=$((silent + 1))
    done
    printf '%d captures, %d of those in the clear without a message\n' "$count" "$silent"
    [ "$silent" -le "$SILENT_MAX" ] || die "messages are not found in $silent captures"
}

part "captures of the corpus" captures
