//! Finding .NET, understanding what kind of app lies at a path, and preparing the runtime for it.
//!
//! In order: [`arguments`] reads `processPath` and `arguments`, [`App::inspect`] looks at the files, [`resolve`]
//! finds the installation, [`Library::load`] and [`Library::initialize`] prepare the runtime. What can go wrong
//! on the way is a [`StartError`].

mod app;
pub mod arguments;
mod context;
pub mod elf;
mod error_writer;
mod host_status;
mod library;
mod properties;
mod resolver;
mod runtime_config;
mod start_error;
mod version;

pub use app::{App, AppError, AppKind};
pub use arguments::{ArgumentsError, Launch};
pub use context::{Context, Exit, Initialized};
pub use host_status::HostStatus;
pub use library::Library;
pub use properties::start_properties;
pub use resolver::{Environment, Installation, ResolveError, Tried, resolve, self_contained};
pub use runtime_config::{Framework, RuntimeConfig, RuntimeConfigError};
pub use start_error::StartError;
pub use version::Version;
