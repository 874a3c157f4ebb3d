//! The trace context of a request: <https://www.w3.org/TR/trace-context/>. A client's is taken as it is. For a request
//! without one, an app in this process begins a trace and tells which; for another app one is made, so that the log, the
//! app and what the app calls can name it alike.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::OnceLock;

use crate::application::Application;
use crate::handler::{HeaderRef, RequestHead};

const NAME: &[u8] = b"traceparent";
const LENGTH: usize = 55;
const TRACE: std::ops::Range<usize> = 3..35;

/// The value of a `traceparent` field. What we make says "sampled": whether a trace is kept stays the app's decision,
/// whose samplers take "not sampled" for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trace([u8; LENGTH]);

/// The id of a trace: 32 hexadecimal digits in lower case.
pub type TraceId = [u8; 32];

/// The trace context of one request.
pub(crate) enum Traced {
    /// Nobody asks.
    Not,
    /// It came with the request, and could be read or not.
    Sent(Option<Trace>),
    /// The app begins one.
    Apps,
    /// It is to be added to the request.
    Made(Trace),
}

impl Traced {
    /// The trace, as far as it is known before the app runs.
    pub(crate) fn trace(&self) -> Option<Trace> {
        match self {
            Self::Not | Self::Apps => None,
            Self::Sent(trace) => *trace,
            Self::Made(trace) => Some(*trace),
        }
    }

    /// Whether the app is to say which trace it has begun.
    pub(crate) fn is_apps(&self) -> bool {
        matches!(self, Self::Apps)
    }

    /// The request's fields, with what is to be added.
    pub(crate) fn headers<'a>(&'a self, sent: &'a [HeaderRef<'a>]) -> Cow<'a, [HeaderRef<'a>]> {
        let Self::Made(trace) = self else { return Cow::Borrowed(sent) };
        let mut headers = Vec::with_capacity(sent.len() + 1);
        headers.extend_from_slice(sent);
        headers.push(HeaderRef { name: NAME, value: trace.value(), known: 0 });
        Cow::Owned(headers)
    }
}

impl Trace {
    /// That of a request. One is only made where requests are logged: for the app alone there is no need.
    pub(crate) fn of(application: &Application, head: &RequestHead<'_>) -> Traced {
        if application.accounting().log().is_none() {
            return Traced::Not;
        }
        match head.headers.iter().find(|header| header.name.eq_ignore_ascii_case(NAME)) {
            Some(sent) => Traced::Sent(Self::parse(sent.value)),
            None if application.tells_traces() => Traced::Apps,
            None => Traced::Made(Self::new(head.request_id)),
        }
    }

    /// Reads a field's value; `None` if it is not valid, or of a version that says otherwise where its parts are.
    fn parse(value: &[u8]) -> Option<Self> {
        let bytes: [u8; LENGTH] = value.get(..LENGTH)?.try_into().ok()?;
        let more = value.len() > LENGTH;
        let hex = |part: &[u8]| part.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let some = |part: &[u8]| hex(part) && part.iter().any(|&byte| byte != b'0');
        let [version, trace, span, flags] = [&bytes[..2], &bytes[TRACE], &bytes[36..52], &bytes[53..]];
        let valid = bytes[2] == b'-'
            && bytes[35] == b'-'
            && bytes[52] == b'-'
            && hex(version)
            && version != b"ff"
            && some(trace)
            && some(span)
            && hex(flags)
            // Later versions may append to what is known.
            && (!more || (version != b"00" && value[LENGTH] == b'-'));
        valid.then_some(Self(bytes))
    }

    /// A new one for the request of this number, which is unique in the process.
    fn new(request_id: u64) -> Self {
        static SEEDS: OnceLock<[u64; 3]> = OnceLock::new();
        let seeds = SEEDS.get_or_init(|| std::array::from_fn(|_| RandomState::new().build_hasher().finish()));
        let mut bytes = *b"00-00000000000000000000000000000000-0000000000000000-01";
        let parts = [3..19, 19..35, 36..52];
        for (part, seed) in parts.into_iter().zip(seeds) {
            // Zeros are no id.
            hex(&mut bytes[part], mix(seed.wrapping_add(request_id)).max(1));
        }
        Self(bytes)
    }

    /// The whole value.
    fn value(&self) -> &[u8] {
        &self.0
    }

    /// The id of the trace, 32 hexadecimal digits.
    pub(crate) fn id(&self) -> TraceId {
        std::array::from_fn(|at| self.0[TRACE.start + at])
    }
}

/// The last step of SplitMix64: neighbours have nothing in common afterwards, and no two become the same.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn hex(into: &mut [u8], mut value: u64) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_values_are_taken() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(Trace::parse(good.as_bytes()).unwrap().id(), *b"0af7651916cd43dd8448eb211c80319c");
        let later = good.replacen("00", "cc", 1);
        for good in [later.clone(), format!("{later}-more")] {
            assert!(Trace::parse(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "",
            &good[..54],
            &format!("{good}-more"),
            &format!("{later}more"),
            &good.to_uppercase(),
            &good.replacen("00", "ff", 1),
            &good.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &good.replace("b7ad6b7169203331", &"0".repeat(16)),
            &good.replace('-', "_"),
        ] {
            assert_eq!(Trace::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn new_ones_are_valid_and_different() {
        let made: std::collections::HashSet<_> = (0..1000).map(|id| Trace::new(id).0).collect();
        assert_eq!(made.len(), 1000);
        for value in made {
            assert!(Trace::parse(&value).is_some(), "{:?}", String::from_utf8_lossy(&value));
        }
    }
}
