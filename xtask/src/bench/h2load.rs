//! Running `h2load` and reading what it prints.

use super::wrk::Load;
use crate::command::Step;
use anyhow::{Context as _, Result};

/// Loads `url` over HTTP/2 for `seconds`, with `streams` at a time on each of `connections`. It tells no percentiles.
///
/// # Errors
/// `h2load` is missing or fails, or prints what is not understood.
pub(crate) fn run(url: &str, connections: u32, streams: u32, seconds: u32) -> Result<Load> {
    let output = Step::new("h2load")
        .args([format!("-D{seconds}"), format!("-c{connections}"), format!("-m{streams}")])
        .arg(url)
        .capture()?;
    parse(&output.stdout)
        .with_context(|| format!("`h2load` printed what is not understood:\n{}", output.stdout))
}

fn parse(text: &str) -> Result<Load> {
    let line = |start: &str| {
        text.lines().find_map(|line| line.strip_prefix(start)).with_context(|| format!("no line {start:?}"))
    };
    // `requests: 9 total, 9 started, 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout`
    let requests = line("requests: ")?;
    let count = |what: &str| -> Result<u64> {
        let part = requests.split(", ").find_map(|part| part.strip_suffix(what));
        part.with_context(|| format!("the number of {what}"))?.trim().parse().context("a number")
    };
    // `finished in 5.00s, 87654.30 req/s, 1.23MB/s`
    let rate = line("finished in ")?.split(", ").find_map(|part| part.strip_suffix(" req/s"));
    Ok(Load {
        requests: count("succeeded")?,
        rate: rate.context("the rate")?.parse().context("the rate")?,
        errors: count("failed")? + count("timeout")?,
        p50: f64::NAN,
        p90: f64::NAN,
        p99: f64::NAN,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "starting benchmark...
finished in 5.00s, 87654.30 req/s, 1.23MB/s
requests: 438274 total, 438274 started, 438271 done, 438270 succeeded, 1 failed, 1 errored, 2 timeout
status codes: 438270 2xx, 0 3xx, 0 4xx, 0 5xx
";

    #[test]
    fn what_it_prints_is_read() {
        let load = parse(TEXT).unwrap();
        // What is errored has failed.
        assert_eq!((load.requests, load.errors), (438_270, 3));
        assert!((load.rate - 87_654.3).abs() < 1e-6 && load.p50.is_nan());
        assert!(parse("requests: none").is_err());
    }
}
