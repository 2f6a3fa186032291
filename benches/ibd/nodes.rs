//! One whole node that has a chain, and one that gets it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread;

use sockman::connman::blocks::Chain;
use sockman::connman::{Command, Config, ConnMan, Notice, Services};
use sockman::driver::{Driver, Machine, Mailbox, Observer, SystemClock};
use sockman::rng::Seed;
use sockman::sockets::{Endpoint, OsSockets, PollerWaker, Sockets as _};
use sockman::sockman::{Config as SockManConfig, SockMan};
use sockman::time::Now;
use sockman::transport::Network;

use super::{BLOCKS, empty};

/// What the nodes speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    V1,
    V2,
}

type Node = Machine<OsSockets, ConnMan>;

fn node(transport: Transport, chain: Chain, seed: u64) -> io::Result<Node> {
    let mut config = Config::new(Network::Regtest);
    if transport == Transport::V1 {
        config.services = config.services.without(Services::P2P_V2);
    }
    // Whoever downloads takes blocks from those who have all of them.
    config.services = config.services | Services::NETWORK;
    let connman = ConnMan::new(config, Seed::from_number(seed)).with_chain(chain);
    let sockets = OsSockets::new().map_err(io::Error::other)?;
    Ok(Machine::new(SockMan::new(sockets, SockManConfig::default()), connman))
}

/// A node gets the chain of another.
pub(crate) fn download(chain: &Chain, transport: Transport) -> io::Result<()> {
    let (told, hears) = mpsc::channel();
    let chain = chain.clone();
    let serving = thread::Builder::new().spawn(move || -> io::Result<()> {
        let mut server = node(transport, chain, 1)?;
        let any = Endpoint::Ip(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let listener = server.listen(Now::default(), &any).map_err(io::Error::other)?;
        let at = server.sockman().sockets().listener_endpoint(listener);
        let (mut server, ends) = Driver::new(server, SystemClock::start());
        told.send((at.map_err(io::Error::other)?, ends)).map_err(io::Error::other)?;
        server.run(&mut Nobody).map_err(io::Error::other)
    })?;
    let (at, ends) = hears.recv().map_err(io::Error::other)?;

    let client = node(transport, empty(), 2)?;
    let (mut client, mailbox) = Driver::new(client, SystemClock::start());
    mailbox.push(Command::Connect { endpoint: at }).map_err(io::Error::other)?;
    let mut counts = Counts { left: BLOCKS, failed: None, mailbox };
    client.run(&mut counts).map_err(io::Error::other)?;
    ends.stop();
    serving.join().map_err(|_| io::Error::other("the server panicked"))??;
    match counts.failed {
        Some(why) => Err(io::Error::other(why)),
        None if client.machine().tenant().chain().map(Chain::height) == Some(BLOCKS) => Ok(()),
        None => Err(io::Error::other("blocks came, and are not there")),
    }
}

/// Counts the blocks that come, and ends the run with the last.
struct Counts {
    left: u32,
    failed: Option<String>,
    mailbox: Mailbox<Command, PollerWaker>,
}

impl Observer<OsSockets, ConnMan> for Counts {
    fn handle_notice(&mut self, _: Now, notice: Notice) {
        if let Notice::MessageHandled { message_type, .. } = notice
            && message_type.as_str() == "block"
        {
            self.left = self.left.saturating_sub(1);
        } else if let Notice::PeerDisconnected { reason, .. } = notice
            && self.left > 0
        {
            self.failed = Some(format!("{reason}, and {} blocks are missing", self.left));
        } else {
            return;
        }
        if self.left == 0 || self.failed.is_some() {
            self.mailbox.stop();
        }
    }

    fn handle_inspect(&mut self, _: Now, _: &Node) {}
}

struct Nobody;

impl Observer<OsSockets, ConnMan> for Nobody {
    fn handle_notice(&mut self, _: Now, _: Notice) {}

    fn handle_inspect(&mut self, _: Now, _: &Node) {}
}
