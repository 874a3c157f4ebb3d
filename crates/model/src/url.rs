//! Listening URLs as `--urls` and `ASPNETCORE_URLS` give them: `http://127.0.0.1:8080;https://[::1]:8443`.
//!
//! Only what an address to listen on can be; not a general URL parser, and nothing is resolved here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

/// The most addresses one list may hold; each costs a descriptor that is handed to every worker.
pub const MOST_URLS: usize = 64;

/// One address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenUrl {
    /// `http` or `https`.
    pub scheme: Scheme,
    /// Where.
    pub host: ListenHost,
    /// 0 means any free port.
    pub port: u16,
}

/// The scheme of a listening URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// The host part of a listening URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListenHost {
    /// One address.
    Ip(IpAddr),
    /// `localhost`: the loopback addresses of both families.
    Localhost,
    /// `*` or `+`: every address of both families.
    Any,
    /// Another name. As with Kestrel it is listened for on every address.
    Name(String),
}

/// A URL that cannot be listened on. The message holds the offending part and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{url}': {problem}")]
pub struct UrlError {
    /// The URL as given.
    pub url: String,
    /// What is wrong with it and what to write instead.
    pub problem: String,
}

impl Scheme {
    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for ListenHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(ip)) => write!(f, "{ip}"),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::Localhost => f.write_str("localhost"),
            Self::Any => f.write_str("*"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", self.scheme.as_str(), self.host, self.port)
    }
}

/// Reads a `;`-separated list. Empty entries are skipped; an empty list, or one that names the same
/// address twice, is an error.
pub fn parse_urls(text: &str) -> Result<Vec<ListenUrl>, UrlError> {
    let mut urls: Vec<ListenUrl> = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let url = parse_url(part)?;
        let same = |other: &&ListenUrl| other.port == url.port && other.port != 0 && other.host == url.host;
        if let Some(other) = urls.iter().find(same) {
            let problem = if other.scheme == url.scheme {
                format!("'{other}' is listed twice; write it once")
            } else {
                format!("'{other}' has the same address and port; give the two schemes two ports")
            };
            return Err(error(part, problem));
        }
        urls.push(url);
        if urls.len() > MOST_URLS {
            return Err(error(part, format!("the list holds more than {MOST_URLS} URLs; use fewer")));
        }
    }
    if urls.is_empty() {
        return Err(error(text, "the list of URLs is empty; write for instance http://127.0.0.1:8080"));
    }
    Ok(urls)
}

fn error(url: &str, problem: impl Into<String>) -> UrlError {
    UrlError { url: url.to_owned(), problem: problem.into() }
}

/// Reads one URL.
pub fn parse_url(text: &str) -> Result<ListenUrl, UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let scheme = |scheme: &&str| text.get(..scheme.len()).is_some_and(|t| t.eq_ignore_ascii_case(scheme));
        let problem = match ["http:", "https:", "unix:"].into_iter().find(scheme) {
            // As in "unix:/run/app.sock"; "unix:80" is taken for a name with a port.
            Some("unix:") if text.contains('/') => {
                "Unix sockets cannot be listened on; write an address and a port".to_owned()
            }
            Some(scheme @ ("http:" | "https:")) => {
                let rest = text.get(scheme.len()..).unwrap_or_default().trim_start_matches('/');
                format!("'//' after '{scheme}' is missing; write {scheme}//{rest}")
            }
            _ => format!("the scheme is missing; write http://{text}"),
        };
        return Err(error(text, problem));
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => return Err(error(text, format!("the scheme '{other}' is not known; write http or https"))),
    };
    let (authority, path) = match rest.find(['/', '?', '#', '\\']) {
        // Kestrel's spelling of a Unix socket; without this it would be read as a name and a bad port.
        _ if rest.to_ascii_lowercase().starts_with("unix:") => {
            return Err(error(text, "Unix sockets cannot be listened on; write an address and a port"));
        }
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    if !matches!(path, "" | "/") {
        let problem = if path.starts_with('/') {
            format!("a path base ('{path}') cannot be part of a listening URL; leave it out")
        } else {
            format!("'{path}' cannot be part of a listening URL; leave it out")
        };
        return Err(error(text, problem));
    }
    if authority.contains('@') {
        return Err(error(text, "a user name cannot be part of a listening URL; leave it out"));
    }
    let (host, port) = split_port(text, authority)?;
    let port = match port {
        None => scheme.default_port(),
        Some(digits) => parse_port(text, digits)?,
    };
    Ok(ListenUrl { scheme, host: parse_host(text, host)?, port })
}

fn split_port<'a>(text: &str, authority: &'a str) -> Result<(&'a str, Option<&'a str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let Some((ip, after)) = rest.split_once(']') else {
            return Err(error(text, "the ']' after the IPv6 address is missing"));
        };
        let host = &authority[..ip.len() + 2];
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => {
                Err(error(text, format!("'{after}' after the IPv6 address is not a port; write ':8080'")))
            }
        };
    }
    match authority.matches(':').count() {
        0 => Ok((authority, None)),
        1 => Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)))),
        _ => {
            let cure = format!("an IPv6 address needs brackets, as in http://[{authority}]:8080");
            Err(error(text, cure))
        }
    }
}

fn parse_port(text: &str, digits: &str) -> Result<u16, UrlError> {
    if !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && let Ok(port) = digits.parse()
    {
        return Ok(port);
    }
    let problem = if digits.is_empty() {
        "the port after ':' is missing; write for instance ':8080'".to_owned()
    } else {
        format!("'{digits}' is not a port; write a number from 0 (any free port) to 65535")
    };
    Err(error(text, problem))
}

fn parse_host(text: &str, host: &str) -> Result<ListenHost, UrlError> {
    if host.is_empty() {
        return Err(error(text, "the host is missing; write an address, localhost, or * for every address"));
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return match inner.parse::<Ipv6Addr>() {
            Ok(ip) => Ok(ListenHost::Ip(IpAddr::V6(ip))),
            Err(_) => Err(error(text, format!("'{inner}' is not an IPv6 address; write for instance [::1]"))),
        };
    }
    if matches!(host, "*" | "+") {
        return Ok(ListenHost::Any);
    }
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(ListenHost::Localhost);
    }
    if let Ok(ip) = host.parse::<Ipv4Addr>() {
        return Ok(ListenHost::Ip(IpAddr::V4(ip)));
    }
    if host.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(error(text, format!("'{host}' is not an IPv4 address; write for instance 127.0.0.1")));
    }
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    if host.len() <= 253 && host.split('.').all(label) {
        return Ok(ListenHost::Name(host.to_ascii_lowercase()));
    }
    Err(error(
        text,
        format!("'{host}' is not a host name; write an address, localhost, or * for every address"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse_urls(text) {
            Ok(urls) => urls.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error {error}"),
        }
    }

    #[test]
    fn what_is_read() {
        for (text, expected) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("HTTP://localhost", "http://localhost:80"),
            ("https://[::1]", "https://[::1]:443"),
            ("http://[::]:0/", "http://[::]:0"),
            ("http://*:80;https://+:443", "http://*:80 https://*:443"),
            (" http://0.0.0.0:1 ; ; http://Shop.Example:2 ;", "http://0.0.0.0:1 http://shop.example:2"),
            ("http://127.0.0.1:0;http://127.0.0.1:0", "http://127.0.0.1:0 http://127.0.0.1:0"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn what_is_refused_and_how_it_is_said() {
        for (text, part) in [
            ("", "empty"),
            (" ; ", "empty"),
            ("127.0.0.1:8080", "write http://127.0.0.1:8080"),
            ("8080", "write http://8080"),
            ("ftp://x:1", "'ftp'"),
            ("http:/x:1", "write http://x:1"),
            ("HTTPS:x", "write https://x"),
            ("unix:/tmp/x.sock", "Unix sockets"),
            ("unix:80", "write http://unix:80"),
            ("http://", "host is missing"),
            ("http://:80", "host is missing"),
            ("http://x:", "port after ':'"),
            ("http://x:65536", "'65536' is not a port"),
            ("http://x:-1", "'-1' is not a port"),
            ("http://x:80a", "'80a' is not a port"),
            ("http://x:+80", "'+80' is not a port"),
            ("http://::1:80", "brackets"),
            ("http://[::1:80", "']'"),
            ("http://[::1]80", "'80' after"),
            ("http://[zz]:80", "'zz' is not an IPv6"),
            ("http://256.1.1.1:80", "not an IPv4"),
            ("http://a b:80", "not a host name"),
            ("http://-a:80", "not a host name"),
            ("http://x:80/base", "path base ('/base')"),
            ("http://x:80?q", "'?q'"),
            ("http://u@x:80", "user name"),
            ("http://unix:/tmp/x.sock", "Unix sockets"),
            ("http://x:1;http://X:1", "listed twice"),
            ("http://x:1;https://x:1", "two ports"),
        ] {
            let shown = shown(text);
            assert!(shown.starts_with("error ") && shown.contains(part), "{text}: {shown}");
        }
    }

    #[test]
    fn a_long_list_is_refused() {
        let text: Vec<String> = (1..=MOST_URLS + 1).map(|port| format!("http://*:{port}")).collect();
        assert!(parse_urls(&text.join(";")).is_err());
    }
}
