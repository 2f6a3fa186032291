#!/usr/bin/env bash
# What networks of whole nodes come to, and cost, as there are more of them: docs/networks.md.
#
#   ci/networks.sh [NODES...]
#
# A simulated day each. Seven minutes on one processor, of which a thousand nodes take most.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

NODES=(100 300 1000)
[ $# -eq 0 ] || NODES=("$@")

need_command jq jq

# row NODES: one line of the table.
row() {
    cargo sim network --nodes "$1" --time 24h --every 24h --json | jq -r '.samples[-1] as $last
        | def hundredths: . / 100;
        "| \(.nodes) | \($last.full_relay_hundredths | hundredths) | \($last.inbound_most)"
        + " | \($last.distance_hundredths | hundredths) | \($last.distance_most)"
        + " | \($last.known_thousandths) | \($last.newcomer_thousandths)"
        + " | \(.newcomer_full_after_millis / 1000) | \(.messages / .nodes | round)"
        + " | \(.bytes_a_node / 1024 | round) | \(.took_millis / 1000 | round)"
        + " | \(.simulated_secs * 1000 / .took_millis | round)"
        + " | \(.socket_events * 1000 / .took_millis | round) |"'
}

table() {
    local nodes
    echo "| nodes | full relay | most in | steps, mean | far | known | newest known | newest full after, s |" \
        "messages a node | KiB a node | s | times as fast | socket events/s |"
    echo "|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for nodes in "${NODES[@]}"; do
        row "$nodes"
    done
}

part "networks of ${NODES[*]} nodes" table
