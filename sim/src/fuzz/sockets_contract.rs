//! Any bytes are calls on both ends of a few connections, made on the simulated kernel and judged
//! by the acceptor of the contract.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use arbitrary::Unstructured;
use sockman::sockets::{Closing, Direction, Interest};

use super::Judged;
use super::draw::{below, index, pick};
use crate::contract::acceptor::{Coverage, Why, accept};
use crate::contract::differential::{PROMPT, PROMPT_SMALL, SMALL_BUFFERS};
use crate::contract::sequences::{CALLS_MAX, CONNS_MAX, LISTENERS, Runner, Sequence};
use crate::contract::trace::{Call, Target, TraceStep};
use crate::net::Loopback;

/// Calls below which a sequence is trivial.
const CALLS_MIN: usize = 3;

/// Makes the calls that any bytes are, and judges what came of them.
///
/// # Panics
///
/// The kernel broke the contract, or its own invariants. The message has the calls up to there.
pub fn sockets_contract(bytes: &[u8]) -> Judged {
    let mut bytes = Unstructured::new(bytes);
    let fills = below(&mut bytes, 2) == 1;
    let sequence = sequence(&mut bytes, fills);
    let (kernel, promptness) = match fills {
        true => (Loopback::new(SMALL_BUFFERS), PROMPT_SMALL),
        false => (Loopback::default(), PROMPT),
    };
    let mut runner = Runner::new(kernel, sequence.address);
    for &call in &sequence.calls {
        runner.step(call);
        runner.sockets().kernel().check_invariants();
    }
    let trace = runner.finish();
    match accept(&trace, promptness, &mut Coverage::new()) {
        Ok(()) if trace.len() < CALLS_MIN => Judged::Trivial,
        Ok(()) => Judged::Passed,
        // The judge has lost its way, which says nothing of the kernel.
        Err(rejection) if rejection.why == Why::TooManyWorlds => Judged::Abandoned,
        Err(rejection) => panic!("{rejection}\n{}", story(&trace[..=rejection.step])),
    }
}

/// The trace, a line a step.
fn story(trace: &[TraceStep]) -> String {
    trace.iter().enumerate().map(|(number, step)| format!("{number:3} {step:?}\n")).collect()
}

/// The calls that these bytes are.
fn sequence(bytes: &mut Unstructured<'_>, fills: bool) -> Sequence {
    let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
    let address = pick(bytes, &addresses);
    let mut calls = Vec::new();
    let mut conns = 0;
    while !bytes.is_empty() && (calls.len() as u64) < CALLS_MAX {
        let call = call(bytes, conns, fills);
        // Each accept may bring a connection: the numbers of those that do not stay unused.
        if matches!(call, Call::Connect(_) | Call::Accept(_)) {
            if conns == CONNS_MAX {
                continue;
            }
            conns += 1;
        }
        calls.push(call);
    }
    Sequence { address, calls }
}

fn call(bytes: &mut Unstructured<'_>, conns: usize, fills: bool) -> Call {
    let sort = below(bytes, 32);
    if sort < 4 || conns == 0 {
        let somebody = below(bytes, 8) > 0;
        let to = if somebody { Target::Listener(index(bytes, LISTENERS)) } else { Target::Nobody };
        return Call::Connect(to);
    }
    let conn = index(bytes, conns);
    match sort {
        4..8 => Call::Accept(index(bytes, LISTENERS)),
        8..15 => Call::Send(conn, count(bytes, fills)),
        15..22 => Call::Recv(conn, 1 + count(bytes, fills)),
        22..25 => {
            let directions = [Direction::Read, Direction::Write, Direction::Both];
            Call::Shutdown(conn, pick(bytes, &directions))
        }
        25..27 => Call::Close(conn, pick(bytes, &[Closing::Orderly, Closing::Reset])),
        27 => Call::CloseListener(index(bytes, LISTENERS)),
        28 => Call::TakeError(conn),
        29 => Call::ConnectStatus(conn),
        30 => Call::PeerEndpoint(conn),
        _ => {
            let all = [Interest::NONE, Interest::READ, Interest::WRITE, Interest::BOTH];
            Call::SetInterest(conn, pick(bytes, &all))
        }
    }
}

/// How many bytes: few, so that everything is visible when a call returns
/// ([`Volume`](crate::contract::sequences::Volume)); or, in half the calls, more than buffers hold.
fn count(bytes: &mut Unstructured<'_>, fills: bool) -> usize {
    let few = below(bytes, 256) as usize;
    if fills && few % 2 == 1 { index(bytes, SMALL_BUFFERS.send_buffer_bytes * 2) } else { few }
}

#[cfg(test)]
mod tests {
    use super::super::draw::random_bytes;
    use super::*;

    /// Measured: all are more than trivial.
    #[test]
    fn random_bytes_are_calls_that_keep_the_contract() {
        let judged = (0..1_000).map(|seed| sockets_contract(&random_bytes(seed, 150)));
        let passed = judged.filter(|judged| *judged == Judged::Passed).count();
        println!("{passed} of 1000");
        assert!(passed > 950);
    }

    #[test]
    fn no_bytes_are_no_calls() {
        assert_eq!(sockets_contract(&[]), Judged::Trivial);
    }
}
