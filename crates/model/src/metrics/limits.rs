//! Every limit that a client can meet, under the name that it is counted with.

use std::fmt::Write as _;

use crate::server_config::limit_defaults;

/// A limit.
#[derive(Debug, PartialEq, Eq)]
pub struct Limit {
    /// The label in metrics.
    pub name: &'static str,
    /// The keys of `limits` in `mews.toml` that it is set with; without any, what sets it is in `ends`.
    pub settings: &'static [&'static str],
    /// What becomes of a client that meets it.
    pub ends: &'static str,
}

const CALM: &str = "The connection ends with `ENHANCE_YOUR_CALM`; what is answered already is still sent.";
const WAIT: &str = "New connections wait in the kernel; nobody is refused.";

const fn limit(name: &'static str, settings: &'static [&'static str], ends: &'static str) -> Limit {
    Limit { name, settings, ends }
}

/// All of them.
pub const LIMITS: &[Limit] = &[
    limit(
        "request_line",
        &["request_line"],
        "414, and the connection is closed; with HTTP/2 the stream ends.",
    ),
    limit(
        "header_bytes",
        &["header_bytes"],
        "431, and the connection is closed; with HTTP/2 the stream ends.",
    ),
    limit(
        "header_count",
        &["header_count"],
        "431, and the connection is closed; with HTTP/2 the stream ends.",
    ),
    limit("header_timeout", &["header_timeout"], "408, and the connection is closed."),
    limit(
        "keep_alive_timeout",
        &["keep_alive_timeout"],
        "The connection is closed without a word; with HTTP/2 after GOAWAY.",
    ),
    limit(
        "request_body",
        &[],
        "413, and the connection is closed. Set with `maxAllowedContentLength` of `requestLimits` in `web.config`, 30,000,000 \
         without. Where the length is announced, the answer is 404.13, as with IIS.",
    ),
    limit(
        "request_body_rate",
        &["request_rate", "rate_grace", "stall_timeout"],
        "The app's read of the body fails, and with it the request, with 408 unless the app answers otherwise; the connection is closed.",
    ),
    limit("unread_body", &["unread_body"], "The response is sent, and the connection is closed."),
    limit("response_rate", &["response_rate", "rate_grace", "stall_timeout"], "The connection is reset."),
    limit("http2_resets", &["http2_resets", "http2_errors"], CALM),
    limit("http2_frames", &["http2_frames"], CALM),
    limit("http2_header_block", &["header_bytes"], CALM),
    limit(
        "http2_streams",
        &["http2_streams"],
        "The stream is refused (`REFUSED_STREAM`); who goes on meets `http2_errors`.",
    ),
    limit("http2_response_window", &["response_rate", "rate_grace", "stall_timeout"], "The stream is reset."),
    limit("http2_ping", &["http2_ping", "http2_ping_timeout"], "The connection is reset."),
    limit("handshake_timeout", &["handshake_timeout"], "The connection is closed."),
    limit("handshakes", &["handshakes"], WAIT),
    limit("connections", &["connections"], WAIT),
    limit(
        "connections_per_address",
        &["connections_per_address"],
        "503 where there is no TLS, and the connection is closed; with TLS, and beyond twice as many, it is closed without a word.",
    ),
    limit(
        "open_files",
        &[],
        "New connections wait in the kernel. Set with `open_files` of the pool, or by the system.",
    ),
];

/// `docs/reference/limits.md`.
pub fn reference() -> String {
    let mut out = String::from(
        "# Limits\n\n\
         Generated; do not edit. What a client may ask of a connection, and what becomes of one that asks for more. The settings are \
         keys of [`limits`](mews-toml.md) of a site in `mews.toml`; each time a limit is met, `mews_limit_hits_total` \
         ([metrics](metrics.md)) grows under its name.\n\n\
         | limit | settings, with their defaults | what happens |\n| --- | --- | --- |\n",
    );
    for limit in LIMITS {
        let settings = limit_defaults().filter(|(name, _)| limit.settings.contains(name));
        let settings = settings.map(|(name, default)| format!("`{name} = {default}`"));
        let settings = settings.collect::<Vec<_>>().join(", ");
        let settings = if settings.is_empty() { "–" } else { &settings };
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| `{}` | {settings} | {} |", limit.name, limit.ends);
    }
    out.push_str(
        "\nAddresses of `connections_per_address` are those that connections come from: behind a proxy that is the proxy's, and \
         `X-Forwarded-For` says nothing here. One of IPv6 stands for its /64 network, which whoever has it has too. Each worker \
         counts its own connections, also those that the gateway hands to it.\n\n\
         Besides, without a setting: TLS has no early data, a header table of HTTP/2 has 4096 bytes, a header block at most 8 \
         CONTINUATION frames, and what a connection holds of bodies and responses is bounded (64 KiB each way; HTTP/2: 1 MiB of \
         request bodies).\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_not_stale() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/limits.md");
        assert!(
            std::fs::read_to_string(path).unwrap_or_default() == reference(),
            "run: cargo run -p mews-model --example limits_reference > docs/reference/limits.md"
        );
    }

    #[test]
    fn every_setting_belongs_to_a_limit() {
        let named: Vec<&str> = LIMITS.iter().flat_map(|limit| limit.settings).copied().collect();
        let known: Vec<&str> = limit_defaults().map(|(name, _)| name).collect();
        assert_eq!(named.iter().find(|name| !known.contains(name)), None);
        assert_eq!(known.iter().find(|name| !named.contains(name)), None);
    }
}
