//! The endpoint a request probably belongs to, as a number: method and path with the segments that look
//! like values collapsed.

/// Segments that count.
const SEGMENTS: usize = 3;
/// Longer segments are taken for values.
const LONG: usize = 32;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// The key of a request; never 0. Query and fragment do not count.
pub(crate) fn key(method: &[u8], target: &[u8]) -> u64 {
    let mut hash = method.iter().fold(OFFSET, |hash, &byte| mix(hash, byte));
    let end = memchr::memchr2(b'?', b'#', target).unwrap_or(target.len());
    for segment in
        target[..end].split(|&byte| byte == b'/').filter(|segment| !segment.is_empty()).take(SEGMENTS)
    {
        hash = mix(hash, b'/');
        if segment.len() > LONG || segment.iter().any(u8::is_ascii_digit) {
            hash = mix(hash, b'*');
        } else {
            hash = segment.iter().fold(hash, |hash, &byte| mix(hash, byte));
        }
    }
    // FNV's low bits are the weak ones for short inputs, and they index the table.
    let hash = hash ^ (hash >> 29);
    hash.max(1)
}

#[cfg(test)]
mod tests {
    use super::key;

    #[test]
    fn values_collapse_and_endpoints_do_not() {
        let get = |target: &str| key(b"GET", target.as_bytes());
        assert_eq!(get("/orders/17"), get("/orders/9183?x=y"));
        assert_eq!(get("/a/b/c/d"), get("/a/b/c/e"));
        assert_eq!(get("/x/3f2504e0-4f89-11d3-9a0c-0305e82c3301"), get("/x/1"));
        assert_eq!(get(&format!("/x/{}", "a".repeat(33))), get("/x/1"));
        assert_ne!(get("/orders"), get("/customers"));
        assert_ne!(get("/orders"), get("/orders/1"));
        assert_ne!(get("/"), get("/a"));
        assert_ne!(get("/a"), key(b"POST", b"/a"));
        assert_ne!(get("/"), 0);
    }
}
