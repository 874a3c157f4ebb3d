//! Out-of-process hosting by the built binary. The apps' processes are this test binary in another role, and scripts: no
//! .NET is needed.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "that is how a test fails")]

mod app;
mod failures;
mod lives;
mod support;
