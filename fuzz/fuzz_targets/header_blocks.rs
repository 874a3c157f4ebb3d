//! HTTP/2 header blocks, one after another. The first byte ends a block.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((&end, bytes)) = data.split_first() {
        mews_server::fuzzing::header_blocks(bytes, end);
    }
});
