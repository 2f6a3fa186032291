//! The socket traits over mio.
