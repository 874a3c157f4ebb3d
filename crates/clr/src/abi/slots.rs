//! The table of slots: grows in chunks, never shrinks, looked up without a lock; and the pool of free ones.
//!
//! The pool also counts: what is not free is active, so the last release after `server_stop` is seen under the
//! same lock that takes the slot back, exactly once.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::slot::{Slot, index_of};

/// Slots in the first chunk; each next one is twice as large.
const FIRST: u32 = 16;
/// Enough chunks for 2^26 slots, which is more than memory holds.
const CHUNKS: usize = 22;

/// All slots of the process.
#[derive(Debug)]
pub(crate) struct Slots<E> {
    chunks: [OnceLock<Box<[Slot<E>]>>; CHUNKS],
    pool: Mutex<Pool>,
}

#[derive(Debug)]
struct Pool {
    /// Last in, first out: the slot used last is still in the cache.
    free: Vec<u32>,
    /// Slots ever handed out.
    total: u32,
    stopping: bool,
    drained: bool,
}

impl Pool {
    fn active(&self) -> usize {
        self.total as usize - self.free.len()
    }

    /// `true` once: when draining has come to its end.
    fn drained_now(&mut self) -> bool {
        let now = self.stopping && !self.drained && self.active() == 0;
        self.drained |= now;
        now
    }
}

impl<E> Slots<E> {
    pub(crate) fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            pool: Mutex::new(Pool { free: Vec::new(), total: 0, stopping: false, drained: false }),
        }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The slot a handle points at, of whatever generation.
    pub(crate) fn get(&self, handle: u64) -> Option<&Slot<E>> {
        let (chunk, at) = place(index_of(handle))?;
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// Takes a slot out of the pool. `None` when all 2^26 are taken.
    pub(crate) fn take(&self) -> Option<(u32, &Slot<E>)> {
        let index = {
            let mut pool = self.pool();
            match pool.free.pop() {
                Some(index) => index,
                None => {
                    let index = pool.total;
                    let (chunk, _) = place(index)?;
                    let chunk_of = self.chunks.get(chunk)?;
                    chunk_of.get_or_init(|| (0..(FIRST as usize) << chunk).map(|_| Slot::new()).collect());
                    pool.total += 1;
                    // `give` must not allocate: everything that was taken fits.
                    let total = pool.total as usize;
                    pool.free.reserve(total);
                    index
                }
            }
        };
        self.get(u64::from(index)).map(|slot| (index, slot))
    }

    /// Puts a slot back. `true` if that ended the draining.
    #[must_use]
    pub(crate) fn give(&self, index: u32) -> bool {
        let mut pool = self.pool();
        pool.free.push(index);
        pool.drained_now()
    }

    /// Begins to drain. `true` if there is nothing to drain, the first time.
    #[must_use]
    pub(crate) fn stop(&self) -> bool {
        let mut pool = self.pool();
        pool.stopping = true;
        pool.drained_now()
    }

    /// Slots that are taken.
    pub(crate) fn active(&self) -> usize {
        self.pool().active()
    }
}

/// Chunk and position of a slot.
fn place(index: u32) -> Option<(usize, usize)> {
    let shifted = index.checked_add(FIRST)?;
    let chunk = shifted.ilog2() - FIRST.ilog2();
    Some((chunk as usize, (shifted - (FIRST << chunk)) as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_dense() {
        assert_eq!(place(0), Some((0, 0)));
        assert_eq!(place(15), Some((0, 15)));
        assert_eq!(place(16), Some((1, 0)));
        assert_eq!(place(47), Some((1, 31)));
        assert_eq!(place(48), Some((2, 0)));
        assert_eq!(place(u32::MAX), None);
    }

    #[test]
    fn takes_last_in_first_out_and_grows() {
        let slots = Slots::<()>::new();
        let taken: Vec<u32> = (0..100).map(|_| slots.take().unwrap().0).collect();
        assert_eq!(taken, (0..100).collect::<Vec<_>>());
        assert_eq!(slots.active(), 100);
        assert!(!slots.give(7));
        assert!(!slots.give(42));
        assert_eq!(slots.take().unwrap().0, 42);
        assert_eq!(slots.take().unwrap().0, 7);
    }

    #[test]
    fn a_forged_index_finds_nothing() {
        let slots = Slots::<()>::new();
        assert!(slots.get(0).is_none());
        slots.take();
        assert!(slots.get(0).is_some());
        assert!(slots.get(16).is_none());
        assert!(slots.get(u64::from(u32::MAX)).is_none());
        assert!(slots.get(0x0fff_ffff).is_none());
    }

    #[test]
    fn drains_exactly_once() {
        let slots = Slots::<()>::new();
        slots.take();
        slots.take();
        assert!(!slots.give(0));
        assert!(!slots.stop());
        assert!(slots.give(1));
        assert!(!slots.stop());
        slots.take();
        assert!(!slots.give(1), "exchanges refused after the end do not end it again");
        let idle = Slots::<()>::new();
        assert!(idle.stop());
        assert!(!idle.stop());
    }
}
