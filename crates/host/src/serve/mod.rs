//! `mews serve`: from a configuration file to a running supervisor.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `layout` | what a configuration comes to: addresses, certificates, pools |
//! | `routes` | how requests are told apart |

mod layout;
mod routes;

use std::path::Path;

use crate::admin::{self, ControlSocket};
use crate::app::Outputs;
use crate::cli::ServeArguments;
use crate::fatal::Fatal;
use crate::listeners::Passed;
use crate::log::{self, LogTarget};
use crate::metrics::MetricsAddress;
use crate::serve_config;
use crate::supervisor::{Commands, Supervisor};

pub(crate) use layout::{Layout, LayoutError, Present, keeper};

/// Hosts everything until stopped; the answer is the exit code.
pub(crate) fn run(arguments: &ServeArguments) -> Result<u8, Fatal> {
    let passed = Passed::of_process().map_err(Fatal::failed)?;
    let mut layout =
        read(&arguments.config, &Present { passed, ..Present::default() }).map_err(|error| match error {
            LayoutError::Address(error) => Fatal::failed(error),
            error => Fatal::configuration(error),
        })?;
    let outputs = Outputs::of_process()
        .map_err(|error| Fatal::failed(format!("no output thread can be started: {error}")))?;
    let log_format = log::start(arguments.log_format, LogTarget::Sink(outputs.stderr.clone()))?;
    let control = control(arguments.control.as_deref())?;
    let commands = Commands::new(control, arguments.config.clone());
    layout.metrics = layout.config.admin.map(MetricsAddress::start).transpose().map_err(Fatal::failed)?;
    let supervisor = Supervisor::new(layout, log_format, outputs).map_err(Fatal::failed)?;
    supervisor.with_commands(commands).run()
}

/// The socket that commands come to. Without a place for it there is none, unless one was named.
fn control(named: Option<&Path>) -> Result<Option<ControlSocket>, Fatal> {
    let path = match admin::path(named) {
        Ok(path) => path,
        Err(error) => {
            tracing::warn!("'mews status' and the like cannot be used: {error}");
            return Ok(None);
        }
    };
    let socket = ControlSocket::bind(&path).map_err(Fatal::failed)?;
    tracing::info!("commands come to {}", path.display());
    Ok(Some(socket))
}

/// Reads the file and prepares what it asks for, with what is there already.
pub(crate) fn read(path: &Path, present: &Present) -> Result<Layout, LayoutError> {
    let loaded = serve_config::load(path).map_err(LayoutError::File)?;
    let mut layout = Layout::new(loaded.config, present)?;
    let warnings = loaded.warnings.iter().map(mews_model::Diagnostic::one_line);
    layout.warnings.splice(0..0, warnings);
    Ok(layout)
}
