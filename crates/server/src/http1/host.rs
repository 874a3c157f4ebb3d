//! Checks the value of a `Host` field.

/// Whether `value` is empty, or a name, IPv4 or bracketed IPv6 address with an optional port.
pub(crate) fn is_valid(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let (name_ok, rest) = match value.strip_prefix(b"[") {
        Some(inner) => {
            let Some(end) = memchr::memchr(b']', inner) else { return false };
            let (address, rest) = inner.split_at(end);
            let ok = !address.is_empty()
                && address.iter().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.'))
                && address.contains(&b':');
            (ok, &rest[1..])
        }
        None => {
            let end = memchr::memchr(b':', value).unwrap_or(value.len());
            let (name, rest) = value.split_at(end);
            (!name.is_empty() && name.iter().copied().all(is_name_byte), rest)
        }
    };
    name_ok
        && match rest.strip_prefix(b":") {
            None => rest.is_empty(),
            Some(port) => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn good_and_bad_hosts() {
        for good in
            ["", "a", "a.example:80", "127.0.0.1:8080", "[::1]", "[::1]:443", "[::ffff:1.2.3.4]", "a:", "x_y"]
        {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            ":80", "a b", "a/b", "a:8x", "a:123456", "[::1", "[]", "[::1]x", "[g::]", "a@b", "a:80:80", "é",
            "a?b", "[1]",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }
}
