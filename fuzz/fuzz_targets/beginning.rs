//! The first bytes of a connection, looked at as they come. The first byte is the length of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((&cut, bytes)) = data.split_first() {
        mews_server::fuzzing::beginning(bytes, usize::from(cut).max(1));
    }
});
