#!/usr/bin/env bash
# Every figure that is a ratio within one run, or a count of instructions: what docs/answers.md has of
# them, made again.
#
#   ci/bench.sh
#
# Times are of this machine and this hour; ratios are what can be compared. Wants a machine with nothing
# else to do: a neighbour shows in the spread. About twelve minutes.
# shellcheck source=ci/lib.sh
source "$(dirname "$0")/lib.sh"

# The rate of the simulator, with all oracles, and of schedules as a fuzzer runs them.
rates() {
    cargo sim run --campaign 1 --events 2M --jobs 1
    cargo bench -p sockman-sim --bench fuzz_rate
}

part "what the interface costs, in instructions" ci/interface.sh
part "what the interface costs, in time" cargo bench --bench interface
part "latency of an idle connection" cargo bench --bench latency
part "initial block download, node to node" cargo bench --bench ibd
part "ten thousand connections" cargo bench --bench scale
part "rates of the simulator" rates
