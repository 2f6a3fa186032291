//! Files: the virtual disk against a real one, what a crash leaves, and what is saved through it.

mod crash;
mod differential;
mod stores;
