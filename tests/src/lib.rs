//! The harness of the end-to-end tests: it runs the built `mews` with published ASP.NET Core apps and talks to it as a client would.
//!
//! It knows the binary's command line and output, and nothing of the crates behind them. The scenarios are in `tests/tests`, one file for each area.
//!
//! `cargo xtask test` builds what the tests run and says where it is:
//!
//! | variable | meaning | when unset |
//! | --- | --- | --- |
//! | `MEWS_TEST_BINARY` | the program `mews` | `target/debug/mews` |
//! | `MEWS_TEST_APPS` | folder with one publish folder for each app | `target/managed` |
//! | `MEWS_TEST_DOTNET_ROOT` | the .NET that the apps run on | `DOTNET_ROOT`, else `target/dotnet` |
//! | `MEWS_TEST_MCP` | folder of the npm package with the app `azmcp` | `target/mcp` |
//! | `MEWS_TEST_SCREENSHOTS` | folder for the browser test's pictures | a temporary folder |

#![forbid(unsafe_code)]
// A panic is how this crate reports, and the test runner shows what it prints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod browser;
mod busy;
mod constant_load;
pub mod framing;
mod host;
mod http;
mod kerberos;
mod load;
mod output;
mod password;
mod paths;
mod pattern;
pub mod proc;
mod random;
pub mod wait;

pub use browser::{Browser, BrowserRef, Scheme, SharedBrowser, Tab};
pub use busy::{Busy, Off};
pub use constant_load::{Going, Outcome, under_constant_load};
pub use host::{
    Finished, HostBuilder, HostRef, Model, SharedHost, TestHost, handler_settings, kill, site, tool,
    variables,
};
pub use http::{Body, Client, Closed, RawAnswer, Request, Response, Step, field_lines, is_cut, raw};
pub use kerberos::{Mechanism, Realm, Tokens};
pub use load::Load;
pub use output::Capture;
pub use password::password_hash;
pub use paths::{PYTHON, dotnet_root, mcp, program, unruly};
pub use pattern::{PATTERN_PERIOD, Pattern, pattern, sha256_hex};
pub use random::Random;

use std::time::Duration;

/// How long the harness waits for anything that a working Mews does at once. Long, because the machine may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(20);
