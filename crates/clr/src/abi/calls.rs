//! What managed code asks for: the table's functions with checked pointers, before they become status codes.
//!
//! Each call enters the slot (so that it is not recycled underneath), asks the host without holding any lock, and
//! leaves.

use std::os::fd::OwnedFd;
use std::sync::atomic::Ordering::Release;

use super::callbacks::Callbacks;
use super::exchange::{BodyRead, Exchange, Report, SendFile, Upgrade, Write};
use super::layout::ManagedCallbacks;
use super::memory::{Response, Trailer};
use super::runtime::{Runtime, abort_owed};
use super::slot::{Slot, State, index_of};
use super::status;

/// A call under way. The slot is not recycled before it is dropped.
struct Call<'r, E: Exchange> {
    runtime: &'r Runtime<E>,
    slot: &'r Slot<E>,
    index: u32,
    exchange: E,
}

impl<E: Exchange> Drop for Call<'_, E> {
    fn drop(&mut self) {
        self.runtime.leave(self.slot, self.index);
    }
}

impl<E: Exchange> Runtime<E> {
    /// Enters the slot of `handle` if `check` allows it. `check` sees the locked state and must not call out.
    fn enter<T>(
        &self,
        handle: u64,
        check: impl FnOnce(&mut State<E>, &Slot<E>) -> Result<T, i32>,
    ) -> Result<(Call<'_, E>, T), i32> {
        let slot = self.slots.get(handle).ok_or(status::STALE)?;
        let mut state = slot.current(handle).ok_or(status::STALE)?;
        let exchange = state.exchange.clone().ok_or(status::STALE)?;
        state.attached = true;
        let owed = abort_owed(&mut state, &slot.raw);
        let checked = check(&mut state, slot);
        state.users += u32::from(checked.is_ok());
        drop(state);
        let entered =
            checked.map(|value| (Call { runtime: self, slot, index: index_of(handle), exchange }, value));
        if let Some(context) = owed
            && let Some(callbacks) = self.callbacks.get()
        {
            callbacks.abort(context, handle);
        }
        entered
    }

    /// The other end of `enter`; recycles the slot if it was released meanwhile.
    pub(crate) fn leave(&self, slot: &Slot<E>, index: u32) {
        let mut state = slot.lock();
        state.users -= 1;
        let last = state.users == 0 && state.exchange.is_none();
        drop(state);
        if last {
            self.give(index);
        }
    }

    pub(crate) fn server_start(&self, callbacks: &ManagedCallbacks) -> i32 {
        match Callbacks::check(callbacks) {
            Err(code) => code,
            Ok(callbacks) => match self.callbacks.set(callbacks) {
                Err(_) => status::INVALID,
                Ok(()) => {
                    self.host.server_started();
                    status::DONE
                }
            },
        }
    }

    pub(crate) fn body_read(&self, handle: u64, dst: &mut [u8]) -> i32 {
        let (call, ()) = match self.enter(handle, |_, slot| {
            // Before the host is asked: its answer may come true before it is back here.
            slot.awaits_body.store(true, Release);
            Ok(())
        }) {
            Ok(entered) => entered,
            Err(code) => return code,
        };
        let answer = call.exchange.read_body(dst);
        if answer != BodyRead::WouldBlock {
            call.slot.awaits_body.store(false, Release);
        }
        match answer {
            BodyRead::Data(_) if dst.is_empty() => 1,
            BodyRead::Data(count) => i32::try_from(count.min(dst.len())).unwrap_or(i32::MAX),
            BodyRead::End => {
                self.lay_trailers(&call);
                status::DONE
            }
            BodyRead::WouldBlock => status::WOULD_BLOCK,
            BodyRead::Gone => status::GONE,
            BodyRead::Malformed => status::MALFORMED,
            BodyRead::TooLarge => status::TOO_LARGE,
            BodyRead::TimedOut => status::TIMED_OUT,
        }
    }

    /// Copies the trailers into the slot, the first time the end is reached. They are collected before the slot is
    /// locked, because the host must not be called while it is.
    fn lay_trailers(&self, call: &Call<'_, E>) {
        if call.slot.lock().trailers_laid {
            return;
        }
        let mut trailers: Vec<Trailer> = Vec::new();
        call.exchange.request_trailers(&mut |name, value, known| {
            trailers.push((name.to_vec(), value.to_vec(), known))
        });
        let mut state = call.slot.lock();
        if std::mem::replace(&mut state.trailers_laid, true) || trailers.is_empty() {
            return;
        }
        let laid = state.memory.lay_trailers(&call.slot.raw, &trailers);
        drop(state);
        if !laid {
            self.host
                .report(Report::HostFault, "request trailers too large for the function table were left out");
        }
    }

    pub(crate) fn body_write(&self, handle: u64, block_len: usize, extra: &[u8]) -> i64 {
        let entered = self.enter(handle, |state, slot| {
            let part = next_part(state, slot, block_len)?;
            slot.awaits_room.store(true, Release);
            Ok(part)
        });
        let (call, (first, response)) = match entered {
            Ok(entered) => entered,
            Err(code) => return i64::from(code),
        };
        let answer = call.exchange.write(first.then_some(&response.head), response.block, extra);
        let (taken, waits) = match answer {
            Write::Gone => (i64::from(status::GONE), false),
            Write::Taken { room, .. } if extra.is_empty() => (i64::from(!room), !room),
            Write::Taken { extra: taken, .. } => (taken.min(extra.len()) as i64, taken < extra.len()),
        };
        if !waits {
            call.slot.awaits_room.store(false, Release);
        }
        taken
    }

    pub(crate) fn send_file(&self, handle: u64, file: OwnedFd, offset: u64, count: u64) -> i32 {
        let entered = self.enter(handle, |state, slot| {
            let part = next_part(state, slot, 0)?;
            slot.awaits_room.store(true, Release);
            Ok(part)
        });
        let (call, (first, response)) = match entered {
            Ok(entered) => entered,
            Err(code) => return code,
        };
        let answer = call.exchange.send_file(first.then_some(&response.head), file, offset, count);
        if answer != SendFile::Pending {
            call.slot.awaits_room.store(false, Release);
        }
        match answer {
            SendFile::Done => status::DONE,
            SendFile::Pending => status::PENDING,
            SendFile::Gone => status::GONE,
        }
    }

    pub(crate) fn head_grow(&self, handle: u64, needed: usize) -> i32 {
        let grown = self.enter(handle, |state, slot| {
            if state.memory.grow_head(&slot.raw, needed) { Ok(()) } else { Err(status::UNSUPPORTED) }
        });
        grown.err().unwrap_or(status::DONE)
    }

    pub(crate) fn complete(&self, handle: u64, block_len: usize, release: bool) -> i32 {
        let entered = self.enter(handle, |state, slot| {
            let part = next_part(state, slot, block_len)?;
            state.completed = true;
            if release {
                // The call's own clone keeps the exchange; the slot stays until the call leaves.
                drop(slot.retire(state));
            }
            Ok(part)
        });
        let (call, (first, response)) = match entered {
            Ok(entered) => entered,
            Err(code) => return code,
        };
        let sent = call.exchange.finish(first.then_some(&response.head), response.block, response.trailers);
        if sent { status::DONE } else { status::GONE }
    }

    pub(crate) fn release(&self, handle: u64) {
        if let Some(slot) = self.slots.get(handle)
            && let Some((exchange, completed)) = self.end(handle, slot)
            && !completed
        {
            exchange.abort();
        }
    }

    pub(crate) fn abort(&self, handle: u64, code: i64) -> i32 {
        let (call, completed) = match self.enter(handle, |state, _| Ok(state.completed)) {
            Ok(entered) => entered,
            Err(code) => return code,
        };
        match code {
            ..-1 => status::INVALID,
            // What the client has been given whole cannot be taken back.
            -1 if completed => status::DONE,
            -1 => {
                call.exchange.abort();
                status::DONE
            }
            0.. if call.exchange.reset(code) => status::DONE,
            0.. => status::UNSUPPORTED,
        }
    }

    pub(crate) fn upgrade(&self, handle: u64) -> i32 {
        let entered = self.enter(handle, |state, slot| {
            if state.started {
                return Err(status::INVALID);
            }
            next_part(state, slot, 0)
        });
        let (call, (_, response)) = match entered {
            Ok(entered) => entered,
            Err(code) => return code,
        };
        match call.exchange.upgrade(&response.head) {
            Upgrade::Done => status::DONE,
            Upgrade::Gone => status::GONE,
            Upgrade::NotAllowed => {
                // Nothing was sent: the application may still answer in the ordinary way.
                call.slot.lock().started = false;
                status::INVALID
            }
        }
    }

    pub(crate) fn fault(&self, what: &str) {
        self.host.report(Report::HostFault, what);
    }
}

/// The next part of a response that is not complete: whether it is the first, and what lies in the slot.
fn next_part<E>(state: &mut State<E>, slot: &Slot<E>, block_len: usize) -> Result<(bool, Response), i32> {
    if state.completed {
        return Err(status::INVALID);
    }
    let response = state.memory.response(&slot.raw, block_len).ok_or(status::INVALID)?;
    Ok((!std::mem::replace(&mut state.started, true), response))
}
