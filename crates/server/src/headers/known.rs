//! Numbers of well-known header names, as the function table's specification lists them.
//! The number is an aid: equality of names is ASCII case-insensitive equality of bytes.

/// Name of each number; index 0 is "not well known".
pub const NAMES: [&str; 43] = [
    "",
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Length",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Host",
    "If-Modified-Since",
    "If-None-Match",
    "Last-Modified",
    "Location",
    "Origin",
    "Pragma",
    "Range",
    "Referer",
    "Server",
    "Set-Cookie",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Vary",
    "WWW-Authenticate",
    "Content-Encoding",
    "Expires",
    "Keep-Alive",
    "Content-Disposition",
    "Accept-Ranges",
    "Content-Language",
    "Content-Range",
    "Retry-After",
    "Strict-Transport-Security",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Forwarded",
];

/// `Accept`
pub const ACCEPT: u8 = 1;
/// `Accept-Encoding`
pub const ACCEPT_ENCODING: u8 = 2;
/// `Accept-Ranges`
pub const ACCEPT_RANGES: u8 = 35;
/// `Authorization`
pub const AUTHORIZATION: u8 = 4;
/// `Cache-Control`
pub const CACHE_CONTROL: u8 = 5;
/// `Connection`
pub const CONNECTION: u8 = 6;
/// `Content-Length`
pub const CONTENT_LENGTH: u8 = 7;
/// `Content-Type`
pub const CONTENT_TYPE: u8 = 8;
/// `Cookie`
pub const COOKIE: u8 = 9;
/// `Date`
pub const DATE: u8 = 10;
/// `ETag`
pub const ETAG: u8 = 11;
/// `Expect`
pub const EXPECT: u8 = 12;
/// `Host`
pub const HOST: u8 = 13;
/// `If-None-Match`
pub const IF_NONE_MATCH: u8 = 15;
/// `Location`
pub const LOCATION: u8 = 17;
/// `Server`
pub const SERVER: u8 = 22;
/// `Set-Cookie`
pub const SET_COOKIE: u8 = 23;
/// `TE`
pub const TE: u8 = 24;
/// `Trailer`
pub const TRAILER: u8 = 25;
/// `Transfer-Encoding`
pub const TRANSFER_ENCODING: u8 = 26;
/// `Upgrade`
pub const UPGRADE: u8 = 27;
/// `User-Agent`
pub const USER_AGENT: u8 = 28;
/// `Vary`
pub const VARY: u8 = 29;
/// `WWW-Authenticate`
pub const WWW_AUTHENTICATE: u8 = 30;
/// `Content-Encoding`
pub const CONTENT_ENCODING: u8 = 31;
/// `Keep-Alive`
pub const KEEP_ALIVE: u8 = 33;
/// `Content-Range`
pub const CONTENT_RANGE: u8 = 37;
/// `Retry-After`
pub const RETRY_AFTER: u8 = 38;
/// `Strict-Transport-Security`
pub const STRICT_TRANSPORT_SECURITY: u8 = 39;

const LONGEST: usize = 25;

/// For each length, the numbers of the names that long.
const BY_LENGTH: [&[u8]; LONGEST + 1] = [
    &[],
    &[],
    &[24],
    &[],
    &[13, 10, 11, 29],
    &[20],
    &[1, 9, 12, 18, 19, 22],
    &[27, 21, 25, 32],
    &[17],
    &[42],
    &[6, 28, 23, 33],
    &[38],
    &[8],
    &[4, 5, 15, 16, 35, 37],
    &[7],
    &[2, 3, 40],
    &[31, 30, 36],
    &[26, 14, 41],
    &[],
    &[34],
    &[],
    &[],
    &[],
    &[],
    &[],
    &[39],
];

/// The number of `name`, 0 when it is not well known.
pub fn number(name: &[u8]) -> u8 {
    let Some(candidates) = BY_LENGTH.get(name.len()) else { return 0 };
    let first = name.first().map_or(0, |byte| byte | 0x20);
    for &number in *candidates {
        let known = NAMES[usize::from(number)].as_bytes();
        if known[0] | 0x20 == first && known.eq_ignore_ascii_case(name) {
            return number;
        }
    }
    0
}

/// The name of `number`, `None` for 0 and unknown numbers.
pub fn name(number: u8) -> Option<&'static str> {
    match NAMES.get(usize::from(number)) {
        Some(&"") | None => None,
        found => found.copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for (at, text) in NAMES.iter().enumerate().skip(1) {
            let at = u8::try_from(at).unwrap();
            assert_eq!(number(text.as_bytes()), at, "{text}");
            assert_eq!(number(text.to_lowercase().as_bytes()), at, "{text}");
            assert_eq!(number(text.to_uppercase().as_bytes()), at, "{text}");
            assert_eq!(name(at), Some(*text));
        }
    }

    #[test]
    fn others_are_not() {
        for text in [
            "",
            "Hos",
            "Hosts",
            "X-Powered-By",
            "accept_",
            "\u{0}ost",
            "A-name-that-is-longer-than-all-of-them",
        ] {
            assert_eq!(number(text.as_bytes()), 0, "{text}");
        }
        assert_eq!(name(0), None);
        assert_eq!(name(43), None);
    }
}
