//! Prometheus' text format, version 0.0.4.

use std::fmt::Write as _;

use super::snapshot::{Snapshot, Value};
use super::{ALL, BUCKETS_SECONDS, Metric};

/// The type of [`Snapshot::text`].
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Snapshot {
    /// For Prometheus. Metrics without a value are left out.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for metric in ALL {
            let mut samples = self.of(metric).peekable();
            if samples.peek().is_none() {
                continue;
            }
            let (name, kind) = (metric.name, metric.kind.name());
            // Writing to a string cannot fail.
            let _ = writeln!(out, "# HELP {name} {}\n# TYPE {name} {kind}", metric.help);
            for sample in samples {
                let labels = labels(metric, &sample.labels);
                match &sample.value {
                    Value::Count(value) => line(&mut out, name, "", &labels, value),
                    Value::Level(value) => line(&mut out, name, "", &labels, value),
                    Value::Durations { buckets, sum_us } => {
                        durations(&mut out, name, &labels, buckets, *sum_us)
                    }
                }
            }
        }
        out
    }
}

fn durations(out: &mut String, name: &str, labels: &str, buckets: &[u64], sum_us: u64) {
    let mut count = 0_u64;
    let ends = BUCKETS_SECONDS.iter().map(f64::to_string).chain(["+Inf".to_owned()]);
    for (end, more) in ends.zip(buckets) {
        count = count.saturating_add(*more);
        let comma = if labels.is_empty() { "" } else { "," };
        line(out, name, "_bucket", &format!("{labels}{comma}le=\"{end}\""), &count);
    }
    let (whole, rest) = (sum_us / 1_000_000, sum_us % 1_000_000);
    line(out, name, "_sum", labels, &format_args!("{whole}.{rest:06}"));
    line(out, name, "_count", labels, &count);
}

fn line(out: &mut String, name: &str, suffix: &str, labels: &str, value: &dyn std::fmt::Display) {
    let _ = match labels {
        "" => writeln!(out, "{name}{suffix} {value}"),
        _ => writeln!(out, "{name}{suffix}{{{labels}}} {value}"),
    };
}

fn labels(metric: &Metric, values: &[String]) -> String {
    let mut out = String::new();
    for (name, value) in metric.labels.iter().zip(values) {
        let comma = if out.is_empty() { "" } else { "," };
        let _ = write!(out, "{comma}{name}=\"");
        for char in value.chars() {
            match char {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::names;

    #[test]
    fn the_text() {
        let mut snapshot = Snapshot::default();
        snapshot.level(names::CONNECTIONS, &[], 3);
        snapshot.count(names::RESPONSES, &["a \"b\"\\\n", "/", "200"], 7);
        let mut buckets = vec![0; BUCKETS_SECONDS.len() + 1];
        (buckets[0], buckets[13], buckets[14]) = (2, 1, 1);
        let value = Value::Durations { buckets, sum_us: 25_000_004 };
        snapshot.push(names::REQUEST_DURATION, &["s", "/", "GET", "2xx"], value);
        let text = snapshot.text();
        for line in [
            "# TYPE http_server_request_duration_seconds histogram",
            "http_server_request_duration_seconds_bucket{site=\"s\",application=\"/\",http_request_method=\"GET\",http_response_status_class=\"2xx\",le=\"0.005\"} 2",
            "http_server_request_duration_seconds_bucket{site=\"s\",application=\"/\",http_request_method=\"GET\",http_response_status_class=\"2xx\",le=\"10\"} 3",
            "http_server_request_duration_seconds_bucket{site=\"s\",application=\"/\",http_request_method=\"GET\",http_response_status_class=\"2xx\",le=\"+Inf\"} 4",
            "http_server_request_duration_seconds_sum{site=\"s\",application=\"/\",http_request_method=\"GET\",http_response_status_class=\"2xx\"} 25.000004",
            "http_server_request_duration_seconds_count{site=\"s\",application=\"/\",http_request_method=\"GET\",http_response_status_class=\"2xx\"} 4",
            "mews_http_responses_total{site=\"a \\\"b\\\"\\\\\\n\",application=\"/\",http_response_status_code=\"200\"} 7",
            "# TYPE mews_connections gauge",
            "mews_connections 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("mews_threads"), "{text}");
    }
}
