//! Requests under constant load while workers are replaced again and again. It is the end-to-end test of recycling, in
//! full length and with the program as it is delivered: a request that is lost fails it.

use crate::command::cargo;
use crate::dotnet::Toolchain;
use crate::paths;
use anyhow::Result;

#[derive(clap::Args)]
pub(super) struct Options {
    /// How often the worker is replaced, in each hosting model
    #[arg(long, value_name = "N", default_value_t = 100)]
    recycles: u32,
    /// Instead of this, watches an app that leaks being replaced whenever it uses too much memory, for so long
    #[arg(long, value_name = "SECONDS")]
    leak: Option<u32>,
}

/// Prints for each hosting model the requests, those lost, how long each replacement took, and the 99th percentile of the
/// response times.
pub(super) fn measure(toolchain: &Toolchain, options: &Options) -> Result<()> {
    let test = if options.leak.is_some() { "leaking" } else { "no_request_is_lost" };
    cargo()
        .args(["test", "--package", "e2e", "--test", "recycle", "--"])
        .args([test, "--nocapture", "--test-threads", "1"])
        .envs(&toolchain.runtime.environment())
        .env("MEWS_TEST_DOTNET_ROOT", &toolchain.runtime.root)
        .env("MEWS_TEST_APPS", paths::managed_output())
        .env("MEWS_TEST_BINARY", paths::mews("release"))
        .env("MEWS_TEST_RECYCLES", options.recycles.to_string())
        .env("MEWS_TEST_LEAK_SECONDS", options.leak.unwrap_or_default().to_string())
        .cure("requests were lost, or a worker was not replaced: see above")
        .run()
}
