//! Panics of a simulated node, as findings rather than as noise.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    /// Whether this thread runs a simulated node.
    static SIMULATES: Cell<bool> = const { Cell::new(false) };
    /// Where the last panic of such a node was.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where simulated nodes panic instead of printing it. All other panics are a defect of the
/// program, and print as ever. Called once, at its start.
pub fn note_quietly() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if SIMULATES.get() {
            let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
            LAST.with(|last| *last.borrow_mut() = place);
        } else {
            usual(info);
        }
    }));
}

/// Runs a simulated node. What a panic leaves behind may only be looked at.
///
/// # Errors
///
/// What it panicked with: see [`message`].
pub fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    let before = SIMULATES.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(run));
    SIMULATES.set(before);
    result
}

/// What a panic said, and where it was if that was noted.
#[must_use]
pub fn message(payload: &(dyn Any + Send)) -> String {
    let said = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned());
    match LAST.with(|last| last.borrow_mut().take()) {
        Some(place) => format!("panicked at {place}: {said}"),
        None => format!("panicked: {said}"),
    }
}
