//! What the library hands out, given back when it is dropped.

use std::fmt;
use std::ptr;

use super::library::Functions;
use super::raw::{self, Buffer, Code};

/// A buffer that the library fills.
pub(super) struct Text {
    functions: &'static Functions,
    buffer: Buffer,
}

impl Text {
    pub(super) fn new(functions: &'static Functions) -> Self {
        Self { functions, buffer: Buffer::EMPTY }
    }

    pub(super) fn as_mut(&mut self) -> &mut Buffer {
        &mut self.buffer
    }

    pub(super) fn bytes(&self) -> &[u8] {
        if self.buffer.value.is_null() || self.buffer.length == 0 {
            return &[];
        }
        // SAFETY: the library filled the buffer with so many bytes, and they stay until it is released with `self`.
        unsafe { std::slice::from_raw_parts(self.buffer.value.cast(), self.buffer.length) }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(String::from_utf8_lossy(self.bytes()).trim_end_matches('\0'))
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is empty or was filled by the library; it is released once.
        unsafe { (self.functions.release_buffer)(&mut minor, &mut self.buffer) };
    }
}

macro_rules! owned {
    ($(#[$doc:meta])* $name:ident, $raw:ty, $release:ident) => {
        $(#[$doc])*
        pub(super) struct $name {
            pub(super) functions: &'static Functions,
            pub(super) raw: $raw,
        }

        impl $name {
            pub(super) fn new(functions: &'static Functions) -> Self {
                Self { functions, raw: ptr::null_mut() }
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                if !self.raw.is_null() {
                    let mut minor = 0;
                    // SAFETY: made by the library, owned by `self` alone, and released once.
                    unsafe { (self.functions.$release)(&mut minor, &mut self.raw) };
                }
            }
        }
    };
}

owned!(
    /// A name.
    OwnedName,
    raw::Name,
    release_name
);
owned!(
    /// A credential.
    OwnedCredential,
    raw::Credential,
    release_cred
);
owned!(
    /// A set of mechanisms.
    OwnedOids,
    *mut raw::OidSet,
    release_oid_set
);

// SAFETY: a credential is not bound to the thread that made it, and acquired ones are only read, under the library's own
// locks.
unsafe impl Send for OwnedCredential {}
// SAFETY: as above.
unsafe impl Sync for OwnedCredential {}

/// A security context, established or not.
pub(super) struct OwnedContext {
    pub(super) functions: &'static Functions,
    pub(super) raw: raw::Context,
}

// SAFETY: a context is not bound to a thread; `&mut` sees to it that it is used by one at a time.
unsafe impl Send for OwnedContext {}

impl OwnedContext {
    pub(super) fn new(functions: &'static Functions) -> Self {
        Self { functions, raw: ptr::null_mut() }
    }
}

impl Drop for OwnedContext {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            let mut minor: Code = 0;
            // SAFETY: made by the library, owned by `self` alone, and deleted once; no token is wanted.
            unsafe { (self.functions.delete_sec_context)(&mut minor, &mut self.raw, ptr::null_mut()) };
        }
    }
}
