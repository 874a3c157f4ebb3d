//! A piece of memory whose address both sides hold: it may grow, it is never freed.
//!
//! Managed code may keep a stale pointer into a slot; it must stay readable for the life of the process. So a
//! piece that has grown leaves the smaller one behind. Sizes double, which bounds the loss by the final size.

use std::ptr::NonNull;

/// Never-freed memory for `capacity` values of `T`.
#[derive(Debug)]
pub(crate) struct Area<T: Copy + 'static> {
    start: NonNull<T>,
    capacity: usize,
}

// SAFETY: an area is plain memory that nothing else in Rust owns; `T` is `Copy` data.
unsafe impl<T: Copy + 'static> Send for Area<T> {}

impl<T: Copy + 'static> Area<T> {
    /// An area without memory.
    pub(crate) const fn empty() -> Self {
        Self { start: NonNull::dangling(), capacity: 0 }
    }

    /// How many values fit.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Where it starts; dangling while the capacity is 0.
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.start.as_ptr()
    }

    /// Makes room for at least `needed` values, in powers of two from `least`, keeping the content. Answers
    /// whether the memory moved.
    pub(crate) fn ensure(&mut self, needed: usize, least: usize, fill: T) -> bool {
        if needed <= self.capacity {
            return false;
        }
        let capacity = needed.next_power_of_two().max(least);
        let fresh: &'static mut [T] = Box::leak(vec![fill; capacity].into_boxed_slice());
        let start = NonNull::from(fresh).cast::<T>();
        // SAFETY: `self.start` is valid for `self.capacity` values (none if 0), the fresh memory is larger, and
        // the two are different allocations.
        unsafe { self.start.copy_to_nonoverlapping(start, self.capacity) };
        *self = Self { start, capacity };
        true
    }

    /// Copies `values` to position `at` and answers their address; `None` if they do not fit.
    pub(crate) fn put(&mut self, at: usize, values: &[T]) -> Option<*mut T> {
        if at.checked_add(values.len())? > self.capacity {
            return None;
        }
        // SAFETY: `at` is within the capacity, as checked.
        let target = unsafe { self.start.add(at) };
        // SAFETY: `values.len()` values fit behind `target`; `values` cannot overlap: the only slices into an
        // area are those of `slice`, whose caller promises that nothing is put meanwhile.
        unsafe { target.copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
        Some(target.as_ptr())
    }

    /// The values from `from` up to `to`; `None` if the range is not inside the area.
    ///
    /// # Safety
    /// Nothing may write the range while the slice lives. The slice's memory stays valid for ever.
    pub(crate) unsafe fn slice(&self, from: usize, to: usize) -> Option<&'static [T]> {
        if from > to || to > self.capacity {
            return None;
        }
        // SAFETY: `from` is within the capacity, as checked.
        let start = unsafe { self.start.add(from) };
        // SAFETY: the range is inside never-freed, initialized memory; the caller promises that it is not written.
        Some(unsafe { std::slice::from_raw_parts(start.as_ptr(), to - from) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_its_content_and_the_old_memory_when_it_grows() {
        let mut area = Area::<u8>::empty();
        assert!(area.ensure(3, 8, 0));
        let old = area.put(0, b"abc").unwrap();
        assert!(!area.ensure(8, 8, 0));
        assert!(area.ensure(9, 8, 0));
        assert_eq!(area.capacity(), 16);
        // SAFETY: nothing writes the area while the slice lives.
        assert_eq!(unsafe { area.slice(0, 3) }, Some(&b"abc"[..]));
        // SAFETY: areas never free, so the old address is readable.
        assert_eq!(unsafe { old.read() }, b'a');
    }

    #[test]
    fn refuses_what_lies_outside() {
        let mut area = Area::<u8>::empty();
        area.ensure(4, 4, 0);
        assert!(area.put(2, b"abc").is_none());
        assert!(area.put(usize::MAX, b"a").is_none());
        // SAFETY: nothing writes the area meanwhile.
        assert!(unsafe { area.slice(3, 2) }.is_none());
        // SAFETY: as above.
        assert!(unsafe { area.slice(0, 5) }.is_none());
    }
}
