//! The accepting side of GSSAPI: Kerberos, SPNEGO and whatever else the system's library offers.
//!
//! Calls may block: the replay cache is a file, and a password is checked by a server in the network.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `raw` | types and constants of the C interface |
//! | `library` | the functions, found at run time |
//! | `owned` | what the library hands out, given back when it is dropped |
//! | `status` | what went wrong, in a sentence |
//! | `acceptor` | a service with its keys, and the handshakes with its clients |
//! | `password` | checking name and password |

mod acceptor;
mod library;
mod owned;
mod password;
mod raw;
mod status;

use std::ffi::CString;

pub use acceptor::{Accepted, Acceptor, AcceptorError, AcceptorOptions, Handshake, Peer, Step};
pub use library::LibraryMissing;
pub use status::{GssError, GssErrorKind};

use library::{Functions, functions};
use owned::{OwnedName, OwnedOids};
use raw::{Buffer, Oid};

/// Whether the system's library knows NTLM.
///
/// # Errors
/// There is no library.
pub fn offers_ntlm() -> Result<bool, LibraryMissing> {
    let functions = functions()?;
    let mut minor = 0;
    let mut set = OwnedOids::new(functions);
    // SAFETY: both pointers are to locals; the set is released by its owner.
    let major = unsafe { (functions.indicate_mechs)(&mut minor, &mut set.raw) };
    if major & raw::ERRORS != 0 || set.raw.is_null() {
        return Ok(false);
    }
    // SAFETY: the library has made the set, and nobody changes it.
    let set = unsafe { &*set.raw };
    if set.elements.is_null() {
        return Ok(false);
    }
    // SAFETY: the library's own count of its own elements.
    let oids = unsafe { std::slice::from_raw_parts(set.elements, set.count) };
    Ok(oids.iter().any(|oid| is(oid, raw::NTLM)))
}

/// Whether an OID that the library has made is this one.
fn is(oid: &Oid, der: &[u8]) -> bool {
    if oid.elements.is_null() || oid.length as usize != der.len() {
        return false;
    }
    // SAFETY: an OID of the library has so many bytes, and is never freed while the library is in use.
    let bytes = unsafe { std::slice::from_raw_parts(oid.elements.cast::<u8>(), oid.length as usize) };
    bytes == der
}

/// Makes a name of the library's from text.
fn import(functions: &'static Functions, text: &str, kind: &'static [u8]) -> Result<OwnedName, GssError> {
    let oid = Oid::of(kind);
    let (mut minor, mut name) = (0, OwnedName::new(functions));
    // SAFETY: buffer and OID are only read, during the call; the name is released by its owner.
    let major =
        unsafe { (functions.import_name)(&mut minor, &Buffer::of(text.as_bytes()), &oid, &mut name.raw) };
    if major & raw::ERRORS != 0 {
        return Err(GssError::of(functions, major, minor));
    }
    Ok(name)
}

fn c_string(text: &str, what: &str) -> Result<CString, GssError> {
    CString::new(text).map_err(|_| GssError::new(GssErrorKind::Other, format!("{what} contains a NUL byte")))
}
