//! The types and constants of GSSAPI (RFC 2744) and its extensions, as the C library of Linux lays them out.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;

/// `OM_uint32`.
pub(super) type Code = u32;
/// `gss_name_t`.
pub(super) type Name = *mut c_void;
/// `gss_cred_id_t`.
pub(super) type Credential = *mut c_void;
/// `gss_ctx_id_t`.
pub(super) type Context = *mut c_void;

pub(super) const COMPLETE: Code = 0;
pub(super) const CONTINUE_NEEDED: Code = 1;
/// Calling and routine errors are in the upper bits; the lower ones are notes.
pub(super) const ERRORS: Code = 0xffff_0000;
/// Notes about a token's place in a sequence; both are errors while a context is established.
pub(super) const DUPLICATE_TOKEN: Code = 2;
pub(super) const OLD_TOKEN: Code = 4;

pub(super) const BAD_BINDINGS: Code = 4 << 16;
pub(super) const NO_CRED: Code = 7 << 16;
pub(super) const DEFECTIVE_TOKEN: Code = 9 << 16;
pub(super) const CREDENTIALS_EXPIRED: Code = 11 << 16;
pub(super) const BAD_MECH: Code = 1 << 16;

pub(super) const USE_INITIATE: c_int = 1;
pub(super) const USE_ACCEPT: c_int = 2;
pub(super) const INDEFINITE: Code = u32::MAX;

pub(super) const FLAG_ANONYMOUS: Code = 64;
/// The initiator's channel bindings were there and are ours (Kerberos 5 since 1.19).
pub(super) const FLAG_CHANNEL_BOUND: Code = 2048;

pub(super) const STATUS_ROUTINE: c_int = 1;
pub(super) const STATUS_MECHANISM: c_int = 2;

/// `GSS_C_AF_UNSPEC`.
pub(super) const ADDRESS_UNSPECIFIED: Code = 0;

/// `gss_buffer_desc`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Buffer {
    pub(super) length: usize,
    pub(super) value: *mut c_void,
}

impl Buffer {
    pub(super) const EMPTY: Self = Self { length: 0, value: ptr::null_mut() };

    /// A view of `bytes` for a parameter that the library only reads.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_desc`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(super) struct Oid {
    pub(super) length: Code,
    pub(super) elements: *const c_void,
}

impl Oid {
    pub(super) const fn of(der: &'static [u8]) -> Self {
        Self { length: der.len() as Code, elements: der.as_ptr().cast() }
    }
}

/// `gss_OID_set_desc`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct OidSet {
    pub(super) count: usize,
    pub(super) elements: *const Oid,
}

/// `gss_channel_bindings_struct`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct ChannelBindings {
    pub(super) initiator_family: Code,
    pub(super) initiator_address: Buffer,
    pub(super) acceptor_family: Code,
    pub(super) acceptor_address: Buffer,
    pub(super) application_data: Buffer,
}

/// `gss_key_value_element_desc`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct KeyValue {
    pub(super) key: *const c_char,
    pub(super) value: *const c_char,
}

/// `gss_key_value_set_desc`.
#[repr(C)]
#[derive(Debug)]
pub(super) struct KeyValues {
    pub(super) count: Code,
    pub(super) elements: *const KeyValue,
}

/// `GSS_C_NT_HOSTBASED_SERVICE`: 1.2.840.113554.1.2.1.4.
pub(super) const HOSTBASED_SERVICE: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x01\x04";
/// `GSS_KRB5_NT_PRINCIPAL_NAME`: 1.2.840.113554.1.2.2.1.
pub(super) const PRINCIPAL_NAME: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x01";
/// Kerberos 5: 1.2.840.113554.1.2.2.
pub(super) const KERBEROS: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// SPNEGO: 1.3.6.1.5.5.2.
pub(super) const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";
/// NTLM: 1.3.6.1.4.1.311.2.2.10.
pub(super) const NTLM: &[u8] = b"\x2b\x06\x01\x04\x01\x82\x37\x02\x02\x0a";
