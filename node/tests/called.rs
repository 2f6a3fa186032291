//! A node that is called by JSON-RPC over HTTP.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use base64ct::{Base64, Encoding as _};

use super::directory::Directory;
use super::process::Node;

/// A node that is called, with a directory of its own.
pub(crate) struct Called {
    pub(crate) node: Node,
    pub(crate) directory: Directory,
    port: u16,
}

impl Called {
    pub(crate) fn start(test: &str, args: &[&str]) -> Self {
        Self::start_in(Directory::new(test), args)
    }

    /// Starts one in a directory that may have something in it.
    pub(crate) fn start_in(directory: Directory, args: &[&str]) -> Self {
        let option = directory.option();
        let usual = ["-server", "-nodebuglogfile", &option];
        let args: Vec<_> = usual.iter().chain(args).copied().collect();
        let with = |port| vec![format!("-rpcport={port}")];
        let (node, port) = Node::on_free_port(with, &args);
        Self { node, directory, port }
    }

    pub(crate) fn cookie(&self) -> String {
        fs::read_to_string(self.directory.path("regtest/.cookie")).expect("the node made it")
    }

    /// What is answered to a method, called with the cookie.
    pub(crate) fn call(&self, method: &str, params: &str) -> String {
        let (head, content) = self.post(&self.cookie(), method, params);
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head} {content}");
        content
    }

    /// An answer's head and content.
    pub(crate) fn post(&self, login: &str, method: &str, params: &str) -> (String, String) {
        answer(self.send(login, method, params))
    }

    /// Asks, on a connection of its own.
    pub(crate) fn send(&self, login: &str, method: &str, params: &str) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = stream.expect("the node listens");
        let content = format!("{{\"method\":\"{method}\",\"params\":{params}}}");
        let (login, length) = (Base64::encode_string(login.as_bytes()), content.len());
        let request = format!(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nAuthorization: Basic {login}\r\n\
             Content-Length: {length}\r\n\r\n{content}"
        );
        stream.write_all(request.as_bytes()).expect("the node reads");
        stream
    }
}

/// What comes until the end: head and content.
pub(crate) fn answer(mut stream: TcpStream) -> (String, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the end is in order");
    let (head, content) = answer.split_once("\r\n\r\n").expect("a head has an end");
    (head.to_owned(), content.to_owned())
}
