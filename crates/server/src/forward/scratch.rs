//! Memory that each thread keeps for forwarding, so that no exchange needs large buffers of its own.

use std::cell::{Cell, RefCell};

use crate::headers::HeaderBlock;

/// Bytes moved at once.
pub(super) const PIECE: usize = 64 * 1024;

const HEADS: usize = 64;
const HEAD_MAX: usize = 8 * 1024;

/// What the bytes of one step pass through.
pub(super) struct Scratch {
    /// Bytes as they were read.
    pub(super) bytes: Vec<u8>,
    /// Body bytes without their chunks.
    pub(super) decoded: Vec<u8>,
    /// A response's fields.
    pub(super) block: HeaderBlock,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; PIECE], decoded: vec![0; PIECE], block: HeaderBlock::new() }
    }
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
    static SPARE_HEADS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` with the thread's scratch.
pub(super) fn with<R>(f: impl FnOnce(&mut Scratch) -> R) -> R {
    let mut scratch = SCRATCH.take().unwrap_or_else(|| Box::new(Scratch::new()));
    let result = f(&mut scratch);
    SCRATCH.set(Some(scratch));
    result
}

/// An empty vector for a request head, with memory if the thread has some to spare.
pub(super) fn take_head() -> Vec<u8> {
    SPARE_HEADS.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(1024))
}

/// Gives a head's memory back.
pub(super) fn give_head(mut head: Vec<u8>) {
    if head.capacity() == 0 || head.capacity() > HEAD_MAX {
        return;
    }
    head.clear();
    SPARE_HEADS.with_borrow_mut(|spare| {
        if spare.len() < HEADS {
            spare.push(head);
        }
    });
}
