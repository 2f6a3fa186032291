//! Questions to a node's JSON-RPC server, as bytes: one connection a question.
//!
//! This file opens nothing. Source: JSON-RPC 1.0 over HTTP/1.1 with basic authentication (RFC
//! 7617), as Bitcoin Core's server speaks it.

use serde_json::{Value, json};

/// The digits of base 64 (RFC 4648).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A question. `cookie` is `user:password`, as the file `.cookie` has it.
pub(super) fn question(cookie: &str, method: &str, params: &Value) -> Vec<u8> {
    let body = json!({ "jsonrpc": "1.0", "id": 0, "method": method, "params": params }).to_string();
    let authorization = base64(cookie.as_bytes());
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

fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let is_there = digit <= chunk.len();
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.push(if is_there { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_the_vectors_of_rfc_4648() {
        let vectors = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (count, expected) in vectors.into_iter().enumerate() {
            assert_eq!(base64(&b"foobar"[..count]), expected);
        }
    }

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
