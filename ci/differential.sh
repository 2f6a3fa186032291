#!/usr/bin/env bash
# Random sequences of socket calls on the simulated kernel and on loopback TCP, step by step.
#
#   ci/differential.sh [COUNT [FIRST_SEED [epoll|poll]]]
#
# Prints what was seen and how many sequences a second; fails on any difference. Other programs that
# open ports on the loopback may disturb it: `unshare -n` gives it a loopback of its own.
set -euo pipefail
cd "$(dirname "$0")/.."
exec cargo run --release --quiet --package sockman-sim --example differential -- \
    "${1:-10000}" "${2:-0}" "${3:-epoll}"
