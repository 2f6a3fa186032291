//! Panics of a simulated node, as findings rather than as noise.

use std::any::Any;
use std::cell::RefCell;
use std::panic;

thread_local! {
    /// Where the last panic of this thread was.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Notes where panics happen instead of printing them. For a program whose only panics are those of
/// the nodes that it simulates; called once, at its start.
pub fn note_quietly() {
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line()));
        LAST.with(|last| *last.borrow_mut() = place);
    }));
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
