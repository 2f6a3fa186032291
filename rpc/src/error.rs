//! What a call may fail with: a number that programs know, and words.
//!
//! Source: Core: rpc/protocol.h, `RPCErrorCode`.

use std::fmt;

use crate::json::Json;

/// Why, as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(i32)]
pub enum Code {
    /// Whatever has no number of its own; the words are often a method's help.
    Misc = -1,
    /// A value of a type that is not wanted.
    Type = -3,
    /// No such block, transaction or address. Core: `RPC_INVALID_ADDRESS_OR_KEY`.
    NotFound = -5,
    /// A value that makes no sense.
    InvalidParameter = -8,
    /// Bytes that are not what they should be. Core: `RPC_DESERIALIZATION_ERROR`.
    Deserialization = -22,
    /// It is there already.
    AlreadyAdded = -23,
    /// It is not there. Core: `RPC_CLIENT_NODE_NOT_ADDED`.
    NotAdded = -24,
    /// It breaks a rule of the chain. Core: `RPC_VERIFY_ERROR`.
    Verify = -25,
    /// There is no such connection.
    NotConnected = -29,
    /// No address and no subnet.
    InvalidSubnet = -30,
    /// The request is none.
    InvalidRequest = -32600,
    /// There is no such method.
    MethodNotFound = -32601,
    /// Parameters that do not go together.
    InvalidParams = -32602,
    /// The request is no JSON.
    Parse = -32700,
}

/// What a call failed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RpcError {
    /// As a number.
    pub code: Code,
    /// In words, for people and for tests that look for them.
    pub message: String,
}

impl RpcError {
    /// An error.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// As answers have it.
    #[must_use]
    pub fn to_json(&self) -> Json {
        let code = Json::from(self.code as i32);
        Json::object([("code", code), ("message", self.message.as_str().into())])
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code as i32)
    }
}

impl std::error::Error for RpcError {}
