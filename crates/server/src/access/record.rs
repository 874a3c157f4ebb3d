//! A request that is over, as the log sees it.

use std::net::SocketAddr;

/// What a line of the log is made of. Unknown words are empty.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    /// When it was over, in milliseconds since 1970.
    pub(super) time_ms: i64,
    pub(super) site: &'a str,
    pub(super) application: &'a str,
    pub(super) client: Option<SocketAddr>,
    pub(super) server: Option<SocketAddr>,
    pub(super) words: Words<'a>,
    /// 10, 11 or 20; 0 = unknown.
    pub(super) version: u8,
    pub(super) user: &'a str,
    /// 0 = there was none.
    pub(super) status: u16,
    pub(super) sub_status: u16,
    pub(super) win32: u32,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) duration_ns: i64,
    pub(super) trace: &'a [u8],
    pub(super) reason: &'static str,
}

/// What the client said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words<'a> {
    pub(super) method: &'a [u8],
    pub(super) target: &'a [u8],
    pub(super) host: &'a [u8],
    pub(super) user_agent: &'a [u8],
    pub(super) referer: &'a [u8],
}

impl<'a> Words<'a> {
    /// The target before its `?`, and what is behind it.
    pub(super) fn stem_and_query(&self) -> (&'a [u8], &'a [u8]) {
        match memchr::memchr(b'?', self.target) {
            Some(at) => (&self.target[..at], &self.target[at + 1..]),
            None => (self.target, b""),
        }
    }
}
