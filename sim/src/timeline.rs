//! A run as a trace in the format of Chrome's, which Perfetto shows: a lane for each actor, for
//! each task of the node's and for its socket calls, arrows for messages, curves of what is held.
//!
//! Times are virtual. All of an instant happens at once there; here each thing has its own tenth of
//! a microsecond, so that the order can be seen, and what follows begins after it. `args.at` has
//! the exact time. The format: "Trace Event Format", Chromium's documentation.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};
use sockman::sockets::{Accepted, ConnId, Received, Sent};
use sockman::time::Instant;

use crate::actor::{Dialled, Way};
use crate::chart::{Brought, Stream};
use crate::faulty::CallResult;
use crate::host::Host;
use crate::run::Onlooker;
use crate::schedule::ActorId;
use crate::subject::Subject;
use crate::trace::{Entry, Who};
use crate::world::{Step, World};

/// Events at most, metadata not counted: what a browser still shows. Of a longer run it is the
/// beginning, and the end is counted.
pub const EVENTS_MAX: usize = 1_000_000;

/// What one thing takes on its lane, in nanoseconds.
const SLOT_NANOS: u64 = 100;

/// The one process of the trace.
const PROCESS: u32 = 1;

/// What was seen of a run.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    events: Vec<Event>,
    left_out: u64,
    /// Lanes, with the number of each.
    lanes: BTreeMap<Lane, u32>,
    /// Of the story, how much is here.
    entries: usize,
    /// When the next thing begins at the earliest, in nanoseconds.
    free_from: u64,
    names: BTreeMap<ConnId, Name>,
    /// By connection; to the node, and from it.
    pipes: BTreeMap<(Name, Direction), Pipe>,
    flows: u64,
    /// Curves as they stood last.
    counters: BTreeMap<&'static str, u64>,
}

/// A connection as both ends can name it.
type Name = (ActorId, Dialled);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    ToNode,
    FromNode,
}

/// Where something is drawn, in this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Script,
    /// A task of the node's.
    Task(String),
    /// Its socket calls.
    Calls,
    /// What it tells.
    Notices,
    Actor(ActorId),
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
struct Pipe {
    stream: Stream,
    /// Messages that were sent whole, and have not been read whole.
    under_way: VecDeque<UnderWay>,
    read_bytes: u64,
}

#[derive(Clone, Debug)]
struct UnderWay {
    name: String,
    /// Where it ends in the stream, in bytes.
    end: u64,
    /// Where it was sent: the lane, and when.
    from: (u32, u64),
    /// Whether it is a message, rather than bytes.
    is_message: bool,
}

/// One line of the trace; times in nanoseconds.
#[derive(Clone, Debug)]
struct Event {
    at: u64,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// Somebody does something.
    Slice { lane: u32, name: String, with: Option<ActorId>, exactly: Instant },
    /// An arrow begins, or ends.
    Flow { lane: u32, name: String, id: u64, begins: bool },
    /// A curve has this value from now on.
    Counter { name: &'static str, value: u64 },
}

impl Timeline {
    /// Events that the trace has.
    #[must_use]
    pub const fn event_count(&self) -> usize {
        self.events.len()
    }

    /// The trace as text. `title` says of what it is, `verdict` what became of it.
    #[must_use]
    pub fn json(&self, title: &str, verdict: &str) -> String {
        let mut lines = vec![metadata("process_name", 0, &json!({ "name": title }))];
        for (place, (lane, number)) in self.lanes.iter().enumerate() {
            lines.push(metadata("thread_name", *number, &json!({ "name": lane.name() })));
            lines.push(metadata("thread_sort_index", *number, &json!({ "sort_index": place })));
        }
        let mut events: Vec<_> = self.events.iter().collect();
        // An arrow begins when the far end has it, which is noted later than when it began.
        events.sort_by_key(|event| event.at);
        lines.extend(events.into_iter().map(Event::to_json));
        let lines: Vec<_> = lines.iter().map(Value::to_string).collect();
        let about = json!({ "verdict": verdict, "leftOut": self.left_out });
        // A line each, so that it can be looked at and compared.
        let events = lines.join(",\n");
        format!(
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{about},\"traceEvents\":[\n{events}\n]}}\n"
        )
    }

    fn push(&mut self, at: u64, what: What) {
        if self.events.len() < EVENTS_MAX {
            self.events.push(Event { at, what });
        } else {
            self.left_out += 1;
        }
    }

    /// The number of a lane.
    fn lane(&mut self, lane: Lane) -> u32 {
        let next = u32::try_from(self.lanes.len() + 1).expect("actors are few");
        *self.lanes.entry(lane).or_insert(next)
    }

    /// Draws something in its own slot, whose lane and time it gives.
    fn draw(
        &mut self,
        lane: Lane,
        exactly: Instant,
        with: Option<ActorId>,
        name: String,
    ) -> (u32, u64) {
        let at = self.free_from.max(exactly.as_nanos());
        self.free_from = at + SLOT_NANOS;
        let lane = self.lane(lane);
        self.push(at, What::Slice { lane, name, with, exactly });
        (lane, at)
    }

    fn take_in<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let heard = self.take_in_actors(world);
        let mut call = None;
        for entry in &world.trace().story()[self.entries..] {
            // What was read is drawn already, with more about it.
            if heard.is_some() && heard == actor_of(entry) && entry.what.starts_with("<- ") {
                continue;
            }
            let lane = lane_of(entry);
            let is_call = lane == Lane::Calls;
            let drawn = self.draw(lane, entry.at, entry.with, entry.what.clone());
            if is_call {
                call = Some(drawn);
            }
        }
        self.entries = world.trace().story().len();
        self.take_in_calls(world, call);
        self.count(world);
    }

    /// What actors have sent and read. The actor whose messages were drawn by name, if any.
    fn take_in_actors<X: Subject, K: Host>(&mut self, world: &World<X, K>) -> Option<ActorId> {
        let now = world.now().steady;
        let mut drawn = None;
        for moved in world.moved() {
            let name = (moved.actor, moved.dialled);
            let (lane, count) = (Lane::Actor(moved.actor), moved.bytes.len());
            match moved.way {
                Way::Sent => {
                    let pipe = self.pipes.entry((name, Direction::ToNode)).or_default();
                    let brought = pipe.stream.take(moved.bytes);
                    let told = format!("-> {}", brought.clone().told(count));
                    let from = self.draw(lane, now, None, told);
                    self.send((name, Direction::ToNode), brought, from);
                }
                Way::Read => {
                    let came = self.read((name, Direction::FromNode), count as u64);
                    let names: Vec<_> = came.iter().map(|one| one.name.as_str()).collect();
                    let told = match names.as_slice() {
                        [] => format!("<- a part ({count} bytes)"),
                        names => format!("<- {} ({count} bytes)", names.join(", ")),
                    };
                    let to = self.draw(lane, now, None, told);
                    if came.iter().any(|one| one.is_message) {
                        drawn = Some(moved.actor);
                    }
                    self.arrive(came, to);
                }
            }
        }
        drawn
    }

    /// What the node has sent and read in one step, by the call at `call`: a step makes one.
    fn take_in_calls<X: Subject, K: Host>(
        &mut self,
        world: &World<X, K>,
        call: Option<(u32, u64)>,
    ) {
        let faulty = world.machine().sockman().sockets();
        for record in faulty.calls() {
            let bytes = &faulty.bytes()[record.bytes.clone()];
            let named = record.conn.and_then(|conn| self.names.get(&conn)).copied();
            match (&record.what, named, call) {
                (CallResult::Accept(Ok(Accepted::Conn { conn, .. })), ..) => {
                    self.name(world, *conn, true);
                }
                (CallResult::Connect(_, Ok(conn)), ..) => self.name(world, *conn, false),
                (CallResult::Send(Ok(Sent::Bytes(count @ 1..))), Some(name), Some(from)) => {
                    let pipe = self.pipes.entry((name, Direction::FromNode)).or_default();
                    let brought = pipe.stream.take(&bytes[..*count]);
                    self.send((name, Direction::FromNode), brought, from);
                }
                (CallResult::Recv(Ok(Received::Bytes(_))), Some(name), Some(to)) => {
                    let came = self.read((name, Direction::ToNode), bytes.len() as u64);
                    self.arrive(came, to);
                }
                _ => {}
            }
        }
    }

    /// Gives a new connection of the node's the name that its actor knows it by.
    fn name<X: Subject, K: Host>(&mut self, world: &World<X, K>, conn: ConnId, by_actor: bool) {
        let faulty = world.machine().sockman().sockets();
        let number = faulty.inner().connection_number(conn);
        if let (Some(actor), Ok(number)) = (faulty.actor(conn), number) {
            self.names.insert(conn, (actor, Dialled { by_actor, number }));
        }
    }

    /// Messages set out.
    fn send(&mut self, pipe: (Name, Direction), brought: Brought, from: (u32, u64)) {
        let is_message = !brought.is_opaque;
        let all = brought.messages.into_iter();
        let under_way = all.map(|(name, end)| UnderWay { name, end, from, is_message });
        self.pipes.entry(pipe).or_default().under_way.extend(under_way);
    }

    /// So many bytes are read; the messages that are whole now.
    fn read(&mut self, pipe: (Name, Direction), count: u64) -> Vec<UnderWay> {
        let pipe = self.pipes.entry(pipe).or_default();
        pipe.read_bytes += count;
        let whole = pipe.under_way.partition_point(|message| message.end <= pipe.read_bytes);
        pipe.under_way.drain(..whole).collect()
    }

    /// Draws an arrow for each message that has arrived, so that each has both ends.
    fn arrive(&mut self, came: Vec<UnderWay>, to: (u32, u64)) {
        for UnderWay { name, from, .. } in came {
            if self.events.len() + 2 > EVENTS_MAX {
                self.left_out += 2;
                continue;
            }
            self.flows += 1;
            for ((lane, at), begins) in [(from, true), (to, false)] {
                let (name, id) = (name.clone(), self.flows);
                self.push(at, What::Flow { lane, name, id, begins });
            }
        }
    }

    /// Notes what is held, where it has changed.
    fn count<X: Subject, K: Host>(&mut self, world: &World<X, K>) {
        let sockman = world.machine().sockman();
        let (tenant, conns) = (world.machine().tenant(), sockman.conns());
        let host = sockman.sockets().inner();
        let mut held = BTreeMap::from([("connections", 0), ("bytes that wait to be read", 0)]);
        let all: Vec<_> = conns.iter().map(|(conn, _)| conn).collect();
        for conn in &all {
            *held.entry("connections").or_default() += 1;
            let unread = host.unread_bytes(*conn).unwrap_or_default();
            *held.entry("bytes that wait to be read").or_default() += unread as u64;
            X::resources(tenant, conns, Some(*conn), |resource| {
                *held.entry(resource.name).or_default() += resource.used;
            });
        }
        X::resources(tenant, conns, None, |resource| {
            *held.entry(resource.name).or_default() += resource.used;
        });
        // What only connections have is gone with the last of them.
        let names: Vec<_> = self.counters.keys().copied().collect();
        for name in names {
            held.entry(name).or_default();
        }
        let at = self.free_from.max(world.now().steady.as_nanos());
        for (name, value) in held {
            if self.counters.insert(name, value) != Some(value) {
                self.push(at, What::Counter { name, value });
            }
        }
    }
}

impl<X: Subject, K: Host> Onlooker<X, K> for Timeline {
    fn before_step(&mut self, _: &World<X, K>) {}

    fn after_step(&mut self, world: &World<X, K>, _: &Step) {
        self.take_in(world);
    }

    fn after_line(&mut self, world: &World<X, K>) {
        self.take_in(world);
    }
}

const fn actor_of(entry: &Entry) -> Option<ActorId> {
    match entry.who {
        Who::Actor(actor) => Some(actor),
        Who::Script | Who::Node => None,
    }
}

/// Where an entry of the story is drawn.
fn lane_of(entry: &Entry) -> Lane {
    match entry.who {
        Who::Script => Lane::Script,
        Who::Actor(actor) => Lane::Actor(actor),
        Who::Node if entry.what.starts_with("! ") => Lane::Notices,
        Who::Node => {
            let task = entry.what.strip_prefix('[').and_then(|rest| rest.split_once(']'));
            task.map_or(Lane::Calls, |(task, _)| Lane::Task(task.to_owned()))
        }
    }
}

impl Lane {
    fn name(&self) -> String {
        match self {
            Self::Script => "script".to_owned(),
            Self::Task(task) => format!("node, task {task}"),
            Self::Calls => "node, calls".to_owned(),
            Self::Notices => "node, what it tells".to_owned(),
            Self::Actor(actor) => actor.to_string(),
        }
    }
}

/// What a lane, or all of it, is called.
fn metadata(what: &str, lane: u32, args: &Value) -> Value {
    json!({ "ph": "M", "name": what, "pid": PROCESS, "tid": lane, "ts": 0, "args": args })
}

/// Nanoseconds in the format's unit, which is a microsecond.
#[expect(clippy::float_arithmetic, reason = "the format wants it so; nothing is decided by it")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

impl Event {
    fn to_json(&self) -> Value {
        let at = micros(self.at);
        let mut event = match &self.what {
            What::Slice { lane, name, with, exactly } => {
                let mut args = json!({ "at": exactly.to_string() });
                if let Some(actor) = with {
                    args["with"] = actor.to_string().into();
                }
                let duration = micros(SLOT_NANOS);
                json!({ "ph": "X", "name": name, "tid": lane, "dur": duration, "args": args })
            }
            What::Flow { lane, name, id, begins } => {
                let phase = if *begins { "s" } else { "f" };
                let mut flow = json!({ "ph": phase, "name": name, "id": id, "tid": lane });
                flow["cat"] = "message".into();
                if !begins {
                    // It ends on what is drawn there, rather than on what comes next.
                    flow["bp"] = "e".into();
                }
                flow
            }
            What::Counter { name, value } => {
                json!({ "ph": "C", "name": name, "tid": 0, "args": { "value": value } })
            }
        };
        event["pid"] = PROCESS.into();
        event["ts"] = at.into();
        event
    }
}

#[cfg(test)]
mod tests;
