//! Who may call, from where, and what.
//!
//! A password is never kept: of each we have a salt and HMAC-SHA256 of the password under it, also
//! of those that were given in clear. How long a comparison takes says nothing about what differs.
//!
//! Sources: docs/behaviour.md, rpc 1; RFC 7617 (Basic), RFC 4648 section 4 (base64); Core:
//! httprpc.cpp, `RPCAuthorized`, `CheckUserAuthorized`, `InitRPCAuthentication`; httpserver.cpp,
//! `ClientAllowed`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64ct::{Base64, Encoding as _};
use ctutils::CtEq as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use sockman::connman::bans::Subnet;
use sockman::connman::host::Host;
use sockman::sockets::Endpoint;

/// The user that the cookie is for. Core: `COOKIEAUTH_USER`.
pub const COOKIE_USER: &str = "__cookie__";

/// Somebody who may call: a name, and what proves it.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    name: String,
    /// The key, as text.
    salt: String,
    /// HMAC-SHA256 of the password.
    tag: [u8; 32],
}

impl User {
    /// A user whose password is known now. `salt` is whatever nobody can foresee.
    #[must_use]
    pub fn with_password(name: &str, password: &str, salt: [u8; 16]) -> Self {
        let salt = hex(&salt);
        let tag = mac(&salt).chain_update(password).finalize().into_bytes().into();
        Self { name: name.to_owned(), salt, tag }
    }

    /// Reads `user:salt$tag`, as `share/rpcauth` of the reference prints it.
    ///
    /// # Errors
    ///
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, UserError> {
        let (name, rest) = text.split_once(':').ok_or(UserError)?;
        let (salt, tag) = rest.split_once('$').ok_or(UserError)?;
        if [name, salt].iter().any(|part| part.is_empty()) || rest.contains(':') {
            return Err(UserError);
        }
        let tag = unhex(tag).ok_or(UserError)?;
        Ok(Self { name: name.to_owned(), salt: salt.to_owned(), tag })
    }

    fn is(&self, name: &str, password: &[u8]) -> bool {
        let named = self.name.as_bytes().ct_eq(name.as_bytes()).to_bool();
        let proved = mac(&self.salt).chain_update(password).verify_slice(&self.tag).is_ok();
        // Not the lazy `&&`: the work is the same whatever differs.
        named & proved
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A text is not `user:salt$tag`, the tag 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserError;

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not user:salt$hash with 64 hexadecimal digits")
    }
}

impl std::error::Error for UserError {}

fn mac(salt: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(salt.as_bytes()).expect("any length is one of a key")
}

/// Hexadecimal digits, as cookies and salts have them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<_>> = text.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let byte = |place: usize| u8::try_from(digits[2 * place] << 4 | digits[2 * place + 1]);
    Some(std::array::from_fn(|place| byte(place).expect("two digits make a byte")))
}

/// What somebody may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Methods<'a> {
    /// Every method.
    All,
    /// These.
    These(&'a BTreeSet<String>),
    /// None.
    None,
}

/// Who may do what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Whoever may log in.
    pub users: Vec<User>,
    /// From where, beyond this host.
    pub subnets: Vec<Subnet>,
    /// Who may call some methods alone, and which.
    whitelist: BTreeMap<String, BTreeSet<String>>,
    /// Whether who is not on that list may call none. Core: `-rpcwhitelistdefault`.
    pub whitelisted_only: bool,
}

impl Access {
    /// Whoever may log in, and from where beyond this host; each may call every method.
    #[must_use]
    pub const fn new(users: Vec<User>, subnets: Vec<Subnet>) -> Self {
        Self { users, subnets, whitelist: BTreeMap::new(), whitelisted_only: false }
    }

    /// Takes an entry of `-rpcwhitelist` in: `user:method,method`. What a user has in several
    /// entries is what all of them have.
    pub fn add_whitelist(&mut self, entry: &str) {
        let (user, methods) = match entry.split_once(':') {
            Some((user, methods)) => (user, Some(methods)),
            None => (entry, None),
        };
        let methods = methods.map(|methods| {
            let methods = methods.split([',', ' ']).filter(|method| !method.is_empty());
            methods.map(str::to_owned).collect::<BTreeSet<_>>()
        });
        match (self.whitelist.get_mut(user), methods) {
            (Some(before), Some(methods)) => before.retain(|method| methods.contains(method)),
            (Some(_), None) => {}
            (None, methods) => {
                self.whitelist.insert(user.to_owned(), methods.unwrap_or_default());
            }
        }
    }

    /// Whether somebody may call from there: from this host, or from one that was named.
    #[must_use]
    pub fn admits(&self, client: &Endpoint) -> bool {
        // A path is one of this host, and guarded by its folder.
        let Some(host) = Host::of(client) else { return true };
        let is_near = match host {
            Host::V4(ip) => ip.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
            Host::V6(ip) => ip == Ipv6Addr::LOCALHOST,
            Host::Onion(_) | Host::I2p(_) | Host::Cjdns(_) => false,
        };
        is_near || self.subnets.iter().any(|subnet| subnet.contains(&host))
    }

    /// Who says so in a field `Authorization`; `None`: nobody who may log in.
    #[must_use]
    pub fn user(&self, authorization: &[u8]) -> Option<&str> {
        let encoded = authorization.strip_prefix(b"Basic ")?;
        let encoded = std::str::from_utf8(encoded.trim_ascii()).ok()?;
        let decoded = Base64::decode_vec(encoded).ok()?;
        let colon = decoded.iter().position(|byte| *byte == b':')?;
        let (name, password) =
            (std::str::from_utf8(&decoded[..colon]).ok()?, &decoded[colon + 1..]);
        let mut found = None;
        for user in &self.users {
            // All of them, so that time does not tell which it was.
            found = if user.is(name, password) { Some(user.name.as_str()) } else { found };
        }
        found
    }

    /// What a user may call.
    #[must_use]
    pub fn methods(&self, user: &str) -> Methods<'_> {
        match self.whitelist.get(user) {
            Some(methods) => Methods::These(methods),
            None if self.whitelisted_only => Methods::None,
            None => Methods::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the reference's test/functional/rpc_users.py: user `rt`.
    const RPCAUTH: &str = "rt:93648e835a54c573682c2eb19f882535\
                           $7681e9c5b74bdd85e78166031d2058e1069b3ed7ed967c93fc63abba06f31144";
    const PASSWORD: &str = "cA773lm788buwYe4g4WT+05pKyNruVKjQ25x3n0DQcM=";

    fn basic(text: &str) -> Vec<u8> {
        format!("Basic {}", Base64::encode_string(text.as_bytes())).into_bytes()
    }

    #[test]
    fn users_prove_who_they_are() {
        let users = vec![
            User::parse(RPCAUTH).unwrap(),
            User::with_password("ä", "p:w", [7; 16]),
            User::with_password("empty", "", [8; 16]),
        ];
        let access = Access { users, ..Access::default() };
        for (text, expected) in [
            (format!("rt:{PASSWORD}").as_str(), Some("rt")),
            ("rt:wrong", None),
            (format!("RT:{PASSWORD}").as_str(), None),
            (format!("rt:{PASSWORD}=").as_str(), None),
            ("ä:p:w", Some("ä")),
            ("ä:p", None),
            ("empty:", Some("empty")),
            ("empty", None),
            (":", None),
            ("", None),
        ] {
            assert_eq!(access.user(&basic(text)), expected, "{text}");
        }
        for field in [
            "",
            "Basic",
            "Basic ",
            "Basic !",
            "Basic ZW1wdHk6====",
            "Basic ZW1w dHk6",
            "Basic ZW1wdHk6/",
            "basic ZW1wdHk6",
            "Bearer x",
        ] {
            assert_eq!(access.user(field.as_bytes()), None, "{field}");
        }
        assert_eq!(access.user(b"Basic ZW1wdHk6 "), Some("empty"));
    }

    #[test]
    fn base64_has_its_padding_and_no_bits_behind_it() {
        let users = vec![User::with_password("a", "", [9; 16])];
        let access = Access { users, ..Access::default() };
        assert_eq!(access.user(b"Basic YTo="), Some("a"));
        for field in ["Basic YTo", "Basic YTp=", "Basic YTo=="] {
            assert_eq!(access.user(field.as_bytes()), None, "{field}");
        }
    }

    #[test]
    fn rpcauth_has_one_form() {
        let tag = "00".repeat(32);
        assert!(User::parse(&format!("a:b${tag}")).is_ok());
        for text in ["", "a", "a:b", "a:b$", "a:b$00", ":b$", "a:$", "a:b:c$"] {
            assert_eq!(User::parse(text), Err(UserError), "{text}");
            assert_eq!(User::parse(&format!("{text}x{tag}")), Err(UserError), "{text}");
        }
        assert_eq!(User::parse(&format!("a:b:c${tag}")), Err(UserError));
    }

    #[test]
    fn this_host_is_admitted_and_who_was_named() {
        let subnets = vec![
            Subnet::parse("192.0.2.0/24", sockman::connman::host::Cjdns::Unreachable).unwrap(),
        ];
        let access = Access { subnets, ..Access::default() };
        for (at, admitted) in [
            ("127.0.0.1:1", true),
            ("127.9.9.9:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("192.0.2.255:1", true),
            ("192.0.3.0:1", false),
            ("[::2]:1", false),
        ] {
            assert_eq!(access.admits(&Endpoint::Ip(at.parse().unwrap())), admitted, "{at}");
        }
    }

    #[test]
    fn whitelists_of_one_user_are_all_to_be_met() {
        let mut access = Access::default();
        assert_eq!(access.methods("a"), Methods::All);
        access.add_whitelist("a:x,y, z");
        access.add_whitelist("a:y,z,w");
        access.add_whitelist("b");
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(access.methods("a"), Methods::These(&set(&["y", "z"])));
        assert_eq!(access.methods("b"), Methods::These(&set(&[])));
        assert_eq!(access.methods("c"), Methods::All);
        access.whitelisted_only = true;
        assert_eq!(access.methods("c"), Methods::None);
    }
}
