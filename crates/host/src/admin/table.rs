//! Status for people: a line for each pool, and below it what is to be known besides.

use std::fmt::Write as _;
use std::time::Duration;

use mews_model::lifecycle::{Bytes, Span};

use super::{PoolStatus, Status};

const HEADINGS: [&str; 8] = ["POOL", "APPLICATIONS", "STATE", "MODEL", "PID", "SINCE", "REQUESTS", "MEMORY"];

/// The table.
pub(super) fn text(status: &Status) -> String {
    let rows: Vec<[String; 8]> = status.pools.iter().map(row).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(HEADINGS.get(column).map(|heading| heading.len())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let padded = cells.iter().zip(&widths).map(|(cell, &width)| format!("{cell:width$}"));
        format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
    };
    let config = status.config.as_deref().map_or_else(String::new, |config| format!(", {config}"));
    let mut text = format!(
        "mews {}, pid {}, running for {}{config}\n\n",
        status.version,
        status.pid,
        span(status.seconds)
    );
    text += &line(&HEADINGS);
    for (pool, row) in status.pools.iter().zip(&rows) {
        text += &line(&row.each_ref().map(String::as_str));
        for note in notes(pool) {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "    {note}");
        }
    }
    text
}

fn row(pool: &PoolStatus) -> [String; 8] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    [
        pool.pool.clone(),
        pool.applications.join(", "),
        pool.state.clone(),
        or_dash(pool.model.clone()),
        or_dash(pool.pid.map(|pid| pid.to_string())),
        or_dash(pool.seconds.map(span)),
        or_dash(pool.requests.map(|requests| requests.to_string())),
        or_dash(pool.memory.map(|bytes| Bytes(bytes).to_string())),
    ]
}

fn notes(pool: &PoolStatus) -> Vec<String> {
    let mut notes = Vec::new();
    if !pool.urls.is_empty() {
        notes.push(format!("listens on {}", pool.urls.join(", ")));
    }
    if !pool.offline.is_empty() {
        notes.push(format!("offline, until app_offline.htm is removed: {}", pool.offline.join(", ")));
    }
    if pool.restarts > 0 {
        notes.push(format!("restarts after unasked ends: {}", pool.restarts));
    }
    if let Some(recycle) = &pool.last_recycle {
        let took = Span(Duration::from_millis(recycle.milliseconds));
        let ago = span(recycle.seconds_ago);
        let count = pool.recycles;
        notes.push(match &recycle.failure {
            None => format!("last recycle ({count}): {ago} ago, in {took}: {}", recycle.cause),
            Some(why) => {
                format!("last recycle ({count}): failed {ago} ago, after {took}: {}; {why}", recycle.cause)
            }
        });
    }
    if let Some(failure) = &pool.last_failure {
        let ago = span(failure.seconds_ago);
        notes.push(format!("last failure: {ago} ago ({}): {} {}", failure.code, failure.cause, failure.cure));
    }
    if let Some(seconds) = pool.retry_in_seconds {
        notes.push(format!("tried again in {}", span(seconds)));
    }
    for leaving in &pool.leaving {
        notes.push(format!("pid {} is ending: {} connections left", leaving.pid, leaving.connections));
    }
    notes
}

/// Coarse: `29 s`, `5 min`, `3 h`, `12 days`.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FailureStatus, RecycleStatus};
    use super::*;

    #[test]
    fn pools_are_lines_and_what_is_odd_stands_below() {
        let shop = PoolStatus {
            pool: "shop".to_owned(),
            applications: vec!["shop".to_owned(), "shop/api".to_owned()],
            offline: vec!["shop/api".to_owned()],
            urls: vec!["http://*:80".to_owned()],
            state: "running".to_owned(),
            model: Some("in-process".to_owned()),
            pid: Some(7),
            seconds: Some(300),
            requests: Some(12),
            connections: Some(1),
            memory: Some(1 << 30),
            restarts: 0,
            recycles: 1,
            last_recycle: Some(RecycleStatus {
                cause: "a command asked for it".to_owned(),
                seconds_ago: 300,
                milliseconds: 1250,
                failure: None,
            }),
            last_failure: None,
            retry_in_seconds: None,
            leaving: Vec::new(),
        };
        let failed = PoolStatus {
            pool: "blog".to_owned(),
            applications: vec!["blog".to_owned()],
            offline: Vec::new(),
            urls: Vec::new(),
            state: "failed".to_owned(),
            model: None,
            pid: None,
            seconds: None,
            requests: None,
            memory: None,
            recycles: 0,
            last_recycle: None,
            last_failure: Some(FailureStatus {
                code: "500.30".to_owned(),
                cause: "It says no.".to_owned(),
                cure: "Mend it.".to_owned(),
                seconds_ago: 3,
            }),
            retry_in_seconds: Some(2),
            ..shop.clone()
        };
        let status = Status {
            pid: 1,
            version: "0.1.0".to_owned(),
            config: Some("/etc/mews/mews.toml".to_owned()),
            seconds: 90_000,
            pools: vec![shop, failed],
        };
        assert_eq!(
            text(&status),
            "mews 0.1.0, pid 1, running for 25 h, /etc/mews/mews.toml\n\n\
             POOL  APPLICATIONS    STATE    MODEL       PID  SINCE  REQUESTS  MEMORY\n\
             shop  shop, shop/api  running  in-process  7    5 min  12        1 GiB\n    \
             listens on http://*:80\n    \
             offline, until app_offline.htm is removed: shop/api\n    \
             last recycle (1): 5 min ago, in 1.2 s: a command asked for it\n\
             blog  blog            failed   -           -    -      -         -\n    \
             last failure: 3 s ago (500.30): It says no. Mend it.\n    \
             tried again in 2 s\n"
        );
    }
}
