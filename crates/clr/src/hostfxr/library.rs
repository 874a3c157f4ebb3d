//! A loaded `libhostfxr.so` and its functions. It stays loaded for ever: CoreCLR cannot be unloaded.

use std::ffi::{CString, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::app::{App, AppKind};
use super::context::{Context, Initialized};
use super::error_writer::Capture;
use super::host_status::HostStatus;
use super::resolver::Installation;
use super::start_error::StartError;

pub(crate) type ErrorWriter = unsafe extern "C" fn(*const c_char);
pub(crate) type Handle = *mut c_void;

/// The parameters of initialization, as hostfxr declares them.
#[repr(C)]
struct Parameters {
    size: usize,
    host_path: *const c_char,
    dotnet_root: *const c_char,
}

/// The functions of hostfxr that are used, with the signatures it documents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Functions {
    pub(crate) set_error_writer: unsafe extern "C" fn(Option<ErrorWriter>) -> Option<ErrorWriter>,
    initialize: unsafe extern "C" fn(c_int, *const *const c_char, *const Parameters, *mut Handle) -> i32,
    pub(crate) get_property: unsafe extern "C" fn(Handle, *const c_char, *mut *const c_char) -> i32,
    pub(crate) set_property: unsafe extern "C" fn(Handle, *const c_char, *const c_char) -> i32,
    pub(crate) get_properties:
        unsafe extern "C" fn(Handle, *mut usize, *mut *const c_char, *mut *const c_char) -> i32,
    pub(crate) run_app: unsafe extern "C" fn(Handle) -> i32,
    pub(crate) close: unsafe extern "C" fn(Handle) -> i32,
}

/// A loaded hostfxr.
#[derive(Debug)]
pub struct Library {
    pub(crate) functions: Functions,
    path: PathBuf,
    root: PathBuf,
}

impl Library {
    /// Loads the hostfxr of an installation, for the life of the process.
    ///
    /// # Errors
    /// [`StartError::HostLoad`] when it cannot be loaded or lacks a function.
    pub fn load(installation: &Installation) -> Result<Self, StartError> {
        let path = &installation.hostfxr;
        let failed = |why: String| StartError::HostLoad { path: path.clone(), why, text: String::new() };
        load_maths().map_err(|error| failed(chain(&error)))?;
        // SAFETY: loading runs the library's constructors; it is Microsoft's hostfxr, which expects to be loaded
        // this way, at most once per process here.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| failed(chain(&error)))?;
        // Leaked, so that the copied function pointers stay valid.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        let lacks = |name: &str| {
            failed(format!(
                "it has no function `{name}`; it is damaged, not hostfxr, or older than .NET Core 3.0"
            ))
        };
        let functions = Functions {
            set_error_writer: find(library, "hostfxr_set_error_writer").map_err(lacks)?,
            initialize: find(library, "hostfxr_initialize_for_dotnet_command_line").map_err(lacks)?,
            get_property: find(library, "hostfxr_get_runtime_property_value").map_err(lacks)?,
            set_property: find(library, "hostfxr_set_runtime_property_value").map_err(lacks)?,
            get_properties: find(library, "hostfxr_get_runtime_properties").map_err(lacks)?,
            run_app: find(library, "hostfxr_run_app").map_err(lacks)?,
            close: find(library, "hostfxr_close").map_err(lacks)?,
        };
        Ok(Self { functions, path: path.clone(), root: installation.root.clone() })
    }

    /// The library's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Prepares the runtime for an app, without loading it: reads its configuration and finds its frameworks.
    /// `host_options` come before the app on the command line, `arguments` after it.
    ///
    /// # Errors
    /// What hostfxr says, classified.
    pub fn initialize(
        &self,
        app: &App,
        host_options: &[String],
        arguments: &[String],
    ) -> Result<Context<Initialized>, StartError> {
        let mut line = Vec::with_capacity(1 + host_options.len() + arguments.len());
        line.extend(host_options.iter().map(|option| text("a host option", option.as_ref())));
        line.push(text("the app's path", app.dll.as_os_str()));
        line.extend(arguments.iter().map(|argument| text("an argument", argument.as_ref())));
        let line = line.into_iter().collect::<Result<Vec<CString>, _>>()?;
        let pointers: Vec<*const c_char> = line.iter().map(|part| part.as_ptr()).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_| StartError::Value {
            what: "the arguments".into(),
            why: "there are too many".into(),
        })?;

        // Which program hosts: for an installation its muxer, so that child processes and messages are as usual.
        let host = match (app.kind, &app.executable) {
            (AppKind::SelfContained, Some(executable)) => executable.clone(),
            (AppKind::SelfContained, None) => app.dll.with_extension(""),
            (AppKind::FrameworkDependent, _) => self.root.join("dotnet"),
        };
        let host = text("the host's path", host.as_os_str())?;
        let root = text("the installation's path", self.root.as_os_str())?;
        let parameters = Parameters {
            size: size_of::<Parameters>(),
            host_path: host.as_ptr(),
            dotnet_root: root.as_ptr(),
        };

        let mut handle: Handle = std::ptr::null_mut();
        let capture = Capture::start(&self.functions);
        // SAFETY: the arguments are arrays and strings as documented, valid during the call, which copies them.
        let code = unsafe {
            (self.functions.initialize)(count, pointers.as_ptr(), &raw const parameters, &raw mut handle)
        };
        let words = capture.take();
        drop(capture);
        let status = HostStatus(code);
        if !status.is_success() || handle.is_null() {
            return Err(StartError::from_host(status, words, &self.path, &self.root));
        }
        Ok(Context::new(self.functions, handle))
    }
}

/// Makes the C library's mathematics visible to everything loaded later. Native libraries of .NET use it without
/// naming it as a dependency, because the `dotnet` executable is linked with it; this one need not be.
fn load_maths() -> Result<(), libloading::Error> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: the C library's own constructors.
    let library = unsafe { Library::open(Some("libm.so.6"), RTLD_NOW | RTLD_GLOBAL) }?;
    // Never unloaded.
    std::mem::forget(library);
    Ok(())
}

/// Copies a function out of the library; its name if there is none.
fn find<T: Copy>(library: &'static libloading::Library, name: &'static str) -> Result<T, &'static str> {
    // SAFETY: `T` is the function's documented signature, chosen by the only caller for this name.
    let symbol = unsafe { library.get::<T>(name) };
    symbol.map(|symbol| *symbol).map_err(|_| name)
}

/// A string for hostfxr.
pub(crate) fn text(what: &str, value: &OsStr) -> Result<CString, StartError> {
    CString::new(value.as_bytes())
        .map_err(|_| StartError::Value { what: what.to_owned(), why: "it holds a NUL character".to_owned() })
}

/// An error with its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installation(path: PathBuf) -> Installation {
        Installation { root: PathBuf::from("/"), hostfxr: path, version: None, found_by: String::new() }
    }

    #[test]
    fn a_library_without_the_functions_is_refused() {
        // The C library is certainly loadable and certainly not hostfxr.
        let error = Library::load(&installation(PathBuf::from("libc.so.6"))).unwrap_err();
        assert_eq!(error.sub_status(), 32);
        assert!(error.cause().contains("has no function `hostfxr_set_error_writer`"), "{}", error.cause());
    }

    #[test]
    fn a_file_that_is_no_library_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Library::load(&installation(file.path().to_owned())).unwrap_err();
        assert_eq!(error.sub_status(), 32);
    }
}
