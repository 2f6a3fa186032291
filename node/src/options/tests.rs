//! A row per case.

use super::*;

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split_whitespace().map(str::to_owned)
}

#[track_caller]
fn options(line: &str) -> Options {
    match parse(words(line)) {
        Ok(Request::Run(options)) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

#[track_caller]
fn error(line: &str) -> String {
    parse(words(line)).expect_err(line).to_string()
}

#[track_caller]
fn check_errors(rows: &[(&str, &str)]) {
    for (line, text) in rows {
        assert_eq!(error(line), *text, "{line}");
    }
}

/// Checks one thing of the options that follow from each line.
#[track_caller]
fn check<T: PartialEq + std::fmt::Debug>(what: fn(Options) -> T, rows: &[(&str, T)]) {
    for (line, expected) in rows {
        assert_eq!(what(options(line)), *expected, "{line}");
    }
}

fn at(places: &[&str]) -> Listen {
    Listen::At(places.iter().map(|place| place.parse().unwrap()).collect())
}

#[test]
fn one_chain_is_chosen() {
    check(
        |options| options.config.network,
        &[
            ("", Network::Main),
            ("-regtest", Network::Regtest),
            ("--regtest", Network::Regtest),
            ("-regtest=1", Network::Regtest),
            ("-regtest=0", Network::Main),
            ("-noregtest", Network::Main),
            ("-noregtest=0", Network::Regtest),
            ("-regtest -noregtest -signet", Network::Signet),
            ("-testnet", Network::Testnet3),
            ("-testnet4", Network::Testnet4),
            ("-chain=regtest", Network::Regtest),
            ("-chain=test", Network::Testnet3),
            ("-chain=main -chain=signet", Network::Signet),
        ],
    );
}

#[test]
fn listening_follows_from_several_options() {
    check(
        |options| options.listen,
        &[
            ("", Listen::Everywhere { port: 8333 }),
            ("-regtest", Listen::Everywhere { port: 18444 }),
            ("-port=1", Listen::Everywhere { port: 1 }),
            ("-port=1 -port=2", Listen::Everywhere { port: 2 }),
            ("-port=0 -port=2", Listen::Everywhere { port: 2 }),
            // Soft settings.
            ("-connect=1.2.3.4", Listen::Off),
            ("-connect=0", Listen::Off),
            ("-noconnect", Listen::Off),
            ("-maxconnections=0", Listen::Off),
            ("-connect=0 -listen", Listen::Everywhere { port: 8333 }),
            ("-connect=0 -bind=1.2.3.4", at(&["1.2.3.4:8333"])),
            ("-listen=0", Listen::Off),
            ("-nolisten", Listen::Off),
            // Places.
            ("-regtest -bind=127.0.0.1", at(&["127.0.0.1:18444"])),
            ("-port=7 -bind=127.0.0.1", at(&["127.0.0.1:7"])),
            ("-bind=127.0.0.1:5 -bind=[::1]:6", at(&["127.0.0.1:5", "[::1]:6"])),
            ("-bind=::1 -bind=[::2] -port=9", at(&["[::1]:9", "[::2]:9"])),
            ("-bind=1.2.3.4 -nobind -bind=1.2.3.5:1", at(&["1.2.3.5:1"])),
            ("-bind=1.2.3.4 -nobind", Listen::Everywhere { port: 8333 }),
        ],
    );
}

/// What the RPC server is, in words.
fn rpc_of(options: Options) -> String {
    let Some(rpc) = options.rpc else { return "none".to_owned() };
    let binds: Vec<_> = rpc.binds.iter().map(ToString::to_string).collect();
    let login = match rpc.login {
        Login::None => "nobody".to_owned(),
        Login::Cookie { file, mode } => format!("{} {mode:o}", file.display()),
        Login::Password { user, password } => format!("{user} with {password}"),
    };
    format!("{login} at {}", binds.join(" "))
}

#[test]
fn rpc_server_follows_from_several_options() {
    let none = || "none".to_owned();
    let cookie = |text: &str| format!("{text} at [::1]:8332 127.0.0.1:8332");
    let tag = "0".repeat(64);
    for (line, expected) in [
        ("", none()),
        ("-datadir=d", cookie(".cookie 600")),
        ("-datadir=d -server=0", none()),
        ("-datadir=d -norpccookiefile", none()),
        ("-datadir=d -rpccookiefile=c -rpccookieperms=group", cookie("c 640")),
        ("-rpccookiefile=/c -rpccookieperms=all", cookie("/c 644")),
        ("-rpccookiefile=c", none()),
        ("-rpcuser=u -rpcpassword=p", cookie("u with p")),
        ("-datadir=d -rpcpassword=p", cookie(" with p")),
        (&format!("-rpcauth=u:s${tag}"), cookie("nobody")),
        (&format!("-rpcauth=x -norpcauth -rpcauth=u:s${tag}"), cookie("nobody")),
        ("-datadir=d -rpcport=7 -regtest", ".cookie 600 at [::1]:7 127.0.0.1:7".to_owned()),
        ("-datadir=d -rpcbind=1.2.3.4", cookie(".cookie 600")),
        (
            "-datadir=d -rpcbind=1.2.3.4 -rpcbind=[::2]:9 -rpcallowip=1.2.3.0/24",
            ".cookie 600 at 1.2.3.4:8332 [::2]:9".to_owned(),
        ),
    ] {
        assert_eq!(rpc_of(options(line)), expected, "{line}");
    }
    let warned = options("-datadir=d -rpcbind=1.2.3.4").warnings;
    assert!(warned[0].starts_with("option -rpcbind was ignored"), "{warned:?}");
}

#[test]
fn rpc_server_that_makes_no_sense_is_an_error() {
    let start = "Unable to start HTTP server. See debug log for details.";
    check_errors(&[
        (
            "-server",
            "-server leaves nobody who could log in: give -datadir for a cookie, or -rpcauth, or \
             -rpcpassword.",
        ),
        ("-rpcauth", start),
        ("-rpcauth=user:secret", start),
        ("-rpcport=0", "Invalid port specified in -rpcport: '0'"),
        ("-rpcport=70000", "Invalid port specified in -rpcport: '70000'"),
        ("-rpcbind=1.2.3.4:x", "Invalid port specified in -rpcbind: '1.2.3.4:x'"),
        (
            "-rpccookieperms=nobody",
            "Invalid -rpccookieperms=nobody; must be one of 'owner', 'group', or 'all'.",
        ),
        ("-rpcservertimeout=-1", "Invalid number specified in -rpcservertimeout: '-1'"),
    ]);
    let subnet = error("-rpcallowip=1.2.3.4/40");
    assert!(subnet.starts_with("Invalid -rpcallowip subnet specification: 1.2.3.4/40."));
}

#[test]
fn secrets_are_not_told() {
    let tag = "0".repeat(64);
    let line = format!("-rpcuser=secret -rpcpassword=secret -rpcauth=secret:secret${tag}");
    let options = options(&line);
    let told = format!("{:?} {:?} {:?}", options.remarks, options.warnings, options.rpc);
    assert!(!told.replace("name: \"secret\"", "").contains("secret"), "{told}");
    assert!(options.remarks.contains(&"Command-line arg: rpcpassword=****".to_owned()));
}

#[test]
fn endpoints_to_connect_to_are_collected() {
    let rows: &[(&str, &[&str])] = &[
        ("-regtest -connect=1.2.3.4", &["1.2.3.4:18444"]),
        // The default is the chain's port, not ours.
        ("-regtest -port=7 -connect=1.2.3.4", &["1.2.3.4:18444"]),
        ("-connect=1.2.3.4:5 --connect=[::1]:6", &["1.2.3.4:5", "[::1]:6"]),
    ];
    for (line, expected) in rows {
        let outbound = options(line).config.outbound;
        let Outbound::List(connect) = outbound else { panic!("{line}: {outbound:?}") };
        let connect: Vec<_> = connect.iter().map(ToString::to_string).collect();
        assert_eq!(connect, *expected, "{line}");
    }
}

#[test]
fn peers_are_chosen_unless_they_are_named() {
    let automatic = |seed_nodes: &[&str], fixed_seeds| Outbound::Automatic {
        seed_nodes: seed_nodes.iter().map(|at| Endpoint::Ip(at.parse().unwrap())).collect(),
        fixed_seeds,
    };
    check(
        |options| options.config.outbound,
        &[
            ("", automatic(&[], FixedSeeds::Used)),
            ("-fixedseeds=0", automatic(&[], FixedSeeds::Unused)),
            ("-seednode=1.2.3.4", automatic(&["1.2.3.4:8333"], FixedSeeds::Used)),
            ("-maxconnections=0", automatic(&[], FixedSeeds::Used)),
            ("-connect=0", Outbound::None),
            ("-noconnect", Outbound::None),
            ("-connect=1.2.3.4:5 -noconnect", Outbound::None),
            ("-connect=0 -seednode=1.2.3.4", Outbound::None),
        ],
    );
}

#[test]
fn added_nodes_go_with_any_of_that() {
    for line in ["", "-connect=0", "-connect=5.6.7.8"] {
        let line = format!("-regtest {line} -addnode=1.2.3.4 -addnode=[::1]:5");
        let added = options(&line).config.added;
        let added: Vec<_> = added.iter().map(ToString::to_string).collect();
        assert_eq!(added, ["1.2.3.4:18444", "[::1]:5"], "{line}");
    }
}

#[test]
fn limits_and_times_are_read() {
    let seconds = Duration::from_secs;
    check(
        |options| options.config.limits,
        &[
            ("", Limits::for_connections(125)),
            ("-maxconnections=40", Limits::for_connections(40)),
            ("-maxconnections=1 -maxconnections=2", Limits::for_connections(2)),
            ("-nomaxconnections", Limits::for_connections(0)),
            ("-maxconnections=99999999999", Limits::for_connections(u32::MAX)),
        ],
    );
    check(
        |options| options.config.peer_timeout,
        &[("", seconds(60)), ("-peertimeout=1", seconds(1)), ("-peertimeout=+7", seconds(7))],
    );
    check(
        |options| options.config.dial_timeout,
        &[
            ("", seconds(5)),
            ("-timeout=1", Duration::from_millis(1)),
            ("-timeout=0", seconds(5)),
            ("-timeout=-1", seconds(5)),
        ],
    );
    check(
        |options| {
            let config = options.config;
            (config.receive_buffer_bytes_max, config.send_buffer_bytes_max)
        },
        &[
            ("", (5_000_000, 1_000_000)),
            ("-maxreceivebuffer=7 -maxsendbuffer=8", (7_000, 8_000)),
            ("-maxreceivebuffer=0 -nomaxsendbuffer", (0, 0)),
        ],
    );
}

#[test]
fn user_agent_has_the_comments() {
    let ours = |comments: &str| format!("/sockman:{VERSION}{comments}/");
    check(
        |options| options.config.user_agent,
        &[
            ("", ours("")),
            ("-uacomment=a", ours("(a)")),
            ("-uacomment=testnode0 -uacomment=b.,;-_?@", ours("(testnode0; b.,;-_?@)")),
            ("-uacomment=a -nouacomment", ours("")),
        ],
    );
    let config = Config::new(Network::Main);
    assert_eq!(options("").config.user_agent, config.user_agent, "the library says the same");
}

#[test]
fn switches_are_read() {
    check(
        |options| options.network_state,
        &[
            ("", NetworkState::Active),
            ("-networkactive=0", NetworkState::Inactive),
            ("-nonetworkactive", NetworkState::Inactive),
            ("-nonetworkactive=0", NetworkState::Active),
        ],
    );
    check(
        |options| options.config.behaviour,
        &[
            ("", Behaviour::Ours),
            ("-reference", Behaviour::Reference),
            ("--reference", Behaviour::Reference),
            ("-reference=0", Behaviour::Ours),
        ],
    );
    check(
        |options| (options.log.console, options.log.times),
        &[
            ("", (true, Times::Seconds)),
            ("-printtoconsole=0 -logtimemicros -nodebuglogfile", (false, Times::Micros)),
            ("-noprinttoconsole -printtoconsole", (true, Times::Seconds)),
            ("-logtimestamps=0 -logtimemicros", (true, Times::None)),
        ],
    );
    let at = |path: &str| FileOption::At(PathBuf::from(path));
    check(
        |options| (options.log.file, options.log.shrinks),
        &[
            ("", (FileOption::Usual, true)),
            ("-debuglogfile -debug=net", (FileOption::Usual, false)),
            ("-debuglogfile=a/b -debug=net -shrinkdebugfile", (at("a/b"), true)),
            ("-debuglogfile=0 -shrinkdebugfile=0", (at("0"), false)),
            ("-debuglogfile=a -nodebuglogfile", (FileOption::Off, true)),
        ],
    );
    check(
        |options| options.data_directory,
        &[
            ("", None),
            ("-datadir", None),
            ("-datadir=/a -datadir=b", Some(PathBuf::from("b"))),
            ("-datadir=a -nodatadir", None),
        ],
    );
}

#[test]
fn categories_are_raised_and_dropped() {
    check(
        |options| options.log.debug,
        &[
            ("", vec![]),
            ("-debug=net", vec!["net"]),
            ("-debug=tor -debug=net -debug=net", vec!["net", "tor"]),
            ("-debug", CATEGORIES.to_vec()),
            ("-debug=1", CATEGORIES.to_vec()),
            ("-debug=all", CATEGORIES.to_vec()),
            ("-debug=nonsense -debug=0", vec![]),
            ("-debug=nonsense -debug=none -debug=net", vec!["net"]),
            ("-debug=nonsense -nodebug -debug=net", vec!["net"]),
            ("-debug=tor -debug=net -debugexclude=tor", vec!["net"]),
            ("-debugexclude=net -debug=net", vec![]),
        ],
    );
}

#[test]
fn remarks_tell_how_options_were_understood() {
    let rows: &[(&str, &[&str])] = &[
        ("-regtest", &["Command-line arg: regtest=\"\""]),
        ("-nolisten", &["Command-line arg: listen=false"]),
        (
            "-nolisten=0",
            &[
                "Warning: parsed potentially confusing double-negative -listen=0",
                "Command-line arg: listen=\"1\"",
            ],
        ),
        (
            "-bind=1.2.3.4",
            &[
                "Command-line arg: bind=\"1.2.3.4\"",
                "parameter interaction: -bind set -> setting -listen=1",
            ],
        ),
        (
            "-connect=0",
            &[
                "Command-line arg: connect=\"0\"",
                "parameter interaction: -connect or -maxconnections=0 set -> setting -listen=0",
            ],
        ),
    ];
    for (line, remarks) in rows {
        assert_eq!(options(line).remarks, *remarks, "{line}");
    }
}

#[test]
fn options_without_effect_are_taken() {
    for line in [
        "-disablewallet -par=2 -fallbackfee=0.0002",
        // What is off already may be switched off.
        "-dnsseed=0 -listenonion=0 -natpmp=0 -nodiscover",
        "-v2transport=0 -v2transport=1",
        "-nologratelimit -noconf -noincludeconf",
    ] {
        assert_eq!(options(line).config, options("").config, "{line}");
    }
}

#[test]
fn testnet3_is_warned_of() {
    check(|options| options.warnings.len(), &[("", 0), ("-regtest", 0), ("-testnet", 1)]);
}

#[test]
fn texts_are_shown_instead_of_a_node() {
    for line in ["-help", "-h", "-?", "--help", "-help -version", "-help -port=0"] {
        match parse(words(line)) {
            Ok(Request::Show(text)) => {
                assert!(text.contains("\nOptions:\n"), "{line}");
                let long = text.lines().find(|line| line.len() > 80);
                assert_eq!(long, None, "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    let version = format!("Sockman daemon version v{VERSION} sockmand\n");
    assert_eq!(parse(words("-version")), Ok(Request::Show(version)));
}

#[test]
fn errors_have_the_words_of_the_contract() {
    const PARSING: &str = "Error parsing command line arguments:";
    const NO_LOG: &str = "-printtoconsole=0 leaves no log: give -datadir or -debuglogfile as well, \
                          or -nodebuglogfile if there is to be none.";
    let rows: &[(&str, &str)] = &[
        ("-nonsense", &format!("{PARSING} Invalid parameter -nonsense")),
        ("--nonsense=1", &format!("{PARSING} Invalid parameter --nonsense=1")),
        ("-nononsense", &format!("{PARSING} Invalid parameter -nononsense")),
        ("-regtest.port=1", &format!("{PARSING} Invalid parameter -regtest.port=1")),
        ("-", &format!("{PARSING} Invalid parameter -")),
        // The first wrong one counts, also before a request for help.
        ("-help -a -b", &format!("{PARSING} Invalid parameter -a")),
        (
            "-proxy",
            &format!(
                "{PARSING} Can not set -proxy with no value. Please specify value with \
                 -proxy=value."
            ),
        ),
        (
            "-includeconf=relative2.conf",
            &format!(
                "{PARSING} -includeconf cannot be used from commandline; \
                 -includeconf=\"relative2.conf\""
            ),
        ),
        (
            "token",
            "Command line contains unexpected token 'token', see sockmand -h for a list of \
             options.",
        ),
        // No log anywhere, unless that is what is wanted.
        ("-printtoconsole=0", NO_LOG),
        ("-printtoconsole=0 -debuglogfile=", NO_LOG),
        // Later.
        ("-pid=x", "-pid is not supported yet."),
        ("-proxy=1.2.3.4:5", "-proxy is not supported yet."),
        ("-bind=1.2.3.4:5=onion", "-bind=1.2.3.4:5=onion is not supported yet."),
    ];
    check_errors(rows);
}

#[test]
fn values_out_of_range_are_refused() {
    let long = format!("-uacomment={}", "a".repeat(260));
    let name = format!("/sockman:{VERSION}()/").len();
    check_errors(&[
        ("-port=0", "Invalid port specified in -port: '0'"),
        ("-port=65536", "Invalid port specified in -port: '65536'"),
        ("-port=+1", "Invalid port specified in -port: '+1'"),
        ("-port", "Invalid port specified in -port: ''"),
        ("-noport", "Invalid port specified in -port: '0'"),
        ("-bind=1.2.3.4:0", "Invalid port specified in -bind: '1.2.3.4:0'"),
        ("-bind=[::1]:x", "Invalid port specified in -bind: '[::1]:x'"),
        ("-bind=here", "Cannot resolve -bind address: 'here'"),
        ("-bind=[1.2.3.4]:5", "Cannot resolve -bind address: '[1.2.3.4]:5'"),
        ("-connect=here:5", "Cannot resolve -connect address: 'here:5'"),
        ("-connect=0 -connect=1.2.3.4", "Cannot resolve -connect address: '0'"),
        (
            "-bind=1.2.3.4 -bind=1.2.3.4:8333",
            "Duplicate binding configuration for address 1.2.3.4:8333. Please check your -bind \
             settings.",
        ),
        (
            "-whitelist=nobann@1.2.3.4",
            "Invalid -whitelist 'nobann@1.2.3.4': no permission is called \"nobann\", at byte 0",
        ),
        ("-bind=1.2.3.4 -listen=0", "Cannot set -bind or -whitebind together with -listen=0"),
        ("-listen=yes", "Invalid value specified in -listen: 'yes', must be 0 or 1"),
        ("-nolisten=yes", "Invalid value specified in -listen: 'yes', must be 0 or 1"),
        ("-timeout=5s", "Invalid number specified in -timeout: '5s'"),
        ("-maxconnections=many", "Invalid number specified in -maxconnections: 'many'"),
        ("-maxconnections=-1", "-maxconnections must be greater or equal than zero"),
        ("-maxsendbuffer=-1", "Invalid number specified in -maxsendbuffer: '-1'"),
        ("-peertimeout=0", "peertimeout must be a positive integer."),
        ("-peertimeout=-1", "peertimeout must be a positive integer."),
        ("-chain=moon", "Unknown chain moon."),
        (
            "-regtest -signet",
            "Invalid combination of -regtest, -signet, -testnet, -testnet4 and -chain. Can use \
             at most one.",
        ),
        ("-debug=moon", "Unsupported logging category -debug=moon."),
        ("-debug=0 -debug=moon", "Unsupported logging category -debug=moon."),
        ("-debugexclude=moon", "Unsupported logging category -debugexclude=moon."),
        ("-uacomment=(a)", "User Agent comment ((a)) contains unsafe characters."),
        (
            &long,
            &format!(
                "Total length of network version string ({}) exceeds maximum length (256). \
                 Reduce the number or size of uacomments.",
                name + 260
            ),
        ),
    ]);
    let connects = "-connect=1.2.3.4 ".repeat(CONNECT_MAX + 1);
    assert_eq!(
        error(&connects),
        format!("-connect was given {} times, at most {CONNECT_MAX} are possible", CONNECT_MAX + 1)
    );
}
