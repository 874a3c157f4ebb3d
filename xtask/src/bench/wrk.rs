//! Running `wrk` and reading what it prints.

use crate::command::Step;
use anyhow::{Context as _, Result, bail};
use std::ffi::OsStr;
use std::path::Path;

/// What one run of `wrk` did.
#[derive(Debug, PartialEq)]
pub(crate) struct Load {
    pub(crate) requests: u64,
    /// Requests per second.
    pub(crate) rate: f64,
    /// Responses other than 2xx and 3xx, and failed connections, reads and writes.
    pub(crate) errors: u64,
    /// Median of the response time, in milliseconds.
    pub(crate) p50: f64,
    /// 90th percentile of the response time, in milliseconds.
    pub(crate) p90: f64,
    /// 99th percentile of the response time, in milliseconds.
    pub(crate) p99: f64,
}

/// Loads `url` with `connections` keep-alive connections for `seconds`; with requests as a Lua script makes them, if there is one.
///
/// # Errors
/// `wrk` is missing or fails, or prints what is not understood.
pub(crate) fn run(url: &str, connections: u32, seconds: u32, script: Option<&Path>) -> Result<Load> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // At most half of the processors: the rest is the server's.
    let threads = (processors / 2).min(4).min(connections as usize).max(1);
    let script = script.map(|script| [OsStr::new("--script"), script.as_os_str()]);
    let output = Step::new("wrk")
        .args(["--latency", "--timeout", "10s"])
        .args([format!("-t{threads}"), format!("-c{connections}"), format!("-d{seconds}s")])
        .args(script.into_iter().flatten())
        .arg(url)
        .capture()?;
    parse(&output.stdout).with_context(|| format!("`wrk` printed what is not understood:\n{}", output.stdout))
}

fn parse(text: &str) -> Result<Load> {
    let mut load = Load { requests: 0, rate: -1.0, errors: 0, p50: 0.0, p90: 0.0, p99: 0.0 };
    for line in text.lines().map(str::trim) {
        if let Some((count, _)) = line.split_once(" requests in ") {
            load.requests = count.parse().context("the number of requests")?;
        } else if let Some(rate) = line.strip_prefix("Requests/sec:") {
            load.rate = rate.trim().parse().context("the rate")?;
        } else if let Some(count) = line.strip_prefix("Non-2xx or 3xx responses:") {
            load.errors += count.trim().parse::<u64>().context("the number of failed responses")?;
        } else if let Some(list) = line.strip_prefix("Socket errors:") {
            for part in list.split(',') {
                let count = part.split_whitespace().last().unwrap_or_default();
                load.errors += count.parse::<u64>().context("the number of socket errors")?;
            }
        } else if let Some(time) = line.strip_prefix("50%") {
            load.p50 = milliseconds(time.trim())?;
        } else if let Some(time) = line.strip_prefix("90%") {
            load.p90 = milliseconds(time.trim())?;
        } else if let Some(time) = line.strip_prefix("99%") {
            load.p99 = milliseconds(time.trim())?;
        }
    }
    if load.rate < 0.0 {
        bail!("there is no line `Requests/sec:`");
    }
    Ok(load)
}

fn milliseconds(text: &str) -> Result<f64> {
    // `ms` and `us` end in `s` too.
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = text.strip_suffix(unit)
            && let Ok(number) = number.parse::<f64>()
        {
            return Ok(number * factor);
        }
    }
    bail!("{text:?} is not a time")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 5s test @ http://127.0.0.1:1/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.02ms    2.00ms  50.00ms   95.00%
    Req/Sec    50.00k     5.00k   60.00k    70.00%
  Latency Distribution
     50%  600.00us
     90%  900.00us
     99%   10.50ms
  500123 requests in 5.00s, 60.00MB read
Requests/sec: 100024.60
Transfer/sec:     12.00MB
";

    #[test]
    fn a_good_run_is_read() {
        let load = parse(GOOD).unwrap();
        assert_eq!(
            load,
            Load { requests: 500_123, rate: 100_024.6, errors: 0, p50: 0.6, p90: 0.9, p99: 10.5 }
        );
    }

    #[test]
    fn errors_of_both_kinds_are_added() {
        let text = format!(
            "  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 90\n{GOOD}"
        );
        assert_eq!(parse(&text).unwrap().errors, 100);
    }

    #[test]
    fn other_output_is_refused() {
        assert!(parse("unable to connect to 127.0.0.1:1 Connection refused").is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(milliseconds("250.00us").unwrap(), 0.25);
        assert_eq!(milliseconds("1.50s").unwrap(), 1500.0);
        assert_eq!(milliseconds("1.00m").unwrap(), 60_000.0);
        assert!(milliseconds("x").is_err());
    }
}
