//! The one place that asks the operating system for randomness.

use crate::rng::Seed;
use crate::sockets::Errno;

/// A seed that nobody can guess.
///
/// # Errors
///
/// The system gives none, and a node must not run on a poor one.
pub fn system_seed() -> Result<Seed, Errno> {
    let mut bytes = [0; 32];
    // Systems without error numbers are none of ours.
    let no_number = Errno(0);
    getrandom::fill(&mut bytes).map_err(|error| error.raw_os_error().map_or(no_number, Errno))?;
    Ok(Seed::new(bytes))
}
