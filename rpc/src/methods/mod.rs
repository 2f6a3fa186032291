//! What can be called: a table, and what is done.
//!
//! Each method is a row with its parameters, its words and a function. Names, order of fields,
//! units and errors are those of the reference (Core rpc/net.cpp, rpc/server.cpp); the words are
//! ours. A parameter is checked before the function is called, as `RPCHelpMan` does.

use sockman::chain::HeaderId;
use sockman::connman::{Command, ConnMan, Peer};
use sockman::sockets::Endpoint;
use sockman::sockman::{Action, Conns, Tenant as _};
use sockman::time::Now;

use crate::error::{Code, RpcError};
use crate::json::{Json, Kind};
use crate::protocol::{Outcome, RawCall};

mod addresses;
mod args;
mod bans;
mod chain;
mod control;
mod help;
mod mempool;
mod mining;
mod network;
mod peers;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use args::Args;
pub(crate) use chain::{BlockForm, block_as};
pub(crate) use control::Desktop;
pub(crate) use peers::{added, removed};
pub use table::ALL;

/// A method. See the head of the module.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// What it is called by.
    pub name: &'static str,
    /// Under which heading `help` lists it.
    pub category: Category,
    pub(crate) params: &'static [Param],
    /// What it does.
    pub(crate) words: &'static str,
    /// What it answers.
    pub(crate) result: &'static str,
    pub(crate) run: Run,
}

/// Where a method is carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    /// By whoever has the request.
    AtDesk(fn(&mut Desktop<'_>, &Args) -> Outcome),
    /// By the node, between two of its steps.
    AtNode(fn(&mut AtNode<'_>, &Args) -> Result<Answer, RpcError>),
}

/// Headings of `help`, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The chain.
    Blockchain,
    /// The program itself.
    Control,
    /// New blocks.
    Mining,
    /// Peers and addresses.
    Network,
    /// For tests; not listed.
    Hidden,
}

/// A parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: ParamKind,
    pub(crate) need: Need,
    pub(crate) words: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ParamKind {
    Text,
    Number,
    Flag,
    Any,
}

impl ParamKind {
    const fn kind(self) -> Option<Kind> {
        match self {
            Self::Text => Some(Kind::String),
            Self::Number => Some(Kind::Number),
            Self::Flag => Some(Kind::Bool),
            Self::Any => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Required,
    Optional,
}

/// A call that is in order: the method is there, and its parameters fit.
#[derive(Clone, Debug)]
pub struct Call {
    method: &'static Method,
    args: Args,
}

impl Call {
    /// Looks a method up, and checks what it is called with.
    ///
    /// # Errors
    ///
    /// There is none of that name, or parameters are too many, missing or of another type.
    pub fn prepare(raw: RawCall) -> Result<Self, RpcError> {
        let method = table::find(&raw.method)
            .ok_or_else(|| RpcError::new(Code::MethodNotFound, "Method not found"))?;
        let args = args::by_position(raw.params, method.params)?;
        if args.len() > method.params.len() || args.len() < method.needed() {
            return Err(method.misused());
        }
        method.check(&args)?;
        Ok(Self { method, args: Args::new(args) })
    }

    /// What is called.
    #[must_use]
    pub const fn method(&self) -> &'static Method {
        self.method
    }

    /// Carries it out at the desk; `None`: it is for the node.
    pub(crate) fn run_at_desk(&self, desk: &mut Desktop<'_>) -> Option<Outcome> {
        match self.method.run {
            Run::AtDesk(run) => Some(run(desk, &self.args)),
            Run::AtNode(_) => None,
        }
    }

    /// Carries it out at the node, to which no other is given.
    pub(crate) fn run_at_node(&self, node: &mut AtNode<'_>) -> Result<Answer, RpcError> {
        match self.method.run {
            Run::AtNode(run) => run(node, &self.args),
            Run::AtDesk(_) => Err(RpcError::new(Code::Misc, "not a method of the node")),
        }
    }
}

impl Method {
    /// How many parameters must be there.
    fn needed(&self) -> usize {
        let required = |param: &Param| param.need == Need::Required;
        self.params.iter().rposition(required).map_or(0, |last| last + 1)
    }

    /// The error of a call that makes no sense: the help text.
    pub(crate) fn misused(&self) -> RpcError {
        RpcError::new(Code::Misc, help::of(self))
    }

    /// Core: `RPCHelpMan::HandleRequest`, `RPCArg::MatchesType`.
    fn check(&self, args: &[Json]) -> Result<(), RpcError> {
        let mut wrong = Vec::new();
        for (place, (param, value)) in self.params.iter().zip(args).enumerate() {
            let Some(expected) = param.kind.kind() else { continue };
            let is_missing = param.need == Need::Optional && *value == Json::Null;
            if is_missing || value.kind() == expected {
                continue;
            }
            wrong.push(format!(
                "    \"Position {} ({})\": \"JSON value of type {} is not of expected type \
                 {expected}\"",
                place + 1,
                param.name,
                value.kind()
            ));
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let wrong = wrong.join(",\n");
        Err(RpcError::new(Code::Type, format!("Wrong type passed:\n{{\n{wrong}\n}}")))
    }
}

/// What a method of the node is carried out on.
pub(crate) struct AtNode<'a> {
    pub(crate) now: Now,
    /// Calls before this one: what is drawn for it is drawn for no other.
    pub(crate) number: u64,
    pub(crate) client_version: u32,
    pub(crate) connman: &'a mut ConnMan,
    pub(crate) conns: &'a mut Conns<Peer>,
    pub(crate) actions: &'a mut Vec<Action<Peer>>,
}

impl AtNode<'_> {
    /// Has the connection manager carry a command out, now.
    pub(crate) fn command(&mut self, command: Command) {
        self.connman.handle_command(self.now, command, self.conns, self.actions);
    }
}

/// When a method of the node is answered.
pub(crate) enum Answer {
    Now(Json),
    /// Once an attempt to connect has come to something.
    WhenTried(Endpoint),
    /// Once the connection manager has told, in the same step, what came of a list of its own.
    WhenListed,
    /// Once every block that there is by now outlives a crash.
    WhenSaved(Json),
    /// Once a block is in memory again: as so much of it.
    WhenRead(HeaderId, BlockForm),
}

impl From<Json> for Answer {
    fn from(result: Json) -> Self {
        Self::Now(result)
    }
}
