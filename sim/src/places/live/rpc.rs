//! Questions to a node's JSON-RPC server, as bytes: one connection a question.
//!
//! This file opens nothing. Source: JSON-RPC 1.0 over HTTP/1.1 with basic authentication (RFC
//! 7617), as Bitcoin Core's server speaks it.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

/// A question. `cookie` is `user:password`, as the file `.cookie` has it.
pub(super) fn question(cookie: &str, method: &str, params: &Value) -> Vec<u8> {
    let body = json!({ "jsonrpc": "1.0", "id": 0, "method": method, "params": params }).to_string();
    let authorization = Base64::encode_string(cookie.as_bytes());
    format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
         Authorization: Basic {authorization}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// What a whole answer says.
///
/// # Errors
///
/// What the server objects to, or that this is no answer.
pub(super) fn answer(bytes: &[u8]) -> Result<Value, String> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.lines().next().unwrap_or_default();
    let value: Value = serde_json::from_str(body.trim()).map_err(|_| status.to_owned())?;
    match value.get("error") {
        None | Some(Value::Null) => Ok(value.get("result").cloned().unwrap_or(Value::Null)),
        Some(error) => {
            let message = error.get("message").and_then(Value::as_str);
            Err(message.unwrap_or(status).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_results_and_objections() {
        let http = |body: &str| format!("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{body}\n").into_bytes();
        assert_eq!(answer(&http(r#"{"result":7,"error":null,"id":0}"#)), Ok(json!(7)));
        let error = r#"{"result":null,"error":{"code":-28,"message":"Loading"},"id":0}"#;
        assert_eq!(answer(&http(error)), Err("Loading".to_owned()));
        let refused = b"HTTP/1.1 401 Unauthorized\r\n\r\n";
        assert_eq!(answer(refused), Err("HTTP/1.1 401 Unauthorized".to_owned()));
        assert_eq!(answer(b""), Err("no answer".to_owned()));
    }

    #[test]
    fn question_is_one_request() {
        let text = String::from_utf8(question("a:b", "ping", &json!([]))).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Authorization: Basic YTpi"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        assert_eq!(serde_json::from_str::<Value>(body).unwrap()["method"], "ping");
    }
}
