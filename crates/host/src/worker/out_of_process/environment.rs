//! The environment of one process: the worker's, and what differs with each start.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

use mews_model::url::parse_url;
use mews_model::{Failure, StatusCode};
use mews_process::port::free_port;

use crate::control::ConfiguredVariables;
use crate::worker::Listener;

/// Where ports are chosen from, as far as the system does not choose among them itself.
const RANDOM_PORTS: RangeInclusive<u16> = 10_000..=48_000;
/// So many are enough.
const ENOUGH_PORTS: u16 = 1000;
/// From where to where the system chooses the ports of outgoing connections.
const OUTGOING_PORTS: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// How often one is drawn before it is given up.
const DRAWS: u32 = 10;
/// Ports that web.config may name.
const CONFIGURED_PORTS: RangeInclusive<u16> = 1025..=48_000;

const PORT: &str = "ASPNETCORE_PORT";
const TOKEN: &str = "ASPNETCORE_TOKEN";
const URLS: &str = "ASPNETCORE_URLS";
const HTTPS_PORT: &str = "ASPNETCORE_ANCM_HTTPS_PORT";
const DOTNET_ROOT: &str = "DOTNET_ROOT";

/// Why there is no port.
#[derive(Debug)]
pub(crate) struct NoPort {
    pub(crate) failure: Box<Failure>,
    /// Whether another try may find one.
    pub(crate) retry: bool,
}

/// Random ports are chosen below those of outgoing connections: one that is free now may be such a connection's before the
/// app listens there, and then its start fails.
fn random_ports(outgoing: Option<&str>) -> RangeInclusive<u16> {
    let first = outgoing.and_then(|range| range.split_ascii_whitespace().next()?.parse::<u16>().ok());
    let (from, to) = (*RANDOM_PORTS.start(), *RANDOM_PORTS.end());
    match first {
        Some(first) if first >= from + ENOUGH_PORTS => from..=to.min(first - 1),
        _ => RANDOM_PORTS,
    }
}

/// The port for a start.
pub(crate) fn port(configured: &ConfiguredVariables) -> Result<u16, NoPort> {
    let no = |cause: String, cure: &str, retry| NoPort {
        failure: Box::new(Failure::new(StatusCode::PROCESS_FAILED, cause).with_cure(cure)),
        retry,
    };
    let Some(text) = &configured.port else {
        let ports = random_ports(fs::read_to_string(OUTGOING_PORTS).ok().as_deref());
        return free_port(ports, DRAWS).ok_or_else(|| {
            let cause = format!("None of {DRAWS} random ports was free.");
            no(cause, "Look what listens on so many ports, as with 'ss -ltnp'.", true)
        });
    };
    match text.trim().parse() {
        Ok(port) if CONFIGURED_PORTS.contains(&port) => Ok(port),
        _ => {
            let (least, most) = CONFIGURED_PORTS.into_inner();
            let cause = format!(
                "ASPNETCORE_PORT in web.config is '{text}', which is not a whole number from {least} to {most}."
            );
            Err(no(cause, "Write such a number, or remove the variable: then a free port is chosen.", false))
        }
    }
}

/// The pairing token for a start: the configured one, or one that nobody can guess. What a header field cannot hold is left out,
/// so that the app is told the same.
///
/// # Errors
/// When the system gives no random numbers.
pub(super) fn token(configured: &ConfiguredVariables) -> io::Result<String> {
    match &configured.token {
        Some(token) => Ok(token.replace(char::is_control, "").trim().to_owned()),
        None => Ok(std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned()),
    }
}

/// The port of our HTTPS listeners if they have exactly one: where the app sends clients that use HTTP.
pub(super) fn https_port(listeners: &[Listener]) -> Option<u16> {
    let secure = listeners.iter().filter(|listener| listener.secure);
    let ports: BTreeSet<u16> =
        secure.filter_map(|listener| Some(parse_url(&listener.url).ok()?.port)).collect();
    let mut ports = ports.into_iter();
    ports.next().filter(|_| ports.next().is_none())
}

/// The whole environment of a process, made from ours.
pub(super) fn make(
    ours: impl Iterator<Item = (OsString, OsString)>,
    configured: &ConfiguredVariables,
    port: u16,
    token: &str,
    https_port: Option<u16>,
    dotnet_root: Option<&Path>,
) -> Vec<(OsString, OsString)> {
    let mut set: Vec<(&str, OsString)> = vec![(PORT, port.to_string().into()), (TOKEN, token.into())];
    if !configured.urls {
        set.push((URLS, format!("http://127.0.0.1:{port}").into()));
    }
    if !configured.https_port {
        let port = https_port.map_or_else(String::new, |port| port.to_string());
        set.push((HTTPS_PORT, port.into()));
    }
    let mut variables: Vec<(OsString, OsString)> =
        ours.filter(|(name, _)| !set.iter().any(|(other, _)| name == other)).collect();
    if let Some(root) = dotnet_root
        && !variables.iter().any(|(name, value)| name == DOTNET_ROOT && !value.is_empty())
    {
        set.push((DOTNET_ROOT, root.into()));
        variables.retain(|(name, _)| name != DOTNET_ROOT);
    }
    variables.extend(set.into_iter().map(|(name, value)| (name.into(), value)));
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_port_must_be_in_the_range() {
        for (text, expected) in
            [("1025", Some(1025)), (" 48000 ", Some(48_000)), ("1024", None), ("48001", None)]
        {
            let configured = ConfiguredVariables { port: Some(text.to_owned()), ..Default::default() };
            assert_eq!(port(&configured).ok(), expected, "{text}");
        }
        let configured = ConfiguredVariables { port: Some("http".to_owned()), ..Default::default() };
        let problem = port(&configured).unwrap_err();
        assert!(!problem.retry);
        assert!(problem.failure.cause.contains("'http'") && problem.failure.cause.contains("1025 to 48000"));
    }

    #[test]
    fn a_random_port_is_in_the_range() {
        assert!(RANDOM_PORTS.contains(&port(&ConfiguredVariables::default()).unwrap()));
    }

    #[test]
    fn random_ports_are_none_that_outgoing_connections_get() {
        assert_eq!(random_ports(Some("32768\t60999\n")), 10_000..=32_767);
        assert_eq!(random_ports(Some("49152\t65535\n")), RANDOM_PORTS);
        // Where these leave too few, there is no choice.
        for outgoing in [Some("1024 65535"), Some("10500 60999"), Some("nonsense"), Some(""), None] {
            assert_eq!(random_ports(outgoing), RANDOM_PORTS, "{outgoing:?}");
        }
    }

    #[test]
    fn tokens_are_configured_or_differ() {
        let none = ConfiguredVariables::default();
        let (a, b) = (token(&none).unwrap(), token(&none).unwrap());
        assert!(a != b && a.len() == 36 && a == a.to_lowercase(), "{a} {b}");
        let configured = ConfiguredVariables { token: Some(" T\n k ".to_owned()), ..none };
        assert_eq!(token(&configured).unwrap(), "T k");
    }

    fn made(
        ours: &[(&str, &str)],
        configured: &ConfiguredVariables,
        https: Option<u16>,
        root: Option<&str>,
    ) -> Vec<(String, String)> {
        let ours = ours.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let made = make(ours, configured, 20_000, "t", https, root.map(Path::new));
        made.into_iter().map(|(n, v)| (n.into_string().unwrap(), v.into_string().unwrap())).collect()
    }

    #[test]
    fn what_each_start_sets() {
        let none = ConfiguredVariables::default();
        let ours = [("A", "1"), ("ASPNETCORE_PORT", "9"), ("ASPNETCORE_URLS", "http://x")];
        let list = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(
            made(&ours, &none, Some(443), Some("/dotnet")),
            list(&[
                ("A", "1"),
                ("ASPNETCORE_PORT", "20000"),
                ("ASPNETCORE_TOKEN", "t"),
                ("ASPNETCORE_URLS", "http://127.0.0.1:20000"),
                ("ASPNETCORE_ANCM_HTTPS_PORT", "443"),
                ("DOTNET_ROOT", "/dotnet"),
            ])
        );
        let configured = ConfiguredVariables { urls: true, https_port: true, ..none };
        let ours =
            [("ASPNETCORE_URLS", "http://x"), ("DOTNET_ROOT", "/mine"), ("ASPNETCORE_ANCM_HTTPS_PORT", "1")];
        let made = made(&ours, &configured, None, Some("/dotnet"));
        for pair in list(&ours) {
            assert!(made.contains(&pair), "{made:?}");
        }
        assert_eq!(made.len(), 5);
    }
}
