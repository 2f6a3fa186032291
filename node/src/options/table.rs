//! Every option there is: its name, its form, and what `-help` says of it.

/// How an option is given, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Asks for a text instead of a node.
    Request,
    /// On or off; alone it means on. The last one counts.
    Flag,
    /// A value. The last one counts.
    Single,
    /// A value; all of them count.
    List,
    /// Taken, and nothing follows from it: there is nothing here that it would change.
    NoEffect,
    /// It comes with a later version, and is refused.
    Later,
    /// As [`Later`](Self::Later), but it may be switched off, since off is how things are.
    LaterUnlessOff,
}

/// Under which heading `-help` shows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Options,
    Connection,
    Debugging,
    Chain,
    Rpc,
}

impl Section {
    /// In the order of the text.
    pub(super) const ALL: [Self; 5] =
        [Self::Options, Self::Connection, Self::Debugging, Self::Chain, Self::Rpc];

    /// What stands above its options.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Options => "Options:",
            Self::Connection => "Connection options:",
            Self::Debugging => "Debugging/Testing options:",
            Self::Chain => "Chain selection options:",
            Self::Rpc => "RPC server options:",
        }
    }
}

/// An option that has an effect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spec {
    /// Without its dash.
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// What follows the name in the help text.
    pub(super) value: &'static str,
    pub(super) section: Section,
    pub(super) help: &'static str,
}

const fn spec(
    section: Section,
    name: &'static str,
    form: Form,
    value: &'static str,
    help: &'static str,
) -> Spec {
    Spec { name, form, value, section, help }
}

/// The options that do something, by section and name. The words are ours, the names and defaults
/// those of the reference.
#[rustfmt::skip]
pub(super) const EFFECTIVE: &[Spec] = {
    use Form::{Flag, List, Request, Single};
    use Section::{Chain, Connection, Debugging, Options, Rpc};
    &[
        spec(Options, "?", Request, "", "Print this help message and exit"),
        spec(Options, "blocksdir", Single, "=<dir>",
            "Keep the files of blocks in this directory, which must exist, in that of the chain in \
             there (default: in the data directory)"),
        spec(Options, "datadir", Single, "=<dir>",
            "Keep the files of the node in this directory, which must exist; those of another \
             chain than main in one of its own in there (default: none, and no files)"),
        spec(Options, "debuglogfile", Single, "=<file>",
            "Write the log to this file, in the data directory unless the path is absolute; \
             -nodebuglogfile: to no file (default: debug.log, if there is a data directory)"),
        spec(Options, "h", Request, "", "Print this help message and exit"),
        spec(Options, "help", Request, "", "Print this help message and exit"),
        spec(Options, "version", Request, "", "Print version and exit"),

        spec(Connection, "addnode", List, "=<addr>[:<port>]",
            "Connect to this node as well, and again whenever the connection is lost; at most 8 of \
             them at a time. May be given several times"),
        spec(Connection, "bantime", Single, "=<n>",
            "Ban for <n> seconds unless setban says otherwise (default: 86400)"),
        spec(Connection, "bind", List, "=<addr>[:<port>]",
            "Listen on this address, and on no other that is not given as well; without a port on \
             that of -port. An IPv6 address with a port is written [addr]:port. May be given \
             several times (default: all addresses of IPv4 and IPv6)"),
        spec(Connection, "connect", List, "=<addr>[:<port>]",
            "Connect to this address, and again whenever the connection is lost, and to no other \
             but those of -addnode; -noconnect or -connect=0: to none. May be given several times"),
        spec(Connection, "fixedseeds", Flag, "",
            "Use built-in addresses of the chain if none is known a minute after the start \
             (default: 1; there are some for main alone)"),
        spec(Connection, "listen", Flag, "",
            "Let others connect (default: 1, but 0 with -connect or -maxconnections=0)"),
        spec(Connection, "maxconnections", Single, "=<n>",
            "Keep at most <n> connections, those of -connect and -addnode not counted (default: \
             125). Of these up to 11 are for peers that the node chooses: 8 for everything, 2 for \
             blocks alone, 1 for a while"),
        spec(Connection, "maxreceivebuffer", Single, "=<n>",
            "Stop reading from a peer whose unhandled messages take over <n>*1000 bytes \
             (default: 5000)"),
        spec(Connection, "maxsendbuffer", Single, "=<n>",
            "Stop handling a peer's messages while our unsent ones to it take over <n>*1000 bytes \
             (default: 1000)"),
        spec(Connection, "networkactive", Flag, "",
            "Make and take connections (default: 1)"),
        spec(Connection, "peertimeout", Single, "=<n>",
            "Give a peer <n> seconds for the handshake (minimum: 1, default: 60)"),
        spec(Connection, "port", Single, "=<port>",
            "Listen on this port (default: 8333, testnet3: 18333, testnet4: 48333, signet: 38333, \
             regtest: 18444)"),
        spec(Connection, "seednode", List, "=<addr>[:<port>]",
            "Ask this node for addresses while none are known, or few peers are there, and leave \
             it. May be given several times"),
        spec(Connection, "timeout", Single, "=<n>",
            "Give up an attempt to connect after <n> milliseconds (minimum: 1, default: 5000)"),
        spec(Connection, "v2transport", Flag, "",
            "Speak the encrypted transport of BIP 324 with those who do (default: 1)"),
        spec(Connection, "whitelist", List, "=<[permissions@]subnet>",
            "Let peers of this subnet do what others may not. Permissions, with commas between: \
             bloomfilter, noban (never banned or evicted), forcerelay, relay, mempool, download, \
             addr, all; in or out: who began the connection (default: in). Only noban, mempool and \
             bloomfilter have an effect yet. May be given several times"),
        spec(Connection, "whitelistrelay", Flag, "",
            "Let an entry of -whitelist without permissions include relay (default: 1)"),

        spec(Debugging, "debug", List, "=<category>",
            "Log more about <category>, or about everything if it is left out, 1 or all; 0 or \
             none forgets those given before. May be given several times"),
        spec(Debugging, "debugexclude", List, "=<category>",
            "Log no more about <category> than without -debug. May be given several times"),
        spec(Debugging, "logtimemicros", Flag, "",
            "Give times in the log to the microsecond (default: 0)"),
        spec(Debugging, "logtimestamps", Flag, "", "Begin a line of the log with its time \
             (default: 1)"),
        spec(Debugging, "maxtipage", Single, "=<n>",
            "Take the first download for over once the last block is at most <n> seconds old \
             (default: 86400)"),
        spec(Debugging, "minimumchainwork", Single, "=<hex>",
            "Take no chain with less work than this for one to download (default: 0)"),
        spec(Debugging, "printtoconsole", Flag, "",
            "Write the log to stdout (default: 1). 0 needs a file for it, or -nodebuglogfile"),
        spec(Debugging, "reference", Flag, "",
            "Do as Bitcoin Core does also where this node would do otherwise (default: 0)"),
        spec(Debugging, "shrinkdebugfile", Flag, "",
            "Shorten the log's file at the start if it is over 11 MB, to the last 10 (default: 1 \
             without -debug)"),
        spec(Debugging, "uacomment", List, "=<comment>",
            "Add a comment to the name by which peers know us. May be given several times"),

        spec(Chain, "chain", Single, "=<chain>",
            "Use the chain <chain> (default: main). Allowed values: main, test, testnet4, signet, \
             regtest"),
        spec(Chain, "regtest", Flag, "", "The same as -chain=regtest"),
        spec(Chain, "signet", Flag, "", "The same as -chain=signet"),
        spec(Chain, "testnet", Flag, "", "The same as -chain=test"),
        spec(Chain, "testnet4", Flag, "", "The same as -chain=testnet4"),

        spec(Rpc, "rpcallowip", List, "=<subnet>",
            "Let clients from this address or subnet call, too; from this host they always may. \
             Needs -rpcbind. May be given several times"),
        spec(Rpc, "rpcauth", List, "=<user:salt$hash>",
            "Let this user log in: hash is HMAC-SHA256 of the password, with salt as key, in \
             hexadecimal digits. May be given several times"),
        spec(Rpc, "rpcbind", List, "=<addr>[:<port>]",
            "Listen for clients on this address, and on no other that is not given as well. \
             Needs -rpcallowip. Do not expose it to the internet: passwords go in clear. May be \
             given several times (default: 127.0.0.1 and ::1)"),
        spec(Rpc, "rpccookiefile", Single, "=<file>",
            "Write the cookie to this file, in the data directory of the chain unless the path is \
             absolute; -norpccookiefile: to none (default: .cookie)"),
        spec(Rpc, "rpccookieperms", Single, "=<who>",
            "Who may read the cookie: owner, group or all (default: owner)"),
        spec(Rpc, "rpcpassword", Single, "=<password>",
            "The password of -rpcuser; there is no cookie then"),
        spec(Rpc, "rpcport", Single, "=<port>",
            "Listen for clients on this port (default: 8332, testnet3: 18332, testnet4: 48332, \
             signet: 38332, regtest: 18443)"),
        spec(Rpc, "rpcservertimeout", Single, "=<n>",
            "Give clients <n> seconds for each piece of a request, and to take an answer \
             (minimum: 1, default: 30)"),
        spec(Rpc, "rpcuser", Single, "=<user>", "The user that -rpcpassword is for"),
        spec(Rpc, "rpcwhitelist", List, "=<user>:<method>,...",
            "Let this user call these methods alone; of several for one user all are to allow it. \
             May be given several times"),
        spec(Rpc, "rpcwhitelistdefault", Flag, "",
            "Let users without -rpcwhitelist call nothing (default: 1 with any -rpcwhitelist)"),
        spec(Rpc, "rpcworkqueue", Single, "=<n>",
            "Refuse requests while <n> are under way (1 to 256, default: 64)"),
        spec(Rpc, "server", Flag, "",
            "Take calls by JSON-RPC (default: 1 if somebody could log in: by the cookie in the \
             data directory, by -rpcpassword or by -rpcauth)"),
    ]
};

/// Options that change nothing here, as far as it is known how they could: there is no wallet, no
/// script execution and no database, and no pool of threads that answers.
pub(super) const NO_EFFECT: &[&str] = &[
    "allowignoredconf",
    "checkblocks",
    "checklevel",
    "dbcache",
    "disablewallet",
    "fallbackfee",
    "keypool",
    "par",
    "rpcdoccheck",
    "rpcthreads",
    "unsafesqlitesync",
];

/// Options of the reference that this version does without, and whose off is how things are.
pub(super) const LATER_UNLESS_OFF: &[&str] = &[
    "blocksonly",
    "capturemessages",
    "cjdnsreachable",
    "conf",
    "discover",
    "dns",
    "dnsseed",
    "forcednsseed",
    "i2pacceptincoming",
    "i2psam",
    "includeconf",
    "listenonion",
    "loglevelalways",
    "logratelimit",
    "logsourcelocations",
    "logthreadnames",
    "natpmp",
    "onion",
    "peerbloomfilters",
    "proxy",
    "prune",
    "reindex",
    "settings",
    "txreconciliation",
    "whitelistforcerelay",
];

/// Options of the reference that this version does without.
pub(super) const LATER: &[&str] = &[
    "acceptnonstdtxn",
    "asmap",
    "checkaddrman",
    "checkblockindex",
    "externalip",
    "loglevel",
    "logips",
    "maxmempool",
    "maxuploadtarget",
    "minrelaytxfee",
    "mintxfee",
    "mocktime",
    "onlynet",
    "persistmempool",
    "pid",
    "proxyrandomize",
    "startupnotify",
    "test",
    "testactivationheight",
    "torcontrol",
    "torpassword",
    "whitebind",
];

/// Options whose values are not shown.
pub(super) const SECRET: &[&str] = &["rpcauth", "rpcpassword", "rpcuser", "torpassword"];

/// Options that mean nothing without a value. Core: `DISALLOW_ELISION`.
pub(super) const VALUE_NEEDED: &[&str] = &["proxy"];

/// The table's own name for an option, and its form; `None`: there is no such option.
pub(super) fn find(name: &str) -> Option<(&'static str, Form)> {
    if let Some(spec) = EFFECTIVE.iter().find(|spec| spec.name == name) {
        return Some((spec.name, spec.form));
    }
    let others = [
        (NO_EFFECT, Form::NoEffect),
        (LATER_UNLESS_OFF, Form::LaterUnlessOff),
        (LATER, Form::Later),
    ];
    others.into_iter().find_map(|(names, form)| {
        let found = names.iter().find(|other| **other == name)?;
        Some((*found, form))
    })
}
