//! The structures both sides see, field by field as `docs/internals/abi.md` gives them.
//!
//! Every field of [`RawExchange`] is an atomic: managed code may write while native code reads, and an atomic
//! access costs the same as a plain one here. Nothing in this file does anything but describe memory.

use std::ffi::c_void;
use std::mem::offset_of;
use std::sync::atomic::{AtomicI64, AtomicIsize, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64};

/// The version of the table that this build speaks.
pub const VERSION: u32 = 4;

/// What managed code calls. Lives as long as the process.
#[repr(C)]
#[derive(Debug)]
pub struct HostTable {
    /// Size of this structure in bytes.
    pub size: u32,
    /// [`VERSION`].
    pub version: u32,
    /// Facts about the host that never change.
    pub info: *const RawHostInfo,
    /// Hands over the callbacks.
    pub server_start: unsafe extern "C" fn(*const ManagedCallbacks) -> i32,
    /// Ends the start of new requests.
    pub server_stop: unsafe extern "C" fn(),
    /// Text for the operator.
    pub report: unsafe extern "C" fn(i32, *const u8, i32),
    /// Reads the request body.
    pub body_read: unsafe extern "C" fn(u64, *mut u8, i32) -> i32,
    /// Writes the response body.
    pub body_write: unsafe extern "C" fn(u64, i32, *const u8, i64) -> i64,
    /// Sends a file as part of the response body.
    pub send_file: unsafe extern "C" fn(u64, i32, i64, i64) -> i32,
    /// Makes the head area larger.
    pub head_grow: unsafe extern "C" fn(u64, i32) -> i32,
    /// Ends the response.
    pub complete: unsafe extern "C" fn(u64, i32, i32) -> i32,
    /// Gives the exchange back.
    pub release: unsafe extern "C" fn(u64),
    /// Breaks the exchange off.
    pub abort: unsafe extern "C" fn(u64, i64) -> i32,
    /// Turns the exchange into a raw stream.
    pub upgrade: unsafe extern "C" fn(u64) -> i32,
}

// SAFETY: the one pointer points to never-freed memory that nobody writes.
unsafe impl Send for HostTable {}
// SAFETY: as above.
unsafe impl Sync for HostTable {}

/// What native code calls. Copied during `server_start`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct ManagedCallbacks {
    /// Size of this structure in bytes.
    pub size: u32,
    /// [`VERSION`].
    pub version: u32,
    /// Runs the application's pipeline.
    pub on_request: Option<unsafe extern "C" fn(*mut RawExchange) -> i32>,
    /// Body bytes wait.
    pub on_body_ready: Option<unsafe extern "C" fn(isize, u64)>,
    /// The response window has room again.
    pub on_writable: Option<unsafe extern "C" fn(isize, u64)>,
    /// The client is gone.
    pub on_abort: Option<unsafe extern "C" fn(isize, u64)>,
    /// The application shall stop.
    pub on_stop: Option<unsafe extern "C" fn()>,
    /// Every exchange has been released after `server_stop`.
    pub on_drained: Option<unsafe extern "C" fn()>,
}

/// Facts about the host; `HostInfo` of the specification. Text is UTF-8 without an end mark.
#[repr(C)]
#[derive(Debug)]
#[allow(missing_docs, reason = "each field is a row of the specification")]
pub struct RawHostInfo {
    pub size: u32,
    pub flags: u32,
    pub max_request_body_size: i64,
    pub physical_path: *const u8,
    pub virtual_path: *const u8,
    pub addresses: *const u8,
    pub site_name: *const u8,
    pub app_pool: *const u8,
    pub application_id: *const u8,
    pub config_path: *const u8,
    pub version: *const u8,
    pub physical_path_len: u32,
    pub virtual_path_len: u32,
    pub addresses_len: u32,
    pub site_name_len: u32,
    pub app_pool_len: u32,
    pub application_id_len: u32,
    pub config_path_len: u32,
    pub version_len: u32,
    pub site_id: u32,
    pub reserved: u32,
}

/// One request header or trailer; the bytes lie in the exchange's slot.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each field is a row of the specification")]
pub struct RawHeader {
    pub name: *const u8,
    pub value: *const u8,
    pub value_len: u32,
    pub name_len: u16,
    pub known: u8,
    pub reserved: u8,
}

/// Facts about the connection; copied into the slot.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs, reason = "each field is a row of the specification")]
pub struct RawConnection {
    pub id: u64,
    pub started_ns: i64,
    pub remote_address: [u8; 16],
    pub local_address: [u8; 16],
    pub remote_port: u16,
    pub local_port: u16,
    pub family: u8,
    pub tls: u8,
    pub tls_protocol: u16,
    pub tls_cipher_suite: u16,
    pub reserved: u16,
    pub scope_id: u32,
    pub sni: *const u8,
    pub client_certificate: *const u8,
    pub sni_len: u32,
    pub client_certificate_len: u32,
    pub tls_leg1_start_ns: i64,
    pub tls_leg1_end_ns: i64,
    pub tls_leg2_start_ns: i64,
    pub tls_leg2_end_ns: i64,
}

/// One request and its response, shared by both sides.
#[repr(C)]
#[derive(Debug, Default)]
#[allow(missing_docs, reason = "each field is a row of the specification")]
pub struct RawExchange {
    pub handle: AtomicU64,
    pub context: AtomicIsize,
    pub request_id: AtomicU64,
    pub connection: AtomicPtr<RawConnection>,
    pub method: AtomicPtr<u8>,
    pub target: AtomicPtr<u8>,
    pub headers: AtomicPtr<RawHeader>,
    pub request_trailers: AtomicPtr<RawHeader>,
    pub content_length: AtomicI64,
    pub parse_start_ns: AtomicI64,
    pub parse_end_ns: AtomicI64,
    pub dispatch_ns: AtomicI64,
    pub target_len: AtomicU32,
    pub header_count: AtomicU16,
    pub request_trailer_count: AtomicU16,
    pub method_len: AtomicU16,
    pub version: AtomicU8,
    pub request_flags: AtomicU8,
    pub reserved: AtomicU32,
    pub head: AtomicPtr<u8>,
    pub block: AtomicPtr<u8>,
    pub response_content_length: AtomicI64,
    pub head_cap: AtomicU32,
    pub head_len: AtomicU32,
    pub block_cap: AtomicU32,
    pub block_len: AtomicU32,
    pub status: AtomicU16,
    pub reason_len: AtomicU16,
    pub trailers_at: AtomicU32,
    pub response_flags: AtomicU32,
    pub user_len: AtomicU32,
    pub user: AtomicPtr<u8>,
    pub trace: [AtomicU64; 4],
}

/// Checks every offset when compiling, and prints the same rows for the comparison with the managed side.
macro_rules! rows {
    ($($name:literal $ty:ty, size $size:literal { $($field:ident $offset:literal)* })*) => {
        const _: () = { $(
            $(assert!(offset_of!($ty, $field) == $offset, concat!($name, ".", stringify!($field)));)*
            assert!(size_of::<$ty>() == $size, $name);
        )* };

        /// The layout as text: one line `Struct.field offset` for each field and one `Struct size bytes` for each
        /// structure. A test compares it with what the managed side prints. Reserved fields are not listed.
        #[must_use]
        pub fn layout() -> String {
            let rows: &[(&str, &str, usize)] = &[ $(
                $(($name, stringify!($field), offset_of!($ty, $field)),)*
                ($name, "", size_of::<$ty>()),
            )* ];
            let mut text = String::new();
            for (name, field, number) in rows {
                let line = match *field {
                    "" => format!("{name} size {number}\n"),
                    field => format!("{name}.{field} {number}\n"),
                };
                text.push_str(&line);
            }
            text
        }
    };
}

rows! {
    "HostTable" HostTable, size 104 {
        size 0 version 4 info 8 server_start 16 server_stop 24 report 32 body_read 40 body_write 48 send_file 56
        head_grow 64 complete 72 release 80 abort 88 upgrade 96
    }
    "ManagedCallbacks" ManagedCallbacks, size 56 {
        size 0 version 4 on_request 8 on_body_ready 16 on_writable 24 on_abort 32 on_stop 40 on_drained 48
    }
    "HostInfo" RawHostInfo, size 120 {
        size 0 flags 4 max_request_body_size 8 physical_path 16 virtual_path 24 addresses 32 site_name 40
        app_pool 48 application_id 56 config_path 64 version 72 physical_path_len 80 virtual_path_len 84
        addresses_len 88 site_name_len 92 app_pool_len 96 application_id_len 100 config_path_len 104
        version_len 108 site_id 112
    }
    "RawHeader" RawHeader, size 24 { name 0 value 8 value_len 16 name_len 20 known 22 }
    "RawConnection" RawConnection, size 120 {
        id 0 started_ns 8 remote_address 16 local_address 32 remote_port 48 local_port 50 family 52 tls 53
        tls_protocol 54 tls_cipher_suite 56 scope_id 60 sni 64 client_certificate 72 sni_len 80
        client_certificate_len 84 tls_leg1_start_ns 88 tls_leg1_end_ns 96 tls_leg2_start_ns 104 tls_leg2_end_ns 112
    }
    "RawExchange" RawExchange, size 208 {
        handle 0 context 8 request_id 16 connection 24 method 32 target 40 headers 48 request_trailers 56
        content_length 64 parse_start_ns 72 parse_end_ns 80 dispatch_ns 88 target_len 96 header_count 100
        request_trailer_count 102 method_len 104 version 106 request_flags 107 head 112 block 120
        response_content_length 128 head_cap 136 head_len 140 block_cap 144 block_len 148 status 152
        reason_len 154 trailers_at 156 response_flags 160 user_len 164 user 168 trace 176
    }
}

const _: () = assert!(size_of::<*const c_void>() == 8, "the table is specified for 64-bit processes");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_one_line_for_every_field_of_the_specification() {
        let text = layout();
        for line in [
            "RawExchange.handle 0",
            "RawExchange.response_flags 160",
            "RawExchange.user 168",
            "RawExchange.trace 176",
            "RawExchange size 208",
            "HostTable.upgrade 96",
            "HostInfo.site_id 112",
        ] {
            assert!(text.lines().any(|l| l == line), "missing: {line}");
        }
        assert_eq!(text.lines().filter(|l| l.contains(" size ")).count(), 6);
    }

    #[test]
    fn the_specification_page_has_the_same_offsets() {
        let page = include_str!("../../../../docs/internals/abi.md");
        let mut section = "";
        let mut seen = 0;
        for line in page.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title.split(' ').next().unwrap();
            }
            let mut cells = line.strip_prefix("| ").unwrap_or("").split(" | ");
            let (Some(offset), Some(names)) = (cells.next(), cells.next()) else { continue };
            let Ok(offset) = offset.parse::<usize>() else { continue };
            for (i, name) in names.split(", ").enumerate() {
                if name == "reserved" {
                    continue;
                }
                let line = format!("{section}.{name} {}", offset + 4 * i);
                assert!(layout().lines().any(|l| l == line), "the page says {line}");
                seen += 1;
            }
        }
        assert_eq!(seen, layout().lines().filter(|l| !l.contains(" size ")).count());
    }
}
