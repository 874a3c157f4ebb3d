//! A host context: an app for which the runtime has been prepared. Running consumes it.

use std::ffi::{CStr, CString, c_char};
use std::marker::PhantomData;

use super::error_writer::Capture;
use super::host_status::HostStatus;
use super::library::{Functions, Handle, text};
use super::start_error::StartError;

/// The state in which properties can be changed and the app can be run.
#[derive(Debug)]
pub enum Initialized {}

/// A host context in state `S`.
#[derive(Debug)]
pub struct Context<S> {
    functions: Functions,
    handle: Handle,
    state: PhantomData<S>,
}

// SAFETY: hostfxr guards its contexts with a lock of its own and ties none to a thread.
unsafe impl<S> Send for Context<S> {}

/// How an app's `Main` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// The exit code, or hostfxr's status code if `Main` was never reached.
    pub code: i32,
    /// What hostfxr said; empty if `Main` was reached.
    pub words: String,
}

impl Exit {
    /// hostfxr's status code, if `Main` was never reached: then hostfxr has always something to say.
    #[must_use]
    pub fn host_failure(&self) -> Option<HostStatus> {
        let status = HostStatus(self.code);
        (!self.words.is_empty() && !status.is_success() && status.name().is_some()).then_some(status)
    }
}

impl Context<Initialized> {
    pub(crate) fn new(functions: Functions, handle: Handle) -> Self {
        Self { functions, handle, state: PhantomData }
    }

    /// A runtime property; `None` if it is not set.
    ///
    /// # Errors
    /// hostfxr refused for another reason.
    pub fn property(&self, name: &str) -> Result<Option<String>, StartError> {
        let name = text("a property's name", name.as_ref())?;
        let mut value: *const c_char = std::ptr::null();
        let capture = Capture::start(&self.functions);
        // SAFETY: the handle is open and the strings are valid during the call.
        let code = unsafe { (self.functions.get_property)(self.handle, name.as_ptr(), &raw mut value) };
        let status = HostStatus(code);
        if status.name() == Some("HostPropertyNotFound") {
            return Ok(None);
        }
        if !status.is_success() || value.is_null() {
            return Err(StartError::Initialize { status, text: capture.take() });
        }
        // SAFETY: hostfxr owns the string and keeps it until the context changes; it is copied at once.
        Ok(Some(unsafe { CStr::from_ptr(value) }.to_string_lossy().into_owned()))
    }

    /// Sets a runtime property.
    ///
    /// # Errors
    /// The name or the value holds a NUL character, or hostfxr refuses.
    pub fn set_property(&mut self, name: &str, value: &str) -> Result<(), StartError> {
        let c_name = text("a property's name", name.as_ref())?;
        let c_value: CString = text(&format!("the value of the property {name}"), value.as_ref())?;
        let capture = Capture::start(&self.functions);
        // SAFETY: the handle is open and the strings are valid during the call, which copies them.
        let code = unsafe { (self.functions.set_property)(self.handle, c_name.as_ptr(), c_value.as_ptr()) };
        match HostStatus(code) {
            status if status.is_success() => Ok(()),
            status => Err(StartError::Initialize { status, text: capture.take() }),
        }
    }

    /// All runtime properties, for a diagnosis.
    ///
    /// # Errors
    /// hostfxr refuses.
    pub fn properties(&self) -> Result<Vec<(String, String)>, StartError> {
        let capture = Capture::start(&self.functions);
        let mut count = 0usize;
        let null = std::ptr::null_mut;
        // SAFETY: without buffers hostfxr only answers how many there are.
        unsafe { (self.functions.get_properties)(self.handle, &raw mut count, null(), null()) };
        let mut keys = vec![std::ptr::null::<c_char>(); count];
        let mut values = keys.clone();
        let (k, v) = (keys.as_mut_ptr(), values.as_mut_ptr());
        // SAFETY: both buffers have `count` places.
        let code = unsafe { (self.functions.get_properties)(self.handle, &raw mut count, k, v) };
        let status = HostStatus(code);
        if !status.is_success() {
            return Err(StartError::Initialize { status, text: capture.take() });
        }
        let copy = |pointer: &*const c_char| {
            if pointer.is_null() {
                return String::new();
            }
            // SAFETY: hostfxr owns the strings and keeps them until the context changes; they are copied at once.
            unsafe { CStr::from_ptr(*pointer) }.to_string_lossy().into_owned()
        };
        Ok(keys.iter().zip(&values).take(count).map(|(key, value)| (copy(key), copy(value))).collect())
    }

    /// Loads CoreCLR and runs the app's `Main` on this thread, until it returns. Use
    /// [`RuntimeThread`](crate::runtime::RuntimeThread), which prepares a thread for it.
    #[must_use]
    pub fn run(self) -> Exit {
        let capture = Capture::start(&self.functions);
        // SAFETY: the handle is open, came from the command-line initialization, and is run once: `self` is consumed.
        let code = unsafe { (self.functions.run_app)(self.handle) };
        Exit { code, words: capture.take() }
    }
}

impl<S> Drop for Context<S> {
    fn drop(&mut self) {
        // SAFETY: the handle is open and not used afterwards. The answer only says whether it was.
        let _ = unsafe { (self.functions.close)(self.handle) };
    }
}
