//! What requests are, and how they are answered: a row each.

use super::*;

/// What a method answers here: 7, or an error of a kind.
fn called(call: &RawCall) -> Outcome {
    match call.method.as_str() {
        "seven" => Ok(7_u64.into()),
        "params" => Ok(call.params.clone()),
        "wrong" => Err(RpcError::new(Code::InvalidParameter, "no")),
        _ => Err(RpcError::new(Code::MethodNotFound, "Method not found")),
    }
}

#[track_caller]
fn check(content: &str, code: u16, expected: &str) {
    let Content::Single(request) = Content::parse(content.as_bytes()) else {
        panic!("{content} is no batch")
    };
    let outcome = request.call.and_then(|call| called(&call));
    assert_eq!(status(&request.asked, &outcome).code(), code, "{content}");
    if code != 204 {
        assert_eq!(reply(&request.asked, outcome).to_string(), expected, "{content}");
    }
}

#[test]
fn request_of_each_version_has_its_answer() {
    let seven = r#"{"result":7,"error":null,"id":1}"#;
    check(r#"{"method":"seven","id":1}"#, 200, seven);
    check(r#"{"jsonrpc":null,"method":"seven","params":null,"id":1}"#, 200, seven);
    check(r#"{"jsonrpc":"1.0","method":"seven","params":[],"id":1}"#, 200, seven);
    check(r#"{"jsonrpc":"1.1","method":"seven","params":{},"id":1}"#, 200, seven);
    check(r#"{"method":"seven"}"#, 200, r#"{"result":7,"error":null}"#);
    check(r#"{"method":"seven","id":null}"#, 200, r#"{"result":7,"error":null,"id":null}"#);
    check(
        r#"{"method":"seven","id":{"a":[1.5]}}"#,
        200,
        r#"{"result":7,"error":null,"id":{"a":[1.5]}}"#,
    );
    let seven = r#"{"jsonrpc":"2.0","result":7,"id":"x"}"#;
    check(r#"{"jsonrpc":"2.0","method":"seven","id":"x"}"#, 200, seven);
    check(
        r#"{"jsonrpc":"2.0","method":"seven","id":null}"#,
        200,
        r#"{"jsonrpc":"2.0","result":7,"id":null}"#,
    );
    check(r#"{"jsonrpc":"2.0","method":"seven"}"#, 204, "");
    check(r#"{"jsonrpc":"2.0","method":"none"}"#, 204, "");
    check(
        r#"{"method":"params","params":[1],"id":1}"#,
        200,
        r#"{"result":[1],"error":null,"id":1}"#,
    );
}

#[test]
fn error_is_a_status_too_but_in_version_2() {
    let error = |code: i32, message: &str| {
        format!(r#"{{"result":null,"error":{{"code":{code},"message":"{message}"}},"id":1}}"#)
    };
    check(r#"{"method":"none","id":1}"#, 404, &error(-32601, "Method not found"));
    check(r#"{"method":"wrong","id":1}"#, 500, &error(-8, "no"));
    check(r#"{"id":1}"#, 400, &error(-32600, "Missing method"));
    check(r#"{"method":null,"id":1}"#, 400, &error(-32600, "Missing method"));
    check(r#"{"method":1,"id":1}"#, 400, &error(-32600, "Method must be a string"));
    let params = "Params must be an array or object";
    check(r#"{"method":"seven","params":1,"id":1}"#, 400, &error(-32600, params));
    let version = "JSON-RPC version not supported";
    check(r#"{"jsonrpc":"2.1","method":"seven","id":1}"#, 400, &error(-32600, version));
    let version = "jsonrpc field must be a string";
    check(r#"{"jsonrpc":2,"method":"seven","id":1}"#, 400, &error(-32600, version));
    check(
        r#"{"jsonrpc":"2.0","method":"wrong","id":1}"#,
        200,
        r#"{"jsonrpc":"2.0","error":{"code":-8,"message":"no"},"id":1}"#,
    );
    check(
        r#"{"jsonrpc":"2.0","id":1}"#,
        200,
        r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Missing method"},"id":1}"#,
    );
}

#[test]
fn what_is_no_request_has_an_answer_without_a_name() {
    let parse = r#"{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    for content in ["", "{", "{\"method\":\"seven\",}", "\u{feff}{}"] {
        check(content, 500, parse);
    }
    let top = parse.replace("Parse error", "Top-level object parse error");

    for content in ["1", "null", "\"seven\""] {
        check(content, 500, &top);
    }
}

#[test]
fn batch_has_a_request_for_each_element() {
    let Content::Batch(requests) =
        Content::parse(br#"[{"method":"seven","id":1},1,{"jsonrpc":"2.0","method":"seven"},[]]"#)
    else {
        panic!("it is a batch")
    };
    let shown: Vec<_> = requests
        .into_iter()
        .filter(|request| !request.asked.is_notification())
        .map(|request| {
            let outcome = request.call.and_then(|call| called(&call));
            reply(&request.asked, outcome).to_string()
        })
        .collect();
    let none =
        r#"{"result":null,"error":{"code":-32600,"message":"Invalid Request object"},"id":null}"#;
    assert_eq!(shown, [r#"{"result":7,"error":null,"id":1}"#, none, none]);
    assert_eq!(Content::parse(b"[]"), Content::Batch(Vec::new()));
}
