//! Changes a client's own copy of what it knows of its tickets, so that it sends what no honest client would.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file behind the value of `KRB5CCNAME`.
fn file(cache: &str) -> &str {
    cache.strip_prefix("FILE:").expect("tickets are kept in a file")
}

/// Has the client believe for a day that its tickets, which last for seconds, have not expired.
///
/// # Panics
/// There is no such ticket.
pub(super) fn seem_to_last(cache: &str) {
    let mut bytes = fs::read(file(cache)).expect("the tickets can be read");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let number = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_be_bytes)
    };
    let mut changed = 0;
    for at in 0..bytes.len().saturating_sub(12) {
        // When the user signed in, from when on and until when the ticket is good.
        let [user, from, until] = [0, 4, 8].map(|offset| u64::from(number(&bytes, at + offset)));
        let is_recent = |time: u64| time <= now && now - time < 60;
        if is_recent(user) && is_recent(from) && until > from && until - from < 60 {
            let later = u32::try_from(until + 86_400).expect("the year is before 2106");
            bytes[at + 8..at + 12].copy_from_slice(&later.to_be_bytes());
            changed += 1;
        }
    }
    assert!(changed > 0, "no ticket that lasts for seconds");
    fs::write(file(cache), bytes).expect("the tickets can be written");
}

/// Has the client believe that its clock is so many seconds behind that of the key server.
///
/// # Panics
/// The file is of another kind.
pub(super) fn set_back_clock(cache: &str, seconds: u32) {
    let mut bytes = fs::read(file(cache)).expect("the tickets can be read");
    // The fourth version of the format begins with a header, whose only field is the difference of the clocks.
    assert_eq!(bytes.get(..8), Some(&[5, 4, 0, 12, 0, 1, 0, 8][..]), "another format of tickets");
    bytes[8..12].copy_from_slice(&seconds.to_be_bytes());
    bytes[12..16].copy_from_slice(&[0; 4]);
    fs::write(file(cache), bytes).expect("the tickets can be written");
}
