//! The virtual network: hosts whose kernels implement `Sockets`, and the links between them.
