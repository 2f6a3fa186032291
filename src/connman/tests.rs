//! Behaviour through the machine.
