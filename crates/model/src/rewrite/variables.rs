//! Server variables: what `{NAME}` stands for.

use super::path::{self, Target};
use super::request::Request;
use super::template::{Form, Piece};

/// The request as the rules so far have left it.
pub(super) struct State<'a> {
    pub(super) request: &'a Request<'a>,
    /// The path from the root, percent-encoded.
    pub(super) path: String,
    /// The query without its `?`.
    pub(super) query: Option<String>,
    /// What rules have set, by name in capital letters.
    pub(super) set: Vec<(String, String)>,
}

impl<'a> State<'a> {
    /// `None` for targets that have no path.
    pub(super) fn new(request: &'a Request<'a>) -> Option<Self> {
        let target = Target::parse(request.target)?;
        let (path, query) = (target.path.to_owned(), target.query.map(str::to_owned));
        Some(Self { request, path, query, set: Vec::new() })
    }

    /// The path that rules match: decoded, below the app, without its leading slash.
    pub(super) fn relative(&self) -> String {
        let whole = path::canonical(&self.path);
        let below = below(&whole, &path::canonical(self.request.base)).unwrap_or(&whole);
        below.strip_prefix('/').unwrap_or(below).to_owned()
    }

    /// The target as it is now, in printable ASCII.
    pub(super) fn target(&self) -> String {
        let mut target = String::with_capacity(self.path.len() + self.query().len() + 1);
        path::encode(&mut target, &self.path, path::Keep::Url);
        if let Some(query) = &self.query {
            target.push('?');
            path::encode(&mut target, query, path::Keep::Url);
        }
        target
    }

    /// Path and query as the client sent them, whatever rules have made of them since.
    pub(super) fn sent(&self) -> String {
        match Target::parse(self.request.target) {
            Some(Target { path, query: Some(query) }) => format!("{path}?{query}"),
            Some(Target { path, query: None }) => path.to_owned(),
            None => self.request.target.to_owned(),
        }
    }

    fn query(&self) -> &str {
        self.query.as_deref().unwrap_or_default()
    }

    fn host(&self) -> String {
        (self.request.header)("host").unwrap_or_default()
    }

    /// What `name`, in capital letters, stands for. Unknown names are empty, as on IIS.
    pub(super) fn variable(&self, name: &str) -> Vec<Piece> {
        if let Some((_, value)) = self.set.iter().rev().find(|(known, _)| known == name) {
            return vec![Piece::plain(value.as_str())];
        }
        let path =
            || Piece { text: path::canonical(&self.path).into_owned(), url: Form::Sent(self.path.clone()) };
        let connection = self.request.connection;
        let plain = |text: String| vec![Piece::plain(text)];
        match name {
            "URL" | "PATH_INFO" | "SCRIPT_NAME" => vec![path()],
            "REQUEST_URI" | "HTTP_URL" => match &self.query {
                Some(query) => vec![path(), Piece::plain(format!("?{query}"))],
                None => vec![path()],
            },
            "UNENCODED_URL" => plain(self.sent()),
            "QUERY_STRING" => plain(self.query().to_owned()),
            "CACHE_URL" => {
                let scheme = if connection.https { "https" } else { "http" };
                plain(format!("{scheme}://{}{}", self.host(), self.target()))
            }
            "REQUEST_METHOD" | "HTTP_METHOD" => plain(self.request.method.to_owned()),
            "SERVER_PROTOCOL" | "HTTP_VERSION" => plain(self.request.protocol.to_owned()),
            "HTTPS" => plain(if connection.https { "on" } else { "off" }.to_owned()),
            "SERVER_PORT_SECURE" => plain(u8::from(connection.https).to_string()),
            "REQUEST_SCHEME" => plain(if connection.https { "https" } else { "http" }.to_owned()),
            "SERVER_NAME" => plain(without_port(&self.host()).to_owned()),
            "SERVER_PORT" => plain(connection.local.map_or_else(String::new, |at| at.port().to_string())),
            "LOCAL_ADDR" => plain(connection.local.map_or_else(String::new, |at| at.ip().to_string())),
            "REMOTE_ADDR" | "REMOTE_HOST" => {
                plain(connection.remote.map_or_else(String::new, |at| at.ip().to_string()))
            }
            "REMOTE_PORT" => plain(connection.remote.map_or_else(String::new, |at| at.port().to_string())),
            "REQUEST_FILENAME" | "SCRIPT_FILENAME" | "PATH_TRANSLATED" => plain(self.file()),
            "SERVER_SOFTWARE" => plain("Mews".to_owned()),
            "GATEWAY_INTERFACE" => plain("CGI/1.1".to_owned()),
            "APPL_PHYSICAL_PATH" | "DOCUMENT_ROOT" => plain(format!("{}/", self.request.files.root())),
            "CONTENT_TYPE" | "CONTENT_LENGTH" => plain((self.request.header)(name).unwrap_or_default()),
            _ => match name.strip_prefix("HTTP_") {
                Some(header) => plain((self.request.header)(header).unwrap_or_default()),
                None => plain(String::new()),
            },
        }
    }

    /// Where the path leads in the app's folder.
    fn file(&self) -> String {
        format!("{}/{}", self.request.files.root(), self.relative())
    }
}

/// Whether captures of this variable are text that was percent-decoded.
pub(super) fn is_decoded_path(name: &str) -> bool {
    matches!(
        name,
        "URL" | "PATH_INFO" | "SCRIPT_NAME" | "REQUEST_FILENAME" | "SCRIPT_FILENAME" | "PATH_TRANSLATED"
    )
}

/// Whether this variable begins with the request's path.
pub(super) fn is_path(name: &str) -> bool {
    matches!(name, "URL" | "PATH_INFO" | "SCRIPT_NAME" | "REQUEST_URI" | "HTTP_URL" | "UNENCODED_URL")
}

/// What is behind a base, which ends where a segment ends; case does not count.
pub(crate) fn below<'p>(path: &'p str, base: &str) -> Option<&'p str> {
    let start = path.get(..base.len())?;
    let rest = path.get(base.len()..)?;
    (start.eq_ignore_ascii_case(base) && (rest.is_empty() || rest.starts_with('/'))).then_some(rest)
}

fn without_port(host: &str) -> &str {
    let end = host.rfind(']').map_or(0, |bracket| bracket + 1);
    match host.get(end..).and_then(|rest| rest.find(':')) {
        Some(colon) => host.get(..end + colon).unwrap_or(host),
        None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_ends_with_a_segment() {
        assert_eq!(below("/shop/a", "/Shop"), Some("/a"));
        assert_eq!(below("/shop", "/shop"), Some(""));
        assert_eq!(below("/shopping", "/shop"), None);
        assert_eq!(below("/a", ""), Some("/a"));
        assert_eq!(below("/é", "/é/"), None);
    }

    #[test]
    fn hosts_lose_their_port() {
        assert_eq!(without_port("a.example:8080"), "a.example");
        assert_eq!(without_port("[::1]:80"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port(""), "");
    }
}
