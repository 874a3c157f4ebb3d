//! What an app's process answers, cut in two ways. The first byte is the length of the pieces, the second what the request was like.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let [cut, asked, bytes @ ..] = data {
        mews_server::fuzzing::reply(bytes, *asked, usize::from(*cut).max(1));
    }
});
