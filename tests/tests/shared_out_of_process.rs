//! The shared scenarios, hosted out-of-process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod scenarios;

const MODEL: e2e::Model = e2e::Model::OutOfProcess;
