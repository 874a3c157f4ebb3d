//! A large alternate signal stack for threads that enter managed code.
//!
//! CoreCLR turns SIGSEGV into `NullReferenceException` inside its signal handler, which runs on the thread's
//! alternate stack. Rust gives its threads a stack so small that the handler overflows it and the process dies.
//! CoreCLR makes one of its own only where there is none, so it does not help here.

use std::cell::OnceCell;
use std::io;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// Usable bytes of the alternate stack.
pub const SIGNAL_STACK_BYTES: usize = 256 * 1024;

/// Bytes below it that fault, so that an overflow kills the process instead of writing elsewhere. A multiple of
/// every page size in use.
const GUARD_BYTES: usize = 64 * 1024;

thread_local! {
    static STACK: OnceCell<SignalStack> = const { OnceCell::new() };
}

/// Makes the calling thread fit for managed code. Does nothing the second time, or when the thread's alternate
/// stack is large enough already. What was mapped is freed when the thread ends.
///
/// # Errors
/// The kernel has no memory for the stack (320 KiB of address space, of which only touched pages count).
pub fn prepare_thread() -> io::Result<()> {
    STACK
        .try_with(|stack| {
            if stack.get().is_none() && current()?.ss_size < SIGNAL_STACK_BYTES {
                let fresh = SignalStack::install()?;
                // Cannot be set already: this is the only writer, on this thread.
                drop(stack.set(fresh));
            }
            Ok(())
        })
        .unwrap_or_else(|_| Err(io::Error::other("the thread is already ending")))
}

/// An installed alternate stack.
#[derive(Debug)]
struct SignalStack {
    /// Start of the mapping: the guard, then the stack.
    mapping: NonNull<libc::c_void>,
}

impl SignalStack {
    fn install() -> io::Result<Self> {
        let flags = MapFlags::PRIVATE | MapFlags::STACK | MapFlags::NORESERVE;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let null = std::ptr::null_mut();
        // SAFETY: an anonymous mapping wherever the kernel likes touches no memory in use.
        let mapping =
            unsafe { rustix::mm::mmap_anonymous(null, GUARD_BYTES + SIGNAL_STACK_BYTES, protection, flags) }?;
        let Some(mapping) = NonNull::new(mapping) else {
            return Err(io::Error::other("the kernel mapped the signal stack at address 0"));
        };
        // From here on dropping it undoes the mapping.
        let stack = Self { mapping };
        // SAFETY: the range is the beginning of the fresh mapping, which nobody uses yet.
        unsafe { rustix::mm::mprotect(mapping.as_ptr(), GUARD_BYTES, MprotectFlags::empty()) }?;
        set(&libc::stack_t { ss_sp: stack.start(), ss_flags: 0, ss_size: SIGNAL_STACK_BYTES })?;
        Ok(stack)
    }

    /// The lowest usable byte.
    fn start(&self) -> *mut libc::c_void {
        self.mapping.as_ptr().wrapping_byte_add(GUARD_BYTES)
    }
}

impl Drop for SignalStack {
    /// Takes the stack away before its memory goes. The stack that was there before is *not* put back: thread
    /// locals are dropped after the standard library has freed its own, whose address this would be.
    fn drop(&mut self) {
        let off = libc::stack_t {
            ss_sp: std::ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: SIGNAL_STACK_BYTES,
        };
        match current() {
            Ok(now) if now.ss_sp == self.start() && set(&off).is_err() => return,
            // Unknown: leaking 256 KiB is better than a signal handler on unmapped memory.
            Err(_) => return,
            Ok(_) => {}
        }
        // SAFETY: the mapping is this object's own and no longer the thread's alternate stack. An error, which
        // cannot happen for an existing mapping, would leave it in place.
        let _ = unsafe { rustix::mm::munmap(self.mapping.as_ptr(), GUARD_BYTES + SIGNAL_STACK_BYTES) };
    }
}

/// The thread's alternate stack; a size of 0 if there is none.
fn current() -> io::Result<libc::stack_t> {
    let mut now = libc::stack_t { ss_sp: std::ptr::null_mut(), ss_flags: 0, ss_size: 0 };
    // SAFETY: only asks; the answer's place is valid.
    if unsafe { libc::sigaltstack(std::ptr::null(), &raw mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if now.ss_flags & libc::SS_DISABLE != 0 {
        now.ss_size = 0;
        now.ss_sp = std::ptr::null_mut();
    }
    Ok(now)
}

fn set(stack: &libc::stack_t) -> io::Result<()> {
    // SAFETY: the description is valid; the memory it names, if any, stays mapped until it is taken away in `drop`.
    if unsafe { libc::sigaltstack(stack, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The permissions of the mapping that holds `address`.
    fn permissions(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let holds = |line: &&str| {
            let (range, _) = line.split_once(' ').unwrap();
            let (from, to) = range.split_once('-').unwrap();
            let bounds = [from, to].map(|hex| usize::from_str_radix(hex, 16).unwrap());
            (bounds[0]..bounds[1]).contains(&address)
        };
        maps.lines().find(holds).unwrap().split(' ').nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_prepared_thread_has_a_large_stack_above_a_guard() {
        std::thread::spawn(|| {
            prepare_thread().unwrap();
            let first = current().unwrap();
            assert_eq!(first.ss_size, SIGNAL_STACK_BYTES);
            prepare_thread().unwrap();
            let second = current().unwrap();
            assert_eq!(first.ss_sp, second.ss_sp, "the second time changes nothing");
            // SAFETY: the lowest byte of the stack in use by this thread is mapped and writable.
            unsafe { first.ss_sp.cast::<u8>().write_volatile(1) };
            assert_eq!(permissions(first.ss_sp.addr()), "rw-p");
            assert_eq!(permissions(first.ss_sp.addr() - 1), "---p");
            assert_eq!(permissions(first.ss_sp.addr() - GUARD_BYTES), "---p");
        })
        .join()
        .unwrap();
    }
}
