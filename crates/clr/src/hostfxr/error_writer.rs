//! What hostfxr has to say, captured instead of printed. The writer belongs to a thread, so the text does too.

use std::cell::RefCell;
use std::ffi::{CStr, c_char};
use std::panic::catch_unwind;

use super::library::{ErrorWriter, Functions};

thread_local! {
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// More than this is not kept.
const LIMIT: usize = 64 * 1024;

/// Captures until it is dropped, then puts the former writer back.
#[derive(Debug)]
pub(crate) struct Capture<'l> {
    functions: &'l Functions,
    former: Option<ErrorWriter>,
}

impl<'l> Capture<'l> {
    pub(crate) fn start(functions: &'l Functions) -> Self {
        TEXT.with_borrow_mut(String::clear);
        // SAFETY: the writer is a function of the type hostfxr wants and lives as long as the program.
        let former = unsafe { (functions.set_error_writer)(Some(write)) };
        Self { functions, former }
    }

    /// The text so far; empties it.
    pub(crate) fn take(&self) -> String {
        TEXT.with_borrow_mut(std::mem::take)
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        // SAFETY: puts back what hostfxr itself handed out.
        unsafe { (self.functions.set_error_writer)(self.former) };
    }
}

/// Takes one message, a line without its end.
unsafe extern "C" fn write(message: *const c_char) {
    if message.is_null() {
        return;
    }
    // SAFETY: hostfxr passes a string with an end mark that is valid during the call.
    let message = unsafe { CStr::from_ptr(message) };
    // A panic must not unwind into hostfxr; a lost line is all that can come of one.
    let _ = catch_unwind(|| {
        TEXT.try_with(|text| {
            if let Ok(mut text) = text.try_borrow_mut()
                && text.len() < LIMIT
            {
                text.push_str(&message.to_string_lossy());
                text.push('\n');
            }
        })
    });
}
