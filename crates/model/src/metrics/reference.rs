//! The reference page of metrics.

use std::fmt::Write as _;

use super::ALL;

/// `docs/reference/metrics.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Metrics\n\n\
         Generated; do not edit. Served as Prometheus text at `/metrics` of the address that `--admin` names, as in `mews run --admin 127.0.0.1:9090`, or `admin` in `mews.toml`.\n\n\
         Counters never fall while the host runs: what a worker has counted is kept when it ends, up to what was last asked for if it crashes. \
         Names that OpenTelemetry has for something are used in Prometheus' spelling.\n\n\
         | metric | kind | labels | what |\n| --- | --- | --- | --- |\n",
    );
    for metric in ALL {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}` | {} | {labels} | {} |", metric.name, metric.kind.name(), metric.help);
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_not_stale() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == super::reference(),
            "run: cargo run -p mews-model --example metrics_reference > docs/reference/metrics.md"
        );
    }
}
