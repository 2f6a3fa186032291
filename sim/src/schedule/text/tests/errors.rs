//! The messages, as a person reads them: a row per mistake.

use super::super::super::{
    COMMENT_LINES_MAX, ITEMS_MAX, LINES_MAX, LITERAL_BYTES_MAX, NAME_BYTES_MAX, ORDER_LINES_MAX,
    SETTINGS_MAX, Schedule, VALUE_BYTES_MAX,
};

/// A line behind `format 1`; the column, and what is wrong there.
const LINES: [(&str, &str); 82] = [
    (
        "p1 stopps reading",
        "4: expected \"dials\", \"listens\", \"sends\", \"is\", \"stops reading\", \"reads \
         again\", \"half-closes\", \"closes\", \"resets\" or \"vanishes\", found \"stopps\"; did \
         you mean \
         \"stops reading\"?",
    ),
    ("p1 stops writing", "10: expected \"reading\", found \"writing\""),
    (
        "p1 dails",
        "4: expected \"dials\", \"listens\", \"sends\", \"is\", \"stops reading\", \"reads \
         again\", \"half-closes\", \"closes\", \"resets\" or \"vanishes\", found \"dails\"; did \
         you mean \
         \"dials\"?",
    ),
    (
        "P1 dials",
        "1: expected an actor (p1 to p64), \"subject\", \"order\", \"node\", \"link\", \
         \"wall\", \"fault\" or \"expect\", found \"P1\"",
    ),
    (
        "alice dials",
        "1: expected an actor (p1 to p64), \"subject\", \"order\", \"node\", \"link\", \
         \"wall\", \"fault\" or \"expect\", found \"alice\"",
    ),
    ("p0 dials", "1: the number of an actor is from 1 to 64, found 0"),
    ("p65 dials", "1: the number of an actor is from 1 to 64, found 65"),
    (
        "p99999999999999999999 dials",
        "1: the number of an actor is from 1 to 64, found 99999999999999999999",
    ),
    ("p1 dials at 1.2.3.4:5", "10: expected \"from\" or the end of the line, found \"at\""),
    (
        "p1 dials from 1.2.3.4",
        "15: expected an address and port (203.0.113.7:8333 or [2001:db8::1]:8333), found \
         \"1.2.3.4\"",
    ),
    (
        "p1 dials from [fe80::1%3]:80",
        "15: expected an address and port (203.0.113.7:8333 or [2001:db8::1]:8333), found \
         \"[fe80::1%3]:80\"",
    ),
    ("p1 dials # comment", "10: a comment cannot stand here: it has a line of its own"),
    (
        "p1",
        "3: expected \"dials\", \"listens\", \"sends\", \"is\", \"stops reading\", \"reads \
         again\", \"half-closes\", \"closes\", \"resets\" or \"vanishes\", found the end of the \
         line",
    ),
    (
        "p1 sends",
        "9: expected a message (as in ping), \"the rest\", \"hex\" or a number of bytes, found \
         the end of the line",
    ),
    (
        "p1 sends version,",
        "18: expected a message (as in ping), \"the rest\", \"hex\" or a number of bytes, found \
         the end of the line",
    ),
    (
        "p1 sends version verack",
        "18: expected \",\", a setting (as in nonce=7), a repeat (as in x200) or the end of the \
         line, found \"verack\"",
    ),
    ("p1 sends Version", "10: expected a message (as in ping), found \"Version\""),
    ("p1 sends junk", "10: \"junk\" is a word of the language and cannot be a name here"),
    (
        "p1 sends ping nonce=7 x200 nonce=8",
        "28: expected \",\", a setting (as in nonce=7), a repeat (as in x200) or the end of the \
         line, found \"nonce=8\"",
    ),
    ("p1 sends ping Nonce=7", "15: expected a setting (as in nonce=7), found \"Nonce=7\""),
    ("p1 sends ping x0", "15: a repeat is from 1 to 1000000, found 0"),
    ("p1 sends ping x1000001", "15: a repeat is from 1 to 1000000, found 1000001"),
    (
        "p1 sends ping x",
        "15: expected \",\", a setting (as in nonce=7), a repeat (as in x200) or the end of the \
         line, found \"x\"",
    ),
    ("p1 sends 10 byte of ping", "13: expected \"bytes\", found \"byte\"; did you mean \"bytes\"?"),
    ("p1 sends 1 bytes of ping", "12: expected \"byte\", found \"bytes\"; did you mean \"byte\"?"),
    ("p1 sends 10 bytes from ping", "19: expected \"of\", found \"from\""),
    ("p1 sends 0 bytes of junk", "10: a number of bytes is from 1 to 8000000, found 0"),
    ("p1 sends 8000001 bytes of junk", "10: a number of bytes is from 1 to 8000000, found 8000001"),
    ("p1 sends hex", "13: expected hexadecimal digits, two a byte, found the end of the line"),
    ("p1 sends hex 0a0", "14: expected hexadecimal digits, two a byte, found \"0a0\""),
    ("p1 sends hex 0g", "14: expected hexadecimal digits, two a byte, found \"0g\""),
    ("p1 sends the res", "14: expected \"rest\", found \"res\"; did you mean \"rest\"?"),
    ("p1 sends the rest x2", "19: expected \",\" or the end of the line, found \"x2\""),
    (
        "p1 sends \"ping\"",
        "10: expected a message (as in ping), \"the rest\", \"hex\" or a number of bytes, found \
         \"ping\"",
    ),
    (
        "p1 is onest",
        "7: expected \"scripted\", \"honest\", \"silent\", \"slow\", \"chatty\", \
         \"flooding\", \"hostile\", \"deaf\" or \"trickling\", found \
         \"onest\"; did you mean \"honest\"?",
    ),
    (
        "10 p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"10\"",
    ),
    (
        "10m p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"10m\"",
    ),
    (
        "-5ms p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"-5ms\"",
    ),
    (
        "+ p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"+\"",
    ),
    (
        "1.5s p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"1.5s\"",
    ),
    (
        "401h2 p1 dials",
        "1: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"401h2\"",
    ),
    ("+9601h p1 dials", "1: a time is at most 400 days, found 9601h"),
    (
        "+99999999999999999999999999999999999999999s p1 dials",
        "1: a time is at most 400 days, found 99999999999999999999999999999999999999999s",
    ),
    (
        "node keeps p1",
        "6: expected a setting before the script, \"dials\", \"drops\", \"is told\", \
         \"restarts\", \"crashes\" or \"stalls\", found \"keeps\"",
    ),
    (
        "expect p1 recieves pong within 1s",
        "11: expected \"receives\" or \"never receives\", found \"recieves\"; did you mean \
         \"receives\"?",
    ),
    ("expect p1 receives pong", "24: expected \"within\", found the end of the line"),
    (
        "expect p1 receives pong, in order within",
        "41: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         the end of the line",
    ),
    (
        "expect p1 receives pong, in odrer, within 1s",
        "29: expected \"order\" or \"any order\", found \"odrer\"; did you mean \"order\"?",
    ),
    (
        "expect p1 receives within 1s",
        "20: \"within\" is a word of the language and cannot be a name here",
    ),
    (
        "expect nodes keeps p1",
        "8: expected an actor (p1 to p64) or \"node\", found \"nodes\"; did you mean \"node\"?",
    ),
    ("expect node holds p1", "13: expected \"keeps\", \"drops\" or \"connects\", found \"holds\""),
    ("expect node drops p1", "21: expected \"within\", found the end of the line"),
    ("expect node drops p1 within 61s for fun", "33: expected \"because\", found \"for\""),
    (
        "expect node drops p1 within 61s because Handshake",
        "41: expected the name of a reason (as in handshake-timeout), found \"Handshake\"",
    ),
    ("fault next send to p1 takes 40 bytes", "7: expected \"node's\", found \"next\""),
    (
        "fault node's send to p1 takes 40 bytes",
        "14: expected \"next\" or an ordinal (2nd, 3rd ...), found \"send\"",
    ),
    (
        "fault node's next 3 send to p1 takes 40 bytes",
        "21: expected \"accepts\", \"connects\", \"sends\", \"recvs\", \"appends\" or \"syncs\", \
         found \"send\"; did you mean \"sends\"?",
    ),
    ("fault node's 0th send would block", "14: an ordinal is from 1 to 1000000, found 0"),
    ("fault node's 4th to 2nd sends would block", "21: expected a later ordinal, found \"2nd\""),
    (
        "fault node's next recv takes 40 bytes",
        "24: expected \"gets\", \"would block\" or \"fails\", found \"takes\"",
    ),
    (
        "fault node's next accept fails: reset",
        "33: expected \"out of descriptors\" or \"aborted\", found \"reset\"",
    ),
    ("fault node's next connect would block", "27: expected \"fails\", found \"would\""),
    (
        "fault node's next 2 sends takes 40 bytes",
        "27: expected \"take\", \"would block\" or \"fail\", found \"takes\"; did you \
         mean \"take\"?",
    ),
    ("fault node's next send fails reset", "30: expected \":\", found \"reset\""),
    (
        "fault node's next send from p1 would block",
        "24: expected \"takes\", \"would block\" or \"fails\", found \"from\"",
    ),
    (
        "link p1 latncy 50ms",
        "9: expected \"latency\", \"bandwidth\", \"chunks\", \"swallows all\", \"swallows to \
         node\", \"swallows from node\" or \"heals\", found \"latncy\"; did you mean \
         \"latency\"?",
    ),
    (
        "link p1 latency fast",
        "17: expected a time (a whole number and ns, us, ms, s, min or h, as in 10ms), found \
         \"fast\"",
    ),
    (
        "link p1 bandwidth 0",
        "19: a number of bytes a second is from 1 to 18446744073709551615, found 0",
    ),
    ("link p1 swallows none", "18: expected \"all\", \"to node\" or \"from node\", found \"none\""),
    ("wall jumps 1h", "12: expected a time with a sign (as in +1h or -90s), found \"1h\""),
    ("wall jump +1h", "6: expected \"jumps\", found \"jump\"; did you mean \"jumps\"?"),
    ("order after node serves p1: run opener", "7: expected \"before\" or \"at\", found \"after\""),
    (
        "order before p1's verack is handled: run opener",
        "14: expected \"node\" or \"node's\", found \"p1's\"",
    ),
    ("order before node handles verack from p1: opener", "43: expected \"run\", found \"opener\""),
    ("order before node handles verack from p1 run opener", "42: expected \":\", found \"run\""),
    (
        "order before node handles \"verack: run opener",
        "27: a quotation mark has no counterpart in its line",
    ),
    (
        "order before node handles \"ver\\ack\": run opener",
        "31: expected \\\", \\\\ or \\u{...} after a backslash",
    ),
    (
        "order before node is is: run opener",
        "22: \"is\" is a word of the language and cannot be a name here",
    ),
    ("order before node handles verack 2nd time: run opener", "34: expected \":\", found \"2nd\""),
    (
        "order before node's 2nd handles verack: run opener",
        "25: expected \"append\", \"arrival\", \"close\", \"create\", \"dial\", \"finish\", \
         \"poll\", \"push\", \"receive\", \"remove\", \"rename\", \"send\", \
         \"stop-listening\", \"sync\", \"sync-folder\" or \"wake\", found \"handles\"",
    ),
    (
        "order at node's recv from p1: gets 40 bytes",
        "17: expected an ordinal (1st, 2nd, 3rd, 4th ...), found \"recv\"",
    ),
    (
        "+1s order at node's 1st recv: would block",
        "5: a time before \"order\" cannot stand here: an anchor says when",
    ),
];

/// A text; the line and the column, and what is wrong there.
const TEXTS: [(&str, &str); 25] = [
    ("", "1:1: expected \"format 1\", found the end of the text"),
    ("\n# Title only\n", "3:1: expected \"format 1\", found the end of the text"),
    ("p1 dials", "1:1: expected \"format 1\", found \"p1\""),
    ("fromat 1", "1:1: expected \"format 1\", found \"fromat\"; did you mean \"format 1\"?"),
    ("format", "1:7: expected the number of a format, found the end of the line"),
    (
        "format 2",
        "1:8: format 2 is not known; known is 1: write the text anew in that format, or \
         take the build that knows the other",
    ),
    (
        "format 01",
        "1:8: format 01 is not known; known is 1: write the text anew in that format, or \
         take the build that knows the other",
    ),
    ("format one", "1:8: expected the number of a format, found \"one\""),
    ("format 1 2", "1:10: expected the end of the line, found \"2\""),
    ("format 1\nformat 1", "2:1: a second format cannot stand here: one is enough"),
    (
        "format 1\nsubject echo\nsubject http",
        "3:1: a second subject cannot stand here: one is enough",
    ),
    ("format 1\nsubject Echo", "2:9: expected the name of a subject (as in echo), found \"Echo\""),
    (
        "format 1\np1 dials\nsubject echo",
        "3:1: a subject cannot stand here: it stands before the script",
    ),
    (
        "format 1\nnode Max 8",
        "2:6: expected the key of a setting (as in max-inbound), found \"Max\"",
    ),
    (
        "format 1\nnode",
        "2:5: expected the key of a setting (as in max-inbound), found the end of the line",
    ),
    (
        "format 1\np1 dials\nnode max-inbound 8",
        "3:6: expected a setting before the script, \"dials\", \"drops\", \"is told\", \
         \"restarts\", \"crashes\" or \"stalls\", found \
         \"max-inbound\"",
    ),
    (
        "format 1\n  node max-inbound 8",
        "2:8: expected a setting before the script, \"dials\", \"drops\", \"is told\", \
         \"restarts\", \"crashes\" or \"stalls\", found \
         \"max-inbound\"",
    ),
    (
        "format 1\n# A comment.\nnode max-inbound 8",
        "2:1: a comment cannot stand here: it stands at the head of the text or above a line of \
         the script",
    ),
    (
        "format 1\np1 dials\n\n# The end.\n",
        "4:1: a comment cannot stand here: it stands at the head of the text or above a line of \
         the script",
    ),
    (
        "format 1\np1 dials\n# Why.\norder at node's 1st accept: would block",
        "3:1: a comment cannot stand here: it stands at the head of the text or above a line of \
         the script",
    ),
    (
        "format 1\norder at node's 1st accept: would block\np1 dials",
        "3:1: a line of the script cannot stand here: it stands above the order",
    ),
    ("format 1\n# bell \u{7}\n", "2:8: the control character U+0007 cannot stand in a text"),
    ("format 1\np1 dials\u{0}", "2:9: the control character U+0000 cannot stand in a text"),
    ("format 1\np1 sends pingé", "2:10: expected a message (as in ping), found \"pingé\""),
    (
        "format 1\np1 sends abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "2:10: more than 64 letters in a name",
    ),
];

#[test]
fn a_mistake_in_a_line_says_where_and_what_is_expected() {
    for (line, message) in LINES {
        check(&format!("format 1\n{line}\n"), &format!("2:{message}"));
    }
}

#[test]
fn a_mistake_in_a_text_says_where_and_what_is_expected() {
    for (text, message) in TEXTS {
        check(text, message);
    }
}

#[test]
fn the_place_is_shown_in_the_line() {
    check_shown(
        "format 1\n\n+10ms    p1 stopps reading\n",
        "\
corpus/x.case:3:13: expected \"dials\", \"listens\", \"sends\", \"is\", \"stops reading\", \
\"reads again\", \"half-closes\", \"closes\", \"resets\" or \"vanishes\", found \"stopps\"
    3 | +10ms    p1 stopps reading
      |             ^^^^^^ did you mean \"stops reading\"?",
    );
    check_shown(
        "format 1\n\tp1\tsends é\n",
        "\
corpus/x.case:2:11: expected a message (as in ping), found \"é\"
    2 |  p1 sends é
      |           ^",
    );
    check_shown(
        "format 1\nexpect p1 receives pong",
        "\
corpus/x.case:2:24: expected \"within\", found the end of the line
    2 | expect p1 receives pong
      |                        ^",
    );
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text = format!("format 1\np1 sends {}Ping, {}\n", "ping, ".repeat(50), "pong, ".repeat(50));
    check_shown(
        &text,
        "\
corpus/x.case:2:310: expected a message (as in ping), found \"Ping\"
    2 | ..., ping, ping, ping, ping, ping, ping, ping, ping, Ping, pong, pong, pong, pong, pong, \
pong, pong, pong, pong, ...
      |                                                      ^^^^",
    );
}

#[test]
fn limits_hold_where_they_are_passed() {
    let lines = |count| "p1 closes\n".repeat(count);
    check_limit(LINES_MAX, "10002:1: more than 10000 lines in the script", lines);
    let order = |count| "order at node's 1st accept: would block\n".repeat(count);
    let position = "1000002:1: more than 1000000 lines in the order";
    check_limit(ORDER_LINES_MAX, position, order);
    let comment = |count| format!("{}p1 closes", "# A\n".repeat(count));
    check_limit(COMMENT_LINES_MAX, "1002:1: more than 1000 lines in one comment", comment);
    let node = |count| "node seed 7\n".repeat(count);
    check_limit(SETTINGS_MAX, "102:6: more than 100 settings of the node", node);
    let value = |count| format!("node a {}", "b".repeat(count));
    check_limit(VALUE_BYTES_MAX, "2:7: more than 1000 bytes in a value", value);
    let object = |count| format!("order before node handles {}: run a", "b".repeat(count));
    check_limit(VALUE_BYTES_MAX, "2:27: more than 1000 bytes in an object", object);
    let name = |count| format!("p1 sends {}", "b".repeat(count));
    check_limit(NAME_BYTES_MAX, "2:10: more than 64 letters in a name", name);
}

#[test]
fn limits_of_one_line_hold_where_they_are_passed() {
    let items = |count| format!("p1 sends {}", vec!["tx"; count].join(","));
    check_limit(ITEMS_MAX, "2:3010: more than 1000 things in one line", items);
    let words = |count| format!("expect p1 receives {} within 1s", vec!["tx"; count].join(","));
    check_limit(ITEMS_MAX, "2:3020: more than 1000 things in one line", words);
    let settings = |count| format!("p1 sends ping{}", " a=1".repeat(count));
    check_limit(SETTINGS_MAX, "2:415: more than 100 settings of one message", settings);
    let value = |count| format!("p1 sends ping a={}", "b".repeat(count));
    check_limit(VALUE_BYTES_MAX, "2:15: more than 1000 bytes in a value", value);
    let literal = |count| format!("p1 sends hex {}", "00".repeat(count));
    let message = "2:14: a number of bytes is from 1 to 8000000, found 8000001";
    check_limit(usize::try_from(LITERAL_BYTES_MAX).unwrap(), message, literal);
}

/// What is made of the bound is a schedule; of one more, not.
#[track_caller]
fn check_limit(most: usize, message: &str, body: impl Fn(usize) -> String) {
    let text = |count| format!("format 1\n{}\n", body(count));
    let at_most = Schedule::parse("x", &text(most)).unwrap();
    assert_eq!(at_most.check(), Ok(()));
    check(&text(most + 1), message);
}

/// The message without the name of the text and without the line.
#[track_caller]
fn check(text: &str, message: &str) {
    let error = Schedule::parse("x", text).expect_err(message);
    let hint = error.mistake.suggestion().map(|words| format!("; did you mean \"{words}\"?"));
    let shown =
        format!("{}:{}: {}{}", error.line, error.column, error.mistake, hint.unwrap_or_default());
    assert_eq!(shown, message);
}

#[track_caller]
fn check_shown(text: &str, shown: &str) {
    assert_eq!(Schedule::parse("corpus/x.case", text).expect_err(text).to_string(), shown);
}
