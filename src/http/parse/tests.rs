//! The parser against cases of RFC 9112, and against bytes cut anyhow.

use super::*;
use crate::http::request::{Persistence, Version};

mod cases;
mod cuts;
mod responses;

/// What small requests are held to here, so that limits are short to write down.
pub(super) const LIMITS: MessageLimits =
    MessageLimits { head_bytes_max: 128, fields_max: 4, body_bytes_max: 32 };

/// Everything that comes of bytes, a line each: what was parsed, and how it ended.
pub(super) fn outcome<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut parser = Parser::new(LIMITS);
    let mut lines = Vec::new();
    for mut piece in pieces {
        loop {
            match parser.receive(&mut piece) {
                Ok(None) => break assert!(piece.is_empty(), "all bytes were taken"),
                Ok(Some(parsed)) => lines.push(told(&parsed)),
                Err(ParseError { fault, at }) => {
                    lines.push(format!("{} {fault:?} at {at}", fault.status().code()));
                    assert_eq!(parser.stage(), ParseStage::Failed);
                    return lines;
                }
            }
        }
    }
    match parser.stage() {
        ParseStage::Between => {}
        ParseStage::Head => lines.push("in the head".to_owned()),
        ParseStage::Body => lines.push("in the body".to_owned()),
        ParseStage::Failed => unreachable!("it was told"),
    }
    lines
}

/// `POST /a [hello]`; with `1.0` in front if it is that, and `, close` if the connection ends.
fn told(parsed: &Parsed) -> String {
    let Parsed::Request(request) = parsed else { return "100".to_owned() };
    let old = if request.version() == Version::Http10 { "1.0 " } else { "" };
    let end = if request.persistence() == Persistence::Close { ", close" } else { "" };
    let (method, target) = (request.method(), request.target());
    format!("{old}{method} {target} [{}]{end}", request.body().escape_ascii())
}
