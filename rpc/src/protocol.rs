//! Requests and answers: JSON-RPC as clients of the reference have spoken it since 2010, and 2.0.
//!
//! ```text
//!   content --> one request, or a batch --> calls --> answers --> status and content
//! ```
//!
//! | `jsonrpc`            | an answer has                     | its status                          |
//! |----------------------|-----------------------------------|-------------------------------------|
//! | none, "1.0" or "1.1" | `result`, `error` and perhaps `id` | 200, with an error 500, 404 or 400 |
//! | "2.0"                | `jsonrpc`, one of the two, `id`    | 200; 204 and nothing without `id`   |
//!
//! Sources: docs/behaviour.md, rpc 2; JSON-RPC 2.0 (jsonrpc.org, 2013); Core: httprpc.cpp,
//! `HTTPReq_JSONRPC`; rpc/request.cpp, `JSONRPCRequest::parse`, `JSONRPCReplyObj`.

use sockman::http::Status;

use crate::error::{Code, RpcError};
use crate::json::Json;

/// Which JSON-RPC a request speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// 1.0, and what was made of it: errors are statuses of HTTP, too.
    Legacy,
    /// 2.0: whatever was asked in order is answered with 200.
    V2,
}

/// What an answer needs to know of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Which JSON-RPC.
    pub version: Version,
    /// What the client calls it; `None`: it has no name.
    pub id: Option<Json>,
}

impl Asked {
    /// Of what could not be read. Core: the id of a new `JSONRPCRequest`.
    const UNKNOWN: Self = Self { version: Version::Legacy, id: Some(Json::Null) };

    /// Whether nobody waits for an answer.
    #[must_use]
    pub const fn is_notification(&self) -> bool {
        matches!((self.version, &self.id), (Version::V2, None))
    }
}

/// One thing that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What its answer needs to know.
    pub asked: Asked,
    /// What is to be called, and with what; or why it is no request.
    pub call: Result<RawCall, RpcError>,
}

/// A method and parameters, as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawCall {
    /// Its name.
    pub method: String,
    /// An array or an object.
    pub params: Json,
}

/// What a content asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// One thing.
    Single(Request),
    /// Several, in order.
    Batch(Vec<Request>),
}

impl Content {
    /// Reads a content. What is no request is an answer already: an error.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let failed = |message: &str| {
            let call = Err(RpcError::new(Code::Parse, message));
            Self::Single(Request { asked: Asked::UNKNOWN, call })
        };
        match Json::parse(bytes) {
            Err(_) => failed("Parse error"),
            Ok(Json::Array(requests)) => {
                Self::Batch(requests.into_iter().map(Request::read).collect())
            }
            Ok(request @ Json::Object(_)) => Self::Single(Request::read(request)),
            Ok(Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_)) => {
                failed("Top-level object parse error")
            }
        }
    }

    /// All that is asked for.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        match self {
            Self::Single(request) => std::slice::from_ref(request),
            Self::Batch(requests) => requests,
        }
    }
}

impl Request {
    fn read(request: Json) -> Self {
        let mut asked = Asked::UNKNOWN;
        let call = Self::read_call(request, &mut asked);
        Self { asked, call }
    }

    /// In the order of the reference, so that an error says what it says there.
    fn read_call(request: Json, asked: &mut Asked) -> Result<RawCall, RpcError> {
        let invalid = |message: &str| RpcError::new(Code::InvalidRequest, message);
        if !matches!(request, Json::Object(_)) {
            return Err(invalid("Invalid Request object"));
        }
        asked.id = request.get("id").cloned();
        asked.version = match request.get("jsonrpc") {
            None | Some(Json::Null) => Version::Legacy,
            Some(Json::String(version)) => match version.as_str() {
                "1.0" | "1.1" => Version::Legacy,
                "2.0" => Version::V2,
                _ => return Err(invalid("JSON-RPC version not supported")),
            },
            Some(_) => return Err(invalid("jsonrpc field must be a string")),
        };
        let method = match request.get("method") {
            None | Some(Json::Null) => return Err(invalid("Missing method")),
            Some(Json::String(method)) => method.clone(),
            Some(_) => return Err(invalid("Method must be a string")),
        };
        let params = match take(request, "params") {
            None | Some(Json::Null) => Json::Array(Vec::new()),
            Some(params @ (Json::Array(_) | Json::Object(_))) => params,
            Some(_) => return Err(invalid("Params must be an array or object")),
        };
        Ok(RawCall { method, params })
    }
}

/// The first value of a name, without copying it.
fn take(object: Json, name: &str) -> Option<Json> {
    let Json::Object(members) = object else { return None };
    members.into_iter().find_map(|(of, value)| (of == name).then_some(value))
}

/// What came of a call.
pub type Outcome = Result<Json, RpcError>;

/// The answer to one request.
#[must_use]
pub fn reply(asked: &Asked, outcome: Outcome) -> Json {
    let mut members = Vec::new();
    let mut push = |name: &str, value: Json| members.push((name.to_owned(), value));
    match (asked.version, outcome) {
        (Version::Legacy, Ok(result)) => {
            push("result", result);
            push("error", Json::Null);
        }
        (Version::Legacy, Err(error)) => {
            push("result", Json::Null);
            push("error", error.to_json());
        }
        (Version::V2, Ok(result)) => {
            push("jsonrpc", "2.0".into());
            push("result", result);
        }
        (Version::V2, Err(error)) => {
            push("jsonrpc", "2.0".into());
            push("error", error.to_json());
        }
    }
    if let Some(id) = &asked.id {
        push("id", id.clone());
    }
    Json::Object(members)
}

/// The status of the answer to a request that came alone.
#[must_use]
pub fn status(asked: &Asked, outcome: &Outcome) -> Status {
    match (asked.version, outcome) {
        (Version::V2, _) if asked.is_notification() => Status::NO_CONTENT,
        (Version::V2, _) | (Version::Legacy, Ok(_)) => Status::OK,
        (Version::Legacy, Err(error)) => match error.code {
            Code::InvalidRequest => Status::BAD_REQUEST,
            Code::MethodNotFound => Status::NOT_FOUND,
            Code::Misc
            | Code::Type
            | Code::NotFound
            | Code::InvalidParameter
            | Code::Deserialization
            | Code::AlreadyAdded
            | Code::NotAdded
            | Code::Verify
            | Code::NotConnected
            | Code::InvalidSubnet
            | Code::InvalidParams
            | Code::Parse => Status::INTERNAL_SERVER_ERROR,
        },
    }
}

#[cfg(test)]
mod tests;
