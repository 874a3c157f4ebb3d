//! Header fields outside of a request: the compact record list and the numbers of well-known names.

mod block;
pub mod known;

pub use block::{BadRecord, HeaderBlock, HeaderBlockRef, HeaderItem, HeaderItems};

const fn token_table() -> [bool; 256] {
    let mut table = [false; 256];
    let allowed = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut at = 0;
    while at < allowed.len() {
        table[allowed[at] as usize] = true;
        at += 1;
    }
    table
}

static TOKEN: [bool; 256] = token_table();

/// Whether `name` is a non-empty RFC 9110 token.
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&byte| TOKEN[usize::from(byte)])
}

/// Whether `value` can be sent: no CR, LF or NUL.
pub fn is_sendable_value(value: &[u8]) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, value).is_none()
}
