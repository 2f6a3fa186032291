//! The contract as named cases, each a few calls and what they must bring.
//!
//! One instance of a backend holds both ends: a client connects to a listener of its own. The same
//! list runs on the kernel, under every way to wait for it, and on the virtual network. What the
//! kernel does in each case was measured; docs/behaviour.md has the tables.
//!
//! A spurious report is allowed, so a case expects silence only of a socket that has just said
//! "would block", or where the interest hides what there is.
//!
//! A case waits for what it needs, at most [`DEADLINE`], and never sleeps. It reads no clock: the
//! backend's own time comes through [`Capabilities::now`], so that on a virtual network, whose
//! waits advance virtual time and return at once, the same case takes no time at all.
//!
//! To add a case, write a function in the module that it belongs to and name it in the list below.
#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use std::fmt::Write as _;
use std::io::{Write as _, stderr};
use std::net::Ipv6Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::Duration;

use sockman::sockets::{Endpoint, Sockets, Wait};

mod accepting;
mod bytes;
mod connecting;
mod ending;
mod families;
mod fixture;
mod ids;
mod listening;
mod readiness;
mod resetting;
mod waiting;

pub use fixture::{DEADLINE, Fixture};

/// What a backend brings along, without which some cases make no sense.
#[derive(Clone, Debug)]
pub struct Capabilities<S> {
    /// The backend's own time, from an arbitrary start: a clock that counts while it waits.
    pub now: fn(&S) -> Duration,
    /// A directory for the paths of Unix sockets, empty at the start; `None` if the backend has no
    /// Unix sockets.
    pub unix_directory: Option<PathBuf>,
    /// Whether another thread may wake it.
    pub threads: bool,
}

/// A named case.
#[derive(Clone, Copy, Debug)]
pub struct Case<S> {
    /// Its module and what it says, in the present tense.
    pub name: &'static str,
    /// Without which it is skipped.
    pub needs: Need,
    /// Panics if the contract is broken.
    pub run: fn(&mut Fixture<S>),
}

/// What a case cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing but IPv4 on the loopback interface.
    Nothing,
    /// IPv6 on the loopback interface.
    Ipv6,
    /// Unix sockets.
    Unix,
    /// A second thread.
    Threads,
}

macro_rules! cases {
    ($($module:ident { $($name:ident $(needs $need:ident)?,)+ })+) => {
        /// Every case, in the order of the modules.
        #[must_use]
        pub fn all<S: Sockets + Wait>() -> Vec<Case<S>> {
            vec![$($(Case {
                name: concat!(stringify!($module), "::", stringify!($name)),
                needs: cases!(@ $($need)?),
                run: $module::$name::<S>,
            },)+)+]
        }
    };
    (@) => { Need::Nothing };
    (@ $need:ident) => { Need::$need };
}

cases! {
    listening {
        port_zero_is_replaced_by_the_one_chosen,
        address_that_is_listened_on_is_in_use,
        address_of_another_host_is_not_available,
        port_is_free_again_while_an_accepted_connection_lives,
        different_addresses_share_a_port,
    }
    connecting {
        both_ends_know_each_other,
        end_of_the_attempt_is_reported_as_writable,
        established_is_said_again_and_again,
        bytes_sent_before_the_accept_wait_for_it,
        nobody_there_is_refused,
        refusal_is_told_once_by_connect_status,
        refusal_is_told_once_by_recv,
        refusal_is_told_once_by_send,
        refusal_is_told_once_by_take_error,
        refused_connection_has_a_local_endpoint_and_no_peer,
        port_zero_is_refused,
    }
    accepting {
        nobody_waiting_would_block,
        order_is_that_of_connecting,
        listener_stays_readable_while_more_wait,
        listener_without_interest_is_not_reported,
        client_that_closed_is_accepted_with_its_bytes,
        client_that_shut_its_writing_is_accepted,
        client_that_reset_is_accepted,
        client_that_reset_leaves_its_bytes,
        closing_the_listener_resets_who_waits,
        closing_the_listener_leaves_who_was_accepted,
        wildcard_listener_gives_the_address_that_was_dialled,
    }
    families {
        ipv6_connects needs Ipv6,
        ipv6_wildcard_leaves_ipv4_alone needs Ipv6,
        unix_path_connects needs Unix,
        unix_path_in_use_is_not_taken needs Unix,
        unix_path_is_removed_with_its_listener needs Unix,
        unix_path_where_nobody_listens_is_refused needs Unix,
        unix_end_of_stream_comes_after_the_bytes needs Unix,
        unix_path_too_long_or_empty_is_refused needs Unix,
    }
    bytes {
        arrive_in_order_and_whole_both_ways,
        slices_are_sent_in_order,
        slices_beyond_the_most_count_as_not_sent,
        offering_none_does_nothing,
        empty_connection_would_block,
        recv_takes_what_fits_and_leaves_the_rest,
        big_send_is_taken_in_part,
        full_buffer_would_block,
        writable_returns_when_the_reader_drains,
        held_back_by_more_go_out_with_the_next_send,
        held_back_by_more_go_out_with_the_close,
        paused_reader_gets_all_of_it_later,
    }
    ending {
        eof_is_said_again_and_again,
        bytes_come_before_the_eof,
        client_shuts_writing_and_goes_on_reading,
        server_shuts_writing_and_goes_on_reading,
        both_sides_shut_is_over,
        shutting_twice_is_no_error,
        shutting_what_is_over_is_not_connected,
        send_after_own_shutdown_is_a_broken_pipe,
        own_shut_reading_gives_what_is_unread_and_eof,
        own_shut_reading_cannot_be_told_by_the_peer,
        first_send_after_the_peers_close_is_taken,
        sending_to_one_who_shut_both_resets_it,
        full_buffer_is_delivered_after_close,
        full_buffer_is_delivered_after_own_shutdown,
        close_after_the_peers_fin_is_orderly,
    }
    resetting {
        close_with_unread_bytes_resets,
        closing_by_reset_resets,
        reset_is_told_once_by_recv,
        reset_is_told_once_by_send,
        reset_is_told_once_by_take_error,
        unread_bytes_come_before_the_reset,
        reset_told_by_send_leaves_the_unread_bytes,
        reset_after_fin_is_a_clean_end_for_the_reader,
        reset_after_fin_is_a_broken_pipe_for_the_writer,
        reset_connection_has_a_local_endpoint_and_no_peer,
        reset_with_a_full_buffer_loses_the_rest,
    }
    readiness {
        level_is_reported_at_every_wait,
        partial_read_stays_readable,
        drained_connection_is_not_readable,
        idle_connection_is_writable,
        new_connection_has_no_interest,
        interest_hides_what_it_does_not_name,
        interest_none_hides_a_fin,
        interest_none_shows_a_reset,
        interest_none_shows_that_both_directions_are_over,
        interest_set_again_is_the_same,
        interest_gained_later_reports_what_is_there,
        error_stays_until_the_close,
        failure_stays_readable_until_it_is_told,
        end_of_stream_stays_readable,
        own_shutdowns_are_reported,
        closed_socket_is_not_reported,
        each_socket_is_reported_once,
    }
    waiting {
        zero_looks_and_returns,
        timeout_is_not_cut_short,
        events_of_an_earlier_wait_are_replaced,
        wake_before_the_wait_ends_it,
        many_wakes_count_as_one,
        wake_does_not_hide_events,
        wake_from_another_thread_ends_the_wait needs Threads,
    }
    ids {
        stale_connection_is_told_by_every_call,
        stale_listener_is_told_by_every_call,
        thousand_connections_have_ids_of_their_own,
        thousand_listeners_have_ids_of_their_own,
        closing_one_leaves_the_others,
    }
}

/// Runs every case, each on a backend of its own, and panics with the names of those that failed.
/// Skipped ones are named on the standard error.
///
/// # Panics
///
/// A case failed.
pub fn run_all<S: Sockets + Wait>(make: impl Fn() -> S, capabilities: &Capabilities<S>) {
    let failed = failures(make, capabilities);
    let mut names = String::new();
    for name in &failed {
        writeln!(names, "  {name}").expect("writing into a string");
    }
    assert!(failed.is_empty(), "the contract is broken in {} cases:\n{names}", failed.len());
}

/// Runs every case, and gives the names of those that failed.
pub fn failures<S: Sockets + Wait>(
    make: impl Fn() -> S,
    capabilities: &Capabilities<S>,
) -> Vec<&'static str> {
    let mut failed = Vec::new();
    for case in all::<S>() {
        let mut fixture = Fixture::new(make(), capabilities, case.name);
        if let Some(reason) = missing(case.needs, &mut fixture, capabilities) {
            say(&format!("skipped {}: {reason}", case.name));
            continue;
        }
        // OK to go on after a panic because the fixture is not looked at again.
        if catch_unwind(AssertUnwindSafe(|| (case.run)(&mut fixture))).is_err() {
            say(&format!("failed {}", case.name));
            failed.push(case.name);
        }
    }
    failed
}

/// Why a case cannot run, if it cannot.
fn missing<S: Sockets + Wait>(
    need: Need,
    fixture: &mut Fixture<S>,
    capabilities: &Capabilities<S>,
) -> Option<&'static str> {
    match need {
        Need::Nothing => None,
        Need::Ipv6 => {
            let here = Endpoint::Ip((Ipv6Addr::LOCALHOST, 0).into());
            fixture.s.listen(&here).err().map(|_| "this host has no IPv6")
        }
        Need::Unix => {
            capabilities.unix_directory.is_none().then_some("this backend has no Unix sockets")
        }
        Need::Threads => (!capabilities.threads).then_some("this backend has one thread"),
    }
}

/// Past the test harness, which keeps back what is printed by tests that pass.
fn say(line: &str) {
    // OK to ignore because nobody is left to tell.
    let _unheard = writeln!(stderr(), "{line}");
}
