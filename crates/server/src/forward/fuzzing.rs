//! Reading an upstream's answer from any bytes: how they are cut must not matter, and nothing is passed on that would read as two answers.
#![allow(clippy::panic, reason = "that is how a fuzzer is told")]

use super::reply::{Asked, Fault, Fed, Reply, Sink};
use crate::error::Gone;
use crate::exchange::ResponseHead;
use crate::headers::{HeaderBlock, HeaderBlockRef};

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    reason: Vec<u8>,
    fields: Fields,
    content_length: Option<u64>,
    close: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    interims: Vec<(u16, Fields)>,
    head: Option<Head>,
    body: Vec<u8>,
    trailers: Option<Fields>,
}

fn fields(block: HeaderBlockRef<'_>) -> Fields {
    let mut all = Fields::new();
    for item in block.iter() {
        let Ok(item) = item else { panic!("a header block of our own making is broken") };
        assert!(
            !item.name.is_empty() && item.name.iter().all(u8::is_ascii_graphic),
            "a name: {:?}",
            item.name
        );
        assert!(
            !item.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
            "a value: {:?}",
            item.value
        );
        all.push((item.name.to_ascii_lowercase(), item.value.to_vec()));
    }
    all
}

impl Seen {
    fn head(&mut self, head: &ResponseHead<'_>) {
        assert!(self.head.is_none(), "a second head");
        assert!(!head.reason.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{:?}", head.reason);
        let fields = fields(head.headers);
        assert!(
            !fields.iter().any(|(name, _)| name == b"transfer-encoding"),
            "the framing is the server's own"
        );
        let reason = head.reason.to_vec();
        let (status, content_length, close) = (head.status, head.content_length, head.close);
        self.head = Some(Head { status, reason, fields, content_length, close });
    }
}

impl Sink for Seen {
    fn interim(&mut self, status: u16, headers: HeaderBlockRef<'_>) -> Result<(), Gone> {
        assert!((100..200).contains(&status) && status != 101);
        self.interims.push((status, fields(headers)));
        Ok(())
    }

    fn part(
        &mut self,
        head: Option<&ResponseHead<'_>>,
        bytes: &[u8],
        end: Option<HeaderBlockRef<'_>>,
    ) -> Result<(), Gone> {
        assert!(self.trailers.is_none(), "something after the end");
        if let Some(head) = head {
            self.head(head);
        }
        assert!(self.head.is_some(), "a body without a head");
        self.body.extend_from_slice(bytes);
        self.trailers = end.map(fields);
        Ok(())
    }

    fn switch(&mut self, head: &ResponseHead<'_>) -> Result<(), Gone> {
        self.head(head);
        Ok(())
    }
}

/// Reads one answer. `asked`: bits of what the request was like; `cut`: how many bytes come at a time, at least 1.
pub fn reply(bytes: &[u8], asked: u8, cut: usize) {
    let asked = Asked {
        is_head: asked & 1 != 0,
        upgrade: asked & 2 != 0,
        trailers: asked & 4 != 0,
        connection: asked & 8 != 0,
    };
    let (seen, fed) = read(bytes, asked, bytes.len().max(1), 64 * 1024);
    let (pieces, cut) = read(bytes, asked, cut.max(1), cut.clamp(1, 4096));
    assert_eq!(fed.is_ok(), cut.is_ok(), "the cut decides: {fed:?} {cut:?}");
    if fed.is_ok() {
        assert_eq!((seen, fed), (pieces, cut));
    }
}

fn read(input: &[u8], asked: Asked, cut: usize, room: usize) -> (Seen, Result<(Fed, bool), Fault>) {
    let mut reply = Reply::new(asked);
    let (mut seen, mut decoded, mut block) = (Seen::default(), vec![0; room], HeaderBlock::new());
    let mut at = 0;
    let fed = loop {
        if at == input.len() {
            break reply.end(&mut seen);
        }
        let count = cut.min(input.len() - at);
        let fed = reply.feed(&input[at..at + count], &mut decoded, &mut block, &mut seen);
        at += count;
        match fed {
            Ok(Fed::More) => {}
            Ok(Fed::Switched { rest }) => break Ok(Fed::Switched { rest: input.len() - at + rest }),
            Ok(Fed::Complete { excess }) => break Ok(Fed::Complete { excess: excess || at < input.len() }),
            Err(fault) => break Err(fault),
        }
    };
    let keeps_alive = fed.is_ok() && reply.keeps_alive();
    (seen, fed.map(|fed| (fed, keeps_alive)))
}
