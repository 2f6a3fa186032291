//! P2P policy.
