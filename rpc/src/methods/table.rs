//! Every method there is, by heading and name.

use super::{Category, Method, Need, Param, ParamKind, Run};
use super::{addresses, bans, chain, control, mempool, mining, network, peers};

/// The method of a name.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    ALL.iter().find(|method| method.name == name)
}

const fn needed(name: &'static str, kind: ParamKind, words: &'static str) -> Param {
    Param { name, kind, need: Need::Required, words }
}

const fn perhaps(name: &'static str, kind: ParamKind, words: &'static str) -> Param {
    Param { name, kind, need: Need::Optional, words }
}

const fn method(
    category: Category,
    name: &'static str,
    params: &'static [Param],
    run: Run,
    words: &'static str,
    result: &'static str,
) -> Method {
    Method { name, category, params, words, result, run }
}

const NETWORKS: &str = "ipv4, ipv6, onion, i2p, cjdns";

/// Ten parameters of any type.
const ECHOED: &[Param] = &[
    perhaps("arg0", ParamKind::Any, ""),
    perhaps("arg1", ParamKind::Any, ""),
    perhaps("arg2", ParamKind::Any, ""),
    perhaps("arg3", ParamKind::Any, ""),
    perhaps("arg4", ParamKind::Any, ""),
    perhaps("arg5", ParamKind::Any, ""),
    perhaps("arg6", ParamKind::Any, ""),
    perhaps("arg7", ParamKind::Any, ""),
    perhaps("arg8", ParamKind::Any, ""),
    perhaps("arg9", ParamKind::Any, ""),
];

/// The table.
#[rustfmt::skip]
pub static ALL: &[Method] = {
    use Category::{Blockchain, Control, Hidden, Mining, Network};
    use ParamKind::{Any, Flag, Number, Text};
    use Run::{AtDesk, AtNode};
    &[
        method(Blockchain, "getbestblockhash", &[], AtNode(chain::best_hash),
            "The last block of the chain that the node stands for.", "Its hash."),
        method(Blockchain, "getblock", &[
            needed("blockhash", Text, "The hash of the block"),
            perhaps("verbosity", Any, "0 or false: its bytes in hexadecimal digits. 1 or true: \
                what it says, with the names of its transactions (default: 1)"),
        ], AtNode(chain::block),
            "A block that is here, of whatever chain.",
            "Digits, or { hash, confirmations (-1: of another chain), height, ... }: docs/node.md \
             has the fields"),
        method(Blockchain, "getblockchaininfo", &[], AtNode(chain::info),
            "How far the chain has come.",
            "{ chain, blocks, headers, bestblockhash, bits, target, difficulty, time, mediantime, \
             verificationprogress, initialblockdownload, chainwork, size_on_disk, pruned, \
             warnings }"),
        method(Blockchain, "getblockcount", &[], AtNode(chain::count),
            "How many blocks lie below the last of the chain that the node stands for.",
            "A number."),
        method(Blockchain, "getblockhash", &[
            needed("height", Number, "How many blocks lie below it"),
        ], AtNode(chain::hash_at),
            "A block of the chain that the node stands for, by its height.", "Its hash."),
        method(Blockchain, "getblockheader", &[
            needed("blockhash", Text, "The hash of the block"),
            perhaps("verbose", Flag, "false: its 80 bytes in hexadecimal digits (default: true)"),
        ], AtNode(chain::header),
            "A header that is known, of whatever chain.",
            "Digits, or { hash, confirmations (-1: of another chain), height, ... }: docs/node.md \
             has the fields"),
        method(Blockchain, "getdifficulty", &[], AtNode(chain::difficulty),
            "How many times harder the last block was than the easiest of the main chain.",
            "A number."),
        method(Blockchain, "getmempoolinfo", &[], AtNode(mempool::info),
            "Transactions that are in no block: none is kept here.",
            "{ loaded, size, bytes, usage, total_fee, maxmempool, mempoolminfee, minrelaytxfee, \
             incrementalrelayfee, unbroadcastcount, fullrbf }"),
        method(Blockchain, "getrawmempool", &[
            perhaps("verbose", Flag, "Whether to say more of each (default: false)"),
            perhaps("mempool_sequence", Flag, "Taken, and without effect"),
        ], AtNode(mempool::names),
            "Transactions that are in no block: none is kept here.", "[], or {} if verbose"),

        method(Control, "getrpcinfo", &[], AtDesk(control::get_rpc_info),
            "What the RPC server is doing.",
            "{ active_commands: [{ method, duration in microseconds }], logpath }"),
        method(Control, "help", &[
            perhaps("command", Text, "The method to say more about (default: a list of all)"),
        ], AtDesk(control::help),
            "Lists all methods, or says more about one.", "A text."),
        method(Control, "stop", &[
            perhaps("wait", Number, "Taken, and without effect: what is under way is answered"),
        ], AtDesk(control::stop),
            "Ends the program in order.", "A text that says so."),
        method(Control, "uptime", &[], AtDesk(control::uptime),
            "How long the program has been running.", "Seconds."),

        method(Mining, "generateblock", &[
            needed("output", Text, "An address or a descriptor, raw(HEX) or addr(ADDRESS): whose \
                the coins are"),
            needed("transactions", Any, "[]: no other transactions are kept here"),
            perhaps("submit", Flag, "Whether to take the block in (default: true)"),
        ], AtNode(mining::one),
            "Makes a block on top of the chain, on regtest.",
            "{ hash }, and hex if it was not taken in"),
        method(Mining, "generatetoaddress", &[
            needed("nblocks", Number, "How many, at most 10000"),
            needed("address", Text, "Whose the coins are"),
            perhaps("maxtries", Number, "Taken, and without effect"),
        ], AtNode(mining::to_address),
            "Makes blocks on top of the chain, on regtest, and answers when they are saved.",
            "[hash, ...]"),
        method(Mining, "generatetodescriptor", &[
            needed("num_blocks", Number, "How many, at most 10000"),
            needed("descriptor", Text, "raw(HEX) or addr(ADDRESS): whose the coins are"),
            perhaps("maxtries", Number, "Taken, and without effect"),
        ], AtNode(mining::to_descriptor),
            "Makes blocks on top of the chain, on regtest, and answers when they are saved.",
            "[hash, ...]"),
        method(Mining, "submitblock", &[
            needed("hexdata", Text, "The block, in hexadecimal digits"),
            perhaps("dummy", Any, "Taken, and without effect"),
        ], AtNode(mining::submit_block),
            "Takes a block in, and answers when it is saved.",
            "null, or why it is not the end of the chain: \"duplicate\", \"inconclusive\", ..."),
        method(Mining, "submitheader", &[
            needed("hexdata", Text, "The header, in hexadecimal digits"),
        ], AtNode(mining::submit_header),
            "Takes a header in, of which the block is asked for.", "null"),

        method(Network, "addnode", &[
            needed("node", Text, "The address of the peer, with a port if it is not the usual"),
            needed("command", Text, "\"onetry\": connect once. \"add\": again and again from now \
                on. \"remove\": no more; a connection stays"),
            perhaps("v2transport", Flag, "Whether to begin with the transport of BIP 324 \
                (default: as -v2transport says; nothing else is possible yet)"),
        ], AtNode(peers::add_node),
            "Puts a peer on the list of those that are connected to again and again, takes it from \
             there, or tries once and answers when that has come to something, whatever that is.",
            "null"),
        method(Network, "clearbanned", &[], AtNode(bans::clear),
            "Lifts every ban.", "null"),
        method(Network, "disconnectnode", &[
            perhaps("address", Text, "The peer by its address, as getpeerinfo has it"),
            perhaps("nodeid", Number, "The peer by its number, as getpeerinfo has it"),
        ], AtNode(peers::disconnect),
            "Ends the connection with a peer, named by one of the two.", "null"),
        method(Network, "getaddrmaninfo", &[], AtNode(addresses::info),
            "How many addresses are known, by network and table.",
            "{ network: { new, tried, total } } for each network and all_networks"),
        method(Network, "getconnectioncount", &[], AtNode(peers::count),
            "How many connections there are.", "A number."),
        method(Network, "getnettotals", &[], AtNode(network::totals),
            "What went over all connections there ever were, in bytes.",
            "{ totalbytesrecv, totalbytessent, timemillis, uploadtarget }"),
        method(Network, "getnetworkinfo", &[], AtNode(network::info),
            "What this node is, and which networks (ipv4, ipv6, onion, i2p, cjdns) it reaches.",
            "{ version, subversion, protocolversion, localservices, localservicesnames, \
             localrelay, timeoffset, networkactive, connections, connections_in, connections_out, \
             networks, relayfee, incrementalfee, localaddresses, warnings }"),
        method(Network, "getnodeaddresses", &[
            perhaps("count", Number, "How many at most; 0: all (default: 1)"),
            perhaps("network", Text, NETWORKS),
        ], AtNode(addresses::some),
            "Addresses of others that are known, drawn at random.",
            "[{ time, services, address, port, network }]"),
        method(Network, "getpeerinfo", &[], AtNode(peers::info),
            "Every peer that is connected, by number. Networks are (ipv4, ipv6, onion, i2p, \
             cjdns, not_publicly_routable).",
            "[{ id, addr, network, ... }]: docs/node.md has the fields"),
        method(Network, "listbanned", &[], AtNode(bans::list),
            "Every ban that is not over, by subnet.",
            "[{ address, ban_created, banned_until, ban_duration, time_remaining }]"),
        method(Network, "ping", &[], AtNode(peers::ping),
            "Asks every peer for a pong, ahead of its time; getpeerinfo has how long it took.",
            "null"),
        method(Network, "setban", &[
            needed("subnet", Text, "An address, or a subnet with a prefix or a netmask"),
            needed("command", Text, "\"add\" or \"remove\""),
            perhaps("bantime", Number, "For how many seconds, 0: as -bantime says; or until \
                which, with absolute (default: 0)"),
            perhaps("absolute", Flag, "Whether bantime is a time since 1970 (default: false)"),
        ], AtNode(bans::set),
            "Bans a subnet, and ends the connections with its hosts; or lifts the ban of exactly \
             this subnet.", "null"),
        method(Network, "setnetworkactive", &[
            needed("state", Flag, "Whether connections are made and taken"),
        ], AtNode(network::set_active),
            "Switches the network on or off. Off ends every connection.", "The new state."),

        method(Hidden, "addpeeraddress", &[
            needed("address", Text, "The address, in numbers"),
            needed("port", Number, "The port"),
            perhaps("tried", Flag, "Whether it was connected to (default: false; nothing else is \
                possible yet)"),
        ], AtNode(addresses::add),
            "Makes an address known, for tests.", "{ success, error }"),
        method(Hidden, "echo", ECHOED, AtDesk(control::echo),
            "Sends back what it is called with, for tests.", "A list."),
        method(Hidden, "echojson", ECHOED, AtDesk(control::echo),
            "Sends back what it is called with, for tests.", "A list."),
        method(Hidden, "syncwithvalidationinterfacequeue", &[], AtNode(mempool::sync),
            "Answers when what was asked before has had its effect.", "null"),
    ]
};
