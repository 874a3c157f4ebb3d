//! CoreCLR in this process, and the native half of the function table.
//!
//! [`hostfxr`] finds a .NET installation, says what kind of app lies at a path and prepares the runtime;
//! [`runtime`] runs the app's `Main` and makes threads fit for managed code; [`abi`] is the function table
//! that managed code and the host talk through, as specified in `docs/internals/abi.md`.
//!
//! This is one of the two places where unsafe code is allowed. It knows neither sockets nor HTTP nor
//! configuration files: the host implements [`abi::Exchange`] over whatever carries the requests.
#![allow(unsafe_code, reason = "this crate is the boundary to CoreCLR; every block says why it is sound")]

pub mod abi;
pub mod hostfxr;
pub mod runtime;
