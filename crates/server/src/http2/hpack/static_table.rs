//! The table that both sides know from the start (RFC 7541, Appendix A).

use std::sync::LazyLock;

use crate::headers::known;

/// Entries; the first has index 1.
pub(super) const ENTRIES: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// The well-known number of each entry's name.
static KNOWN: LazyLock<[u8; ENTRIES.len()]> =
    LazyLock::new(|| ENTRIES.map(|(name, _)| known::number(name.as_bytes())));

/// For each well-known number, its name in lower case and the index of the first entry of that name; 0 = none.
static BY_NUMBER: LazyLock<[(String, usize); known::NAMES.len()]> = LazyLock::new(|| {
    known::NAMES.map(|name| {
        let name = name.to_ascii_lowercase();
        let index = ENTRIES.iter().position(|(entry, _)| *entry == name).map_or(0, |at| at + 1);
        (name, index)
    })
});

/// The entry of an index, with its name's well-known number.
pub(super) fn get(index: usize) -> Option<(&'static [u8], &'static [u8], u8)> {
    let at = index.checked_sub(1)?;
    let (name, value) = ENTRIES.get(at)?;
    Some((name.as_bytes(), value.as_bytes(), KNOWN[at]))
}

/// The lower-case name of a well-known number, and an index of that name; 0 = none.
pub(super) fn by_number(number: u8) -> Option<(&'static [u8], usize)> {
    BY_NUMBER.get(usize::from(number)).map(|(name, index)| (name.as_bytes(), *index))
}

/// The index of `:status` with this value.
pub(super) fn status(status: u16) -> Option<usize> {
    Some(match status {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_and_names_agree() {
        assert_eq!(get(0), None);
        assert_eq!(get(1), Some((&b":authority"[..], &b""[..], 0)));
        assert_eq!(get(61).map(|(name, ..)| name), Some(&b"www-authenticate"[..]));
        assert_eq!(get(62), None);
        for code in [200, 204, 206, 304, 400, 404, 500] {
            let (name, value, _) = get(status(code).unwrap()).unwrap();
            assert_eq!((name, value), (&b":status"[..], code.to_string().as_bytes()));
        }
        let (name, index) = by_number(known::SET_COOKIE).unwrap();
        assert_eq!((name, get(index).map(|(name, ..)| name)), (&b"set-cookie"[..], Some(&b"set-cookie"[..])));
        assert_eq!(by_number(known::UPGRADE), Some((&b"upgrade"[..], 0)));
        assert_eq!(by_number(200), None);
    }
}
