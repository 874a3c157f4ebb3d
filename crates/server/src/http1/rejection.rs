//! Requests that the server itself refuses: one constructor per outcome, with what the client sees.

use std::sync::atomic::AtomicU64;

use crate::stats::Counters;

/// Why a request never reached the handler. `reason` is for the log and safe to show to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rejection {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
}

impl Rejection {
    pub(crate) const fn malformed(reason: &'static str) -> Self {
        Self { status: 400, reason }
    }

    pub(crate) const PLAIN: Self =
        Self { status: 400, reason: "this port speaks HTTPS; use an address that begins with https://" };
    pub(crate) const ADDRESS: Self =
        Self { status: 503, reason: "this address has more connections than it may have" };
    pub(crate) const TIMEOUT: Self =
        Self { status: 408, reason: "the request head was not complete in time" };
    pub(crate) const BODY: Self = Self { status: 413, reason: "the request body is larger than the limit" };
    pub(crate) const LINE: Self = Self { status: 414, reason: "the request line is longer than the limit" };
    pub(crate) const HEAD: Self = Self { status: 431, reason: "the request head is larger than the limit" };
    pub(crate) const FIELDS: Self =
        Self { status: 431, reason: "the request has more header fields than the limit" };
    pub(crate) const CONNECT: Self = Self { status: 501, reason: "CONNECT is not implemented" };
    pub(crate) const PROTOCOL: Self =
        Self { status: 501, reason: "of the protocols of extended CONNECT only websocket is implemented" };
    pub(crate) const VERSION: Self = Self { status: 505, reason: "this version of HTTP is not served here" };

    /// The counter of this kind of refusal.
    pub(crate) fn counter(self, counters: &Counters) -> &AtomicU64 {
        match self.status {
            408 => &counters.rejected_timeout,
            413 => &counters.rejected_body,
            414 => &counters.rejected_line,
            431 if self == Self::FIELDS => &counters.rejected_fields,
            431 => &counters.rejected_head,
            503 => &counters.address_limit_hits,
            501 => &counters.rejected_method,
            505 => &counters.rejected_version,
            _ => &counters.rejected_malformed,
        }
    }
}
