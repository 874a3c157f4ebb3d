//! Being told to stop: by the message that IISIntegration understands, and by SIGTERM.

use crate::request::Request;
use anyhow::Result;
use signal_hook::consts::SIGTERM;
use std::env::var;
use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What the message means to the process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Obedience {
    Obeys,
    Ignores,
    KnowsNot,
}

/// Whether a request is the message, with the right path and token. Alone, without a path of its own, the process takes any.
pub(crate) fn is_message(request: &Request) -> bool {
    let path = match var("ASPNETCORE_APPL_PATH") {
        Ok(base) => request.path() == format!("{}/iisintegration", base.trim_end_matches('/')),
        Err(_) => request.path().ends_with("/iisintegration"),
    };
    let token = var("ASPNETCORE_TOKEN").unwrap_or_default();
    path && request.method == "POST"
        && request.header("MS-ASPNETCORE-EVENT") == Some("shutdown")
        && request.header("MS-ASPNETCORE-TOKEN") == Some(token.as_str())
}

pub(crate) fn ignore_sigterm() -> Result<()> {
    signal_hook::flag::register(SIGTERM, Arc::new(AtomicBool::new(false)))?;
    Ok(())
}

/// From now on SIGTERM makes the file and ends the process.
pub(crate) fn end_at_sigterm(marker: &str) -> Result<()> {
    let (mut reader, writer) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(SIGTERM, writer)?;
    let marker = marker.to_owned();
    std::thread::spawn(move || {
        let told = reader.read_exact(&mut [0]).and_then(|()| std::fs::write(marker, ""));
        std::process::exit(i32::from(told.is_err()));
    });
    Ok(())
}
