//! The system's GSSAPI, loaded when it is first needed and never unloaded.

use std::ffi::c_int;
use std::sync::OnceLock;

use libloading::Library;

use super::raw::{Buffer, ChannelBindings, Code, Context, Credential, KeyValues, Name, Oid, OidSet};

/// MIT Kerberos, as the distributions name it.
const LIBRARY: &str = "libgssapi_krb5.so.2";
/// Names another file.
pub(super) const VARIABLE: &str = "MEWS_GSSAPI_LIBRARY";

macro_rules! functions {
    ($($field:ident: fn($($argument:ty),* $(,)?);)*) => {
        /// The functions in use, each with the name that it has in C behind `gss_`. All answer a status.
        pub(super) struct Functions {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) -> Code,)*
        }

        impl Functions {
            fn of(library: &Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($field: {
                        let name = concat!("gss_", stringify!($field));
                        // SAFETY: the type is that of the function in RFC 2744, or in gssapi_ext.h of the library
                        // that this file name stands for; the caller keeps the library loaded.
                        let symbol = unsafe { library.get::<unsafe extern "C" fn($($argument),*) -> Code>(name) };
                        *symbol?
                    },)*
                })
            }
        }
    };
}

functions! {
    import_name: fn(*mut Code, *const Buffer, *const Oid, *mut Name);
    release_name: fn(*mut Code, *mut Name);
    display_name: fn(*mut Code, Name, *mut Buffer, *mut *const Oid);
    localname: fn(*mut Code, Name, *const Oid, *mut Buffer);
    get_name_attribute: fn(
        *mut Code, Name, *const Buffer, *mut c_int, *mut c_int, *mut Buffer, *mut Buffer, *mut c_int,
    );
    acquire_cred_from: fn(
        *mut Code, Name, Code, *const OidSet, c_int, *const KeyValues, *mut Credential, *mut *mut OidSet,
        *mut Code,
    );
    acquire_cred_with_password: fn(
        *mut Code, Name, *const Buffer, Code, *const OidSet, c_int, *mut Credential, *mut *mut OidSet,
        *mut Code,
    );
    release_cred: fn(*mut Code, *mut Credential);
    accept_sec_context: fn(
        *mut Code, *mut Context, Credential, *const Buffer, *const ChannelBindings, *mut Name,
        *mut *const Oid, *mut Buffer, *mut Code, *mut Code, *mut Credential,
    );
    init_sec_context: fn(
        *mut Code, Credential, *mut Context, Name, *const Oid, Code, Code, *const ChannelBindings,
        *const Buffer, *mut *const Oid, *mut Buffer, *mut Code, *mut Code,
    );
    delete_sec_context: fn(*mut Code, *mut Context, *mut Buffer);
    indicate_mechs: fn(*mut Code, *mut *mut OidSet);
    release_oid_set: fn(*mut Code, *mut *mut OidSet);
    release_buffer: fn(*mut Code, *mut Buffer);
    display_status: fn(*mut Code, Code, c_int, *const Oid, *mut Code, *mut Buffer);
}

/// The system has no GSSAPI that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file} cannot be used ({problem}): install the GSSAPI library of MIT Kerberos (Debian, Ubuntu: libgssapi-krb5-2; \
     Fedora: krb5-libs)"
)]
pub struct LibraryMissing {
    file: String,
    problem: String,
}

/// The functions of the library.
///
/// # Errors
/// It is not installed, or not the one that is known here. The answer stays the same for the life of the process.
pub(super) fn functions() -> Result<&'static Functions, LibraryMissing> {
    static LOADED: OnceLock<Result<Functions, LibraryMissing>> = OnceLock::new();
    LOADED.get_or_init(load).as_ref().map_err(Clone::clone)
}

fn load() -> Result<Functions, LibraryMissing> {
    let file = std::env::var(VARIABLE).unwrap_or_else(|_| LIBRARY.to_owned());
    let missing =
        |error: libloading::Error| LibraryMissing { file: file.clone(), problem: error.to_string() };
    // SAFETY: the library's initialisers are those of a system library made to be loaded into any process.
    let library = unsafe { Library::new(&file) }.map_err(missing)?;
    let functions = Functions::of(&library).map_err(missing)?;
    // Its functions are called until the process ends.
    std::mem::forget(library);
    Ok(functions)
}
