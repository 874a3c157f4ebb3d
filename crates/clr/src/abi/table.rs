//! The table's functions: `extern "C"`, one for each row of the specification. They check pointers and lengths,
//! catch panics, and leave everything else to `calls`.

use std::os::fd::BorrowedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use super::exchange::{Exchange, Report};
use super::layout::{HostTable, ManagedCallbacks, RawHostInfo, VERSION};
use super::runtime::Runtime;
use super::status;

/// Reports longer than this many bytes are cut.
const REPORT_LIMIT: usize = 1024 * 1024;

/// The table for exchanges of type `E`.
pub(crate) fn make<E: Exchange>(info: &'static RawHostInfo) -> HostTable {
    HostTable {
        size: size_of::<HostTable>() as u32,
        version: VERSION,
        info,
        server_start: server_start::<E>,
        server_stop: server_stop::<E>,
        report: report::<E>,
        body_read: body_read::<E>,
        body_write: body_write::<E>,
        send_file: send_file::<E>,
        head_grow: head_grow::<E>,
        complete: complete::<E>,
        release: release::<E>,
        abort: abort::<E>,
        upgrade: upgrade::<E>,
    }
}

/// Runs `call` on the installed runtime. A panic must not unwind into managed code: it becomes `fallback`.
fn at_the_edge<E: Exchange, T: Copy>(
    name: &str,
    fallback: T,
    call: impl FnOnce(&'static Runtime<E>) -> T,
) -> T {
    let Some(runtime) = Runtime::<E>::installed() else { return fallback };
    let result = catch_unwind(AssertUnwindSafe(|| call(runtime)));
    result.unwrap_or_else(|_| {
        // The report itself is the host's code too.
        let told =
            catch_unwind(AssertUnwindSafe(|| runtime.fault(&format!("a panic in `{name}` was caught"))));
        drop(told);
        fallback
    })
}

unsafe extern "C" fn server_start<E: Exchange>(callbacks: *const ManagedCallbacks) -> i32 {
    at_the_edge::<E, _>("server_start", status::INVALID, |runtime| {
        if callbacks.is_null() {
            return status::INVALID;
        }
        // SAFETY: the managed side passes a structure that begins with its own size and version, two u32.
        let [size, version] = unsafe { callbacks.cast::<[u32; 2]>().read_unaligned() };
        if version != VERSION || (size as usize) < size_of::<ManagedCallbacks>() {
            return status::UNSUPPORTED;
        }
        // SAFETY: it says that it is at least as large as ours; function pointers may be null, which `Option` is for.
        let callbacks = unsafe { callbacks.read_unaligned() };
        runtime.server_start(&callbacks)
    })
}

unsafe extern "C" fn server_stop<E: Exchange>() {
    at_the_edge::<E, _>("server_stop", (), Runtime::server_stop);
}

unsafe extern "C" fn report<E: Exchange>(kind: i32, text: *const u8, len: i32) {
    at_the_edge::<E, _>("report", (), |runtime| {
        let Some(len) = usize::try_from(len).ok().filter(|_| !text.is_null()) else { return };
        // SAFETY: the managed side passes `len` readable bytes, for the duration of the call.
        let bytes = unsafe { slice::from_raw_parts(text, len.min(REPORT_LIMIT)) };
        let kind = match kind {
            1 => Report::StartFailure,
            2 => Report::UnhandledException,
            4 => Report::NotHostable,
            _ => Report::Warning,
        };
        runtime.host.report(kind, &String::from_utf8_lossy(bytes));
    });
}

unsafe extern "C" fn body_read<E: Exchange>(handle: u64, dst: *mut u8, len: i32) -> i32 {
    at_the_edge::<E, _>("body_read", status::GONE, |runtime| match usize::try_from(len) {
        Ok(0) => runtime.body_read(handle, &mut []),
        Ok(len) if !dst.is_null() => {
            // SAFETY: the managed side passes `len` bytes that nobody else uses during the call.
            let dst = unsafe { slice::from_raw_parts_mut(dst, len) };
            runtime.body_read(handle, dst)
        }
        _ => status::INVALID,
    })
}

unsafe extern "C" fn body_write<E: Exchange>(
    handle: u64,
    block_len: i32,
    extra: *const u8,
    extra_len: i64,
) -> i64 {
    at_the_edge::<E, _>("body_write", i64::from(status::GONE), |runtime| {
        let invalid = i64::from(status::INVALID);
        let Ok(block_len) = usize::try_from(block_len) else { return invalid };
        match usize::try_from(extra_len) {
            Ok(0) => runtime.body_write(handle, block_len, &[]),
            Ok(len) if !extra.is_null() => {
                // SAFETY: the managed side passes `len` readable bytes, for the duration of the call; an i64 is at
                // most isize::MAX here.
                let extra = unsafe { slice::from_raw_parts(extra, len) };
                runtime.body_write(handle, block_len, extra)
            }
            _ => invalid,
        }
    })
}

unsafe extern "C" fn send_file<E: Exchange>(handle: u64, fd: i32, offset: i64, count: i64) -> i32 {
    at_the_edge::<E, _>("send_file", status::GONE, |runtime| {
        let (Ok(offset), Ok(count)) = (u64::try_from(offset), u64::try_from(count)) else {
            return status::INVALID;
        };
        if fd < 0 {
            return status::INVALID;
        }
        // SAFETY: the managed side holds the descriptor open during the call; -1 was refused.
        let file = unsafe { BorrowedFd::borrow_raw(fd) };
        match rustix::io::fcntl_dupfd_cloexec(file, 3) {
            Ok(file) => runtime.send_file(handle, file, offset, count),
            Err(rustix::io::Errno::BADF) => status::INVALID,
            // Out of descriptors: the managed side reads and writes the file itself.
            Err(_) => status::UNSUPPORTED,
        }
    })
}

unsafe extern "C" fn head_grow<E: Exchange>(handle: u64, needed: i32) -> i32 {
    at_the_edge::<E, _>("head_grow", status::GONE, |runtime| match usize::try_from(needed) {
        Ok(needed) => runtime.head_grow(handle, needed),
        Err(_) => status::INVALID,
    })
}

unsafe extern "C" fn complete<E: Exchange>(handle: u64, block_len: i32, release: i32) -> i32 {
    at_the_edge::<E, _>("complete", status::GONE, |runtime| match usize::try_from(block_len) {
        Ok(block_len) => runtime.complete(handle, block_len, release != 0),
        Err(_) => status::INVALID,
    })
}

unsafe extern "C" fn release<E: Exchange>(handle: u64) {
    at_the_edge::<E, _>("release", (), |runtime| runtime.release(handle));
}

unsafe extern "C" fn abort<E: Exchange>(handle: u64, code: i64) -> i32 {
    at_the_edge::<E, _>("abort", status::GONE, |runtime| runtime.abort(handle, code))
}

unsafe extern "C" fn upgrade<E: Exchange>(handle: u64) -> i32 {
    at_the_edge::<E, _>("upgrade", status::GONE, |runtime| runtime.upgrade(handle))
}
