//! The table of slots: grows in chunks, never shrinks, looked up without a lock; and the pool of free ones.
//!
//! The pool is split into parts, so that threads that each serve their own connections do not meet: a thread takes
//! from its own part first, and a slot goes back to the part it belongs to. The parts also count: what is not free is
//! active, so the end of draining is seen with all parts locked, exactly once.

use std::array;
use std::cell::Cell;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::slot::{Slot, index_of};

/// Slots in the first chunk; each next one is twice as large.
const FIRST: u32 = 16;
/// Enough chunks for 2^26 slots, which is more than memory holds.
const CHUNKS: usize = 22;
/// Parts of the pool. A slot belongs to part `index % PARTS`; chunks are multiples of it.
const PARTS: usize = 8;

/// All slots of the process.
#[derive(Debug)]
pub(crate) struct Slots<E> {
    chunks: [OnceLock<Box<[Slot<E>]>>; CHUNKS],
    parts: [Part; PARTS],
    /// Slots ever made.
    total: Mutex<u32>,
    stopping: AtomicBool,
    drained: AtomicBool,
}

/// One part of the pool, on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(Mutex<Pool>);

#[derive(Debug, Default)]
struct Pool {
    /// Last in, first out: the slot used last is still in the cache.
    free: Vec<u32>,
    /// Slots that belong to this part.
    made: usize,
}

impl Part {
    fn lock(&self) -> MutexGuard<'_, Pool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E> Slots<E> {
    pub(crate) fn new() -> Self {
        Self {
            chunks: [const { OnceLock::new() }; CHUNKS],
            parts: Default::default(),
            total: Mutex::new(0),
            stopping: AtomicBool::new(false),
            drained: AtomicBool::new(false),
        }
    }

    /// The slot a handle points at, of whatever generation.
    pub(crate) fn get(&self, handle: u64) -> Option<&Slot<E>> {
        let (chunk, at) = place(index_of(handle))?;
        self.chunks.get(chunk)?.get()?.get(at)
    }

    /// Takes a slot out of the pool. `None` when all 2^26 are taken.
    pub(crate) fn take(&self) -> Option<(u32, &Slot<E>)> {
        let own = own_part();
        let mut index = self.take_from(own);
        while index.is_none() {
            self.grow(own)?;
            index = self.take_from(own);
        }
        let index = index?;
        self.get(u64::from(index)).map(|slot| (index, slot))
    }

    /// From the thread's own part, else from any.
    fn take_from(&self, own: usize) -> Option<u32> {
        let (before, from_own) = self.parts.split_at(own);
        from_own.iter().chain(before).find_map(|part| part.lock().free.pop())
    }

    /// Makes one slot for each part, unless another thread has just done so.
    fn grow(&self, own: usize) -> Option<()> {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        if self.parts.get(own).is_some_and(|part| !part.lock().free.is_empty()) {
            return Some(());
        }
        let (chunk, _) = place(*total)?;
        self.chunks.get(chunk)?.get_or_init(|| (0..(FIRST as usize) << chunk).map(|_| Slot::new()).collect());
        for (index, part) in (*total..).zip(&self.parts) {
            let mut pool = part.lock();
            pool.made += 1;
            // `give` must not allocate: everything that belongs here fits.
            let missing = pool.made - pool.free.len();
            pool.free.reserve(missing);
            pool.free.push(index);
        }
        *total += PARTS as u32;
        Some(())
    }

    /// Puts a slot back. `true` if that ended the draining.
    #[must_use]
    pub(crate) fn give(&self, index: u32) -> bool {
        if let Some(part) = self.parts.get(index as usize % PARTS) {
            part.lock().free.push(index);
        }
        // A give that does not see the flag has locked its part before `stop` counts it, so `stop` sees the give.
        self.stopping.load(SeqCst) && self.drained_now()
    }

    /// Begins to drain. `true` if there is nothing to drain, the first time.
    #[must_use]
    pub(crate) fn stop(&self) -> bool {
        self.stopping.store(true, SeqCst);
        self.drained_now()
    }

    /// `true` once: when draining has come to its end.
    fn drained_now(&self) -> bool {
        self.active() == 0 && !self.drained.swap(true, SeqCst)
    }

    /// Slots that are taken. All parts are locked together, so the number was true at one moment.
    pub(crate) fn active(&self) -> usize {
        let pools: [MutexGuard<'_, Pool>; PARTS] = array::from_fn(|at| self.parts[at].lock());
        pools.iter().map(|pool| pool.made - pool.free.len()).sum()
    }
}

/// The part that this thread takes from first.
fn own_part() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    OWN.with(|own| {
        if own.get() == usize::MAX {
            own.set(NEXT.fetch_add(1, Relaxed) % PARTS);
        }
        own.get()
    })
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
        let mut taken: Vec<u32> = (0..100).map(|_| slots.take().unwrap().0).collect();
        assert_eq!(slots.active(), 100);
        let last = taken[99];
        assert!(!slots.give(last));
        assert_eq!(slots.take().unwrap().0, last);
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 100, "nothing is handed out twice");
        assert!(
            taken.iter().all(|index| *index < 104),
            "slots of other parts are used before new ones are made"
        );
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
        let (a, _) = slots.take().unwrap();
        let (b, _) = slots.take().unwrap();
        assert!(!slots.give(a));
        assert!(!slots.stop());
        assert!(slots.give(b));
        assert!(!slots.stop());
        let (c, _) = slots.take().unwrap();
        assert!(!slots.give(c), "exchanges refused after the end do not end it again");
        let idle = Slots::<()>::new();
        assert!(idle.stop());
        assert!(!idle.stop());
    }

    #[test]
    fn drains_exactly_once_whoever_is_last() {
        for _ in 0..300 {
            let slots = Slots::<()>::new();
            let taken: Vec<u32> = (0..4).map(|_| slots.take().unwrap().0).collect();
            let ends = AtomicUsize::new(0);
            std::thread::scope(|scope| {
                for index in taken {
                    let (slots, ends) = (&slots, &ends);
                    scope.spawn(move || ends.fetch_add(usize::from(slots.give(index)), SeqCst));
                }
                ends.fetch_add(usize::from(slots.stop()), SeqCst);
            });
            assert_eq!(ends.load(SeqCst), 1);
        }
    }
}
