//! Where a site listens.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::draft::{BindingDraft, Placed};
use crate::url::{ListenHost, ListenUrl, parse_url};

/// One binding of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// Scheme, address and port; its host is never [`crate::url::ListenHost::Name`].
    pub listen: ListenUrl,
    /// The host names that it takes requests for.
    pub host: HostName,
    /// Whether HTTP/2 is spoken there: with TLS by clients that offer it, without TLS by clients that begin with it.
    pub http2: bool,
}

/// The host names of a binding. Exact names win over wildcards, longer wildcards over shorter ones, and these over any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HostName {
    /// Every name.
    Any,
    /// One name, in lower case.
    Exact(String),
    /// Every name that ends in this, in lower case, with its leading dot: `.shop.example` for `*.shop.example`.
    Below(String),
}

impl HostName {
    /// Whether it is the name of a request, which has no port.
    pub fn takes(&self, name: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => name.eq_ignore_ascii_case(exact.as_bytes()),
            Self::Below(end) => {
                let start = name.len().checked_sub(end.len()).filter(|start| *start > 0);
                start
                    .and_then(|start| name.get(start..))
                    .is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
            }
        }
    }

    /// A host name in ASCII: `shop.example`, `*.shop.example`, `*` for any.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        let url = parse_url(&format!("http://{name}")).ok().filter(|_| !name.contains([':', '/', '[']));
        let name = match url.map(|url| url.host) {
            Some(ListenHost::Name(name)) => name,
            Some(ListenHost::Localhost) => "localhost".to_owned(),
            Some(ListenHost::Ip(_)) => {
                return Err("it is an address: write it as that of the binding".to_owned());
            }
            _ if !name.is_ascii() => {
                return Err("write the name in its ASCII form, beginning with xn--".to_owned());
            }
            _ => return Err("expected a name such as shop.example or *.shop.example".to_owned()),
        };
        Ok(if text.starts_with("*.") { Self::Below(format!(".{name}")) } else { Self::Exact(name) })
    }
}

impl fmt::Display for HostName {
    /// As it is written in a binding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Exact(name) => f.write_str(name),
            Self::Below(end) => write!(f, "*{end}"),
        }
    }
}

impl fmt::Display for Binding {
    /// `http://*:80`, `https://shop.example:443`, `http://127.0.0.1:80 (shop.example)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ListenUrl { scheme, host, port } = &self.listen;
        match (&self.host, host) {
            (HostName::Any, _) => write!(f, "{}", self.listen),
            (name, ListenHost::Any) => write!(f, "{}://{name}:{port}", scheme.as_str()),
            (name, _) => write!(f, "{} ({name})", self.listen),
        }
    }
}

impl BindingDraft {
    /// `http://*:80`, `https://shop.example:443`
    pub(super) fn read_url(&mut self, text: Placed<&str>) -> Result<(), String> {
        // The grammar of addresses to listen on knows no such names.
        let (scheme, rest) = text.value.split_once("://").unwrap_or(("", text.value));
        let end = rest.find(':').unwrap_or(rest.len());
        let (name, port) = rest.split_at(end);
        if name.starts_with("*.") {
            self.name(HostName::parse(name)?)?;
            self.listen = Some(parse_url(&format!("{scheme}://*{port}")).map_err(|error| error.problem)?);
            return Ok(());
        }
        let mut url = parse_url(text.value).map_err(|error| error.problem)?;
        if let ListenHost::Name(name) = url.host {
            self.name(HostName::Exact(name))?;
            url.host = ListenHost::Any;
        }
        self.listen = Some(url);
        Ok(())
    }

    /// `shop.example`, `*.shop.example`
    pub(super) fn read_host(&mut self, text: Placed<&str>) -> Result<(), String> {
        self.name(HostName::parse(text.value)?)
    }

    fn name(&mut self, name: HostName) -> Result<(), String> {
        if self.host != HostName::Any {
            return Err(format!("the binding has the host name '{}' already; leave one out", self.host));
        }
        self.host = name;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web_config::report::Place;

    fn shown(url: &str, host: Option<&str>) -> String {
        let at = Place::default();
        let mut draft = BindingDraft::new(at);
        let read = draft.read_url(Placed { value: url, at });
        let read = read.and_then(|()| host.map_or(Ok(()), |value| draft.read_host(Placed { value, at })));
        match (read, draft.listen) {
            (Ok(()), Some(listen)) => Binding { listen, host: draft.host, http2: false }.to_string(),
            (Ok(()), None) => "nothing".to_owned(),
            (Err(problem), _) => problem,
        }
    }

    #[test]
    fn names_are_taken_in_any_case() {
        let takes = |pattern: &str, name: &str| HostName::parse(pattern).unwrap().takes(name.as_bytes());
        assert!(takes("*", "") && takes("*", "[::1]"));
        assert!(takes("shop.example", "SHOP.example") && !takes("shop.example", "a.shop.example"));
        assert!(takes("*.shop.example", "a.B.shop.EXAMPLE"));
        assert!(!takes("*.shop.example", "shop.example") && !takes("*.shop.example", ".shop.example"));
    }

    #[test]
    fn what_bindings_say() {
        for (url, host, expected) in [
            ("http://*:80", None, "http://*:80"),
            ("HTTP://+", None, "http://*:80"),
            ("https://Shop.Example:443", None, "https://shop.example:443"),
            ("http://*.Shop.example", None, "http://*.shop.example:80"),
            ("http://127.0.0.1:8080", Some("shop.example"), "http://127.0.0.1:8080 (shop.example)"),
            ("http://[::1]:8080", Some("*.a.b"), "http://[::1]:8080 (*.a.b)"),
            ("http://localhost:0", None, "http://localhost:0"),
            ("http://*:80", Some("localhost"), "http://localhost:80"),
            ("http://*.:80", None, "expected a name such as shop.example or *.shop.example"),
            ("http://*.1.2.3.4", None, "it is an address: write it as that of the binding"),
            (
                "http://*.x.y:port",
                None,
                "'port' is not a port; write a number from 0 (any free port) to 65535",
            ),
            ("http://*", Some("münchen.example"), "write the name in its ASCII form, beginning with xn--"),
            ("http://*", Some("a:80"), "expected a name such as shop.example or *.shop.example"),
            ("http://a.b", Some("c.d"), "the binding has the host name 'a.b' already; leave one out"),
            ("shop.example", None, "the scheme is missing; write http://shop.example"),
        ] {
            assert_eq!(shown(url, host), expected, "{url} {host:?}");
        }
    }
}
