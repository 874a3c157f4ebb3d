//! Every row of `docs/reference/http-framing.md`: the answers, and that nothing else of the bytes was read as a request.

use crate::MODEL;

use e2e::{Closed, SharedHost, TestHost, framing};

static MINIMAL: SharedHost = SharedHost::new(|| TestHost::app("Minimal").model(MODEL).start());

#[test]
fn the_table_is_true() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/http-framing.md");
    let cases = framing::cases(&std::fs::read_to_string(page).unwrap());
    assert!(cases.len() > 50, "{} rows are read", cases.len());
    let host = MINIMAL.get();
    let mut wrong = Vec::new();
    for case in cases {
        let bytes = [case.message.as_slice(), framing::FOLLOWER.as_bytes()].concat();
        let answer = host.raw(&bytes);
        if answer.statuses() != case.statuses || answer.closed != Closed::Finished {
            wrong.push(format!("{}: {:?}, {:?}", case.name, answer.statuses(), answer.closed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
