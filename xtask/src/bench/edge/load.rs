//! Loads of `wrk`, `openssl s_time` and `h2load`, and what they cost the server.

use super::super::contender::{Contender, Contenders, free_address};
use super::super::wrk;
use super::{Both, Line, Options, Pair, in_turns, used};
use crate::command::Step;
use anyhow::{Context as _, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

const CONNECTIONS: u32 = 64;
const NAMES: [&str; 2] = [Contender::Kestrel.name(), Contender::Mews.name()];

fn stop(servers: [Both; 2]) -> Result<()> {
    servers.into_iter().try_for_each(|both| both.server.stop())
}

/// Plaintext on kept connections over TLS.
pub(super) fn https(pair: &Pair<'_>, options: &Options) -> Result<Line> {
    let servers = pair.start_all()?;
    let cost = |contender: Contender| {
        let both = &servers[contender as usize];
        let before = both.used()?;
        let load = wrk::run(&both.https("/plaintext"), CONNECTIONS, options.seconds, None)?;
        if load.errors > 0 {
            bail!("{} requests over https failed", load.errors);
        }
        Ok((both.used()? - before) * 1e6 / load.requests as f64)
    };
    for contender in Contender::ALL {
        cost(contender)?;
    }
    let values = in_turns("https", options, cost)?;
    stop(servers)?;
    let what = format!("https, plaintext, {CONNECTIONS} kept connections");
    Ok(Line {
        what,
        unit: "µs of processor time per request",
        decimals: 2,
        names: NAMES,
        values,
        limit: 0.60,
    })
}

/// Full handshakes: what one costs, and how many two clients get in a second.
pub(super) fn handshakes(pair: &Pair<'_>, options: &Options) -> Result<Vec<Line>> {
    let servers = pair.start_all()?;
    let mut intervals = [Vec::new(), Vec::new()];
    let mut cost = |contender: Contender| {
        let both = &servers[contender as usize];
        let before = both.used()?;
        let count = s_time(both.secure, options.seconds)?;
        intervals[contender as usize].push(f64::from(options.seconds) * 1e6 / count);
        Ok((both.used()? - before) * 1e6 / count)
    };
    for contender in Contender::ALL {
        cost(contender)?;
    }
    let values = in_turns("handshakes", options, &mut cost)?;
    stop(servers)?;
    // The first were to warm up.
    for rounds in &mut intervals {
        rounds.remove(0);
    }
    let line = |what: &str, unit, values| Line {
        what: what.to_owned(),
        unit,
        decimals: 0,
        names: NAMES,
        values,
        limit: 1.0 / 1.3,
    };
    Ok(vec![
        line("full TLS handshakes", "µs of processor time per handshake", values),
        line("the same, with two clients on the same machine", "µs between handshakes", intervals),
    ])
}

/// Handshakes of two clients at once.
fn s_time(address: SocketAddr, seconds: u32) -> Result<f64> {
    let start = || {
        Command::new("openssl")
            .args([
                "s_time",
                "-new",
                "-tls1_3",
                "-connect",
                &address.to_string(),
                "-time",
                &seconds.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run openssl")
    };
    let clients = [start()?, start()?];
    let mut count = 0.0;
    for client in clients {
        let output = client.wait_with_output().context("cannot wait for openssl")?;
        let text = String::from_utf8_lossy(&output.stdout);
        // `1234 connections in 6 real seconds, 0 bytes read per connection`
        let line = text
            .lines()
            .find(|line| line.contains(" real seconds"))
            .with_context(|| format!("openssl: {text}"))?;
        let mut numbers = line.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        count += numbers.next().with_context(|| format!("openssl: {line}"))?;
    }
    if count < 10.0 {
        bail!("openssl made only {count} connections");
    }
    Ok(count)
}

/// HTTP/2 over TLS.
pub(super) fn http2(pair: &Pair<'_>, options: &Options) -> Result<Line> {
    const REQUESTS: u32 = 200_000;
    let servers = pair.start_all()?;
    let cost = |contender: Contender| {
        let both = &servers[contender as usize];
        let before = both.used()?;
        let output = Step::new("h2load")
            .args([format!("-n{REQUESTS}"), "-c10".to_owned(), "-m100".to_owned(), both.https("/plaintext")])
            .capture()?;
        if !output.stdout.contains(&format!("{REQUESTS} succeeded, 0 failed, 0 errored")) {
            bail!("not every request succeeded:\n{}", output.stdout);
        }
        Ok((both.used()? - before) * 1e6 / f64::from(REQUESTS))
    };
    for contender in Contender::ALL {
        cost(contender)?;
    }
    let values = in_turns("HTTP/2", options, cost)?;
    stop(servers)?;
    Ok(Line {
        what: "HTTP/2 over TLS, plaintext, 10 connections × 100 streams".to_owned(),
        unit: "µs of processor time per request",
        decimals: 2,
        names: NAMES,
        values,
        limit: 0.80,
    })
}

/// Mews without and with an access log and metrics that are asked for each second.
pub(super) fn observing(contenders: &Contenders, options: &Options) -> Result<Line> {
    let off = contenders.start_app("mews-off", contenders.mews("InProcess"))?;
    let admin = free_address()?;
    let mut command = contenders.mews("InProcess");
    let log = contenders.scratch().join("edge-access.log");
    command.arg("--access-log").arg(&log).args(["--admin", &admin.to_string()]);
    let on = contenders.start_app("mews-on", command)?;
    let servers = [off, on];
    let over = AtomicBool::new(false);
    let values = thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            let mut scrapes = 0;
            while !over.load(Ordering::Relaxed) {
                scrapes += usize::from(scrape(admin).is_ok_and(|text| text.contains("http_server_request")));
                thread::sleep(Duration::from_secs(1));
            }
            scrapes
        });
        let cost = |contender: Contender| {
            let server = &servers[contender as usize];
            let before = used(server)?;
            let load = wrk::run(&server.url("/plaintext"), CONNECTIONS, options.seconds, None)?;
            Ok((used(server)? - before) * 1e6 / load.requests as f64)
        };
        let warmed = Contender::ALL.into_iter().try_for_each(|contender| cost(contender).map(|_| ()));
        let values = warmed.and_then(|()| in_turns("off, then on", options, cost));
        over.store(true, Ordering::Relaxed);
        let scrapes = scraper.join().unwrap_or(0);
        if scrapes == 0 {
            bail!("the metrics were never answered");
        }
        values
    })?;
    for server in servers {
        server.stop()?;
    }
    // Hundreds of megabytes.
    let _ = std::fs::remove_file(&log);
    Ok(Line {
        what: format!("access log (W3C, a file) and metrics, plaintext, {CONNECTIONS} kept connections"),
        unit: "µs of processor time per request",
        decimals: 2,
        names: ["off", "on"],
        values,
        limit: 1.05,
    })
}

fn scrape(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
