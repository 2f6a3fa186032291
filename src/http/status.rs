//! Status codes. RFC 9110 section 15, and RFC 6585 section 5.

use std::fmt;

/// A final status: 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

/// Declares the statuses that have a name here, and the reason phrase of each.
macro_rules! statuses {
    ($($name:ident = $code:literal, $reason:literal;)*) => {
        impl Status {
            $(#[doc = concat!("`", $code, " ", $reason, "`")]
            pub const $name: Self = Self($code);)*

            /// The phrase that goes with it; empty if it has no name here. Nobody reads it.
            #[must_use]
            pub const fn reason(self) -> &'static str {
                match self.0 {
                    $($code => $reason,)*
                    _ => "",
                }
            }
        }
    };
}

statuses! {
    OK = 200, "OK";
    NO_CONTENT = 204, "No Content";
    NOT_MODIFIED = 304, "Not Modified";
    BAD_REQUEST = 400, "Bad Request";
    UNAUTHORIZED = 401, "Unauthorized";
    FORBIDDEN = 403, "Forbidden";
    NOT_FOUND = 404, "Not Found";
    METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
    REQUEST_TIMEOUT = 408, "Request Timeout";
    CONTENT_TOO_LARGE = 413, "Content Too Large";
    URI_TOO_LONG = 414, "URI Too Long";
    EXPECTATION_FAILED = 417, "Expectation Failed";
    FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
    INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
    NOT_IMPLEMENTED = 501, "Not Implemented";
    SERVICE_UNAVAILABLE = 503, "Service Unavailable";
    VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported";
}

impl Status {
    /// The status of a code; `None` unless it is a final one, 200 to 599.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            200..=599 => Some(Self(code)),
            _ => None,
        }
    }

    /// Whether an answer with it has no content, whatever its fields say. RFC 9112 section 6.3, 1.
    #[must_use]
    pub const fn has_no_content(self) -> bool {
        matches!(self.0, 204 | 304)
    }

    /// Whether it says that something is to be asked for elsewhere, or in another way. RFC 9110
    /// section 15.4; 304 is the answer itself.
    #[must_use]
    pub const fn is_redirect(self) -> bool {
        matches!(self.0, 300..=303 | 305..=399)
    }

    /// Three digits.
    #[must_use]
    pub const fn code(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}
