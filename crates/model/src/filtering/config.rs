//! The `requestFiltering` section as written: plain values that also travel to the worker.

use serde::{Deserialize, Serialize};

/// What requests must keep to. [`RequestFiltering::default`] is what counts when `web.config` has no
/// `requestFiltering` element; a reader that finds the element begins with [`RequestFiltering::element`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFiltering {
    /// `requestLimits`.
    pub limits: RequestLimits,
    /// `hiddenSegments`.
    pub hidden_segments: HiddenSegments,
    /// `fileExtensions`.
    pub file_extensions: FileExtensions,
    /// `verbs`.
    pub verbs: Verbs,
    /// `denyUrlSequences`: texts that the path must not hold.
    pub deny_url_sequences: Vec<String>,
    /// `denyQueryStringSequences`: texts that the query must not hold.
    pub deny_query_string_sequences: Vec<String>,
    /// `alwaysAllowedUrls`: whole paths from the root that the deny lists do not apply to.
    pub always_allowed_urls: Vec<String>,
    /// `alwaysAllowedQueryStrings`: whole queries that the deny lists do not apply to.
    pub always_allowed_query_strings: Vec<String>,
    /// `unescapeQueryString`: the query's deny lists also see it percent-decoded.
    pub unescape_query_string: bool,
    /// `allowDoubleEscaping`: paths may change when they are percent-decoded a second time.
    pub allow_double_escaping: bool,
    /// `allowHighBitCharacters`: paths may hold characters outside ASCII.
    pub allow_high_bit_characters: bool,
}

impl Default for RequestFiltering {
    /// No `requestFiltering` element. IIS would limit the URL to 4096 bytes and the query to 2048 and
    /// refuse `%25`-sequences here too; apps that never saw IIS need not be refused what their own server
    /// accepts, so these three wait for the element. The app's own files are protected always.
    fn default() -> Self {
        Self {
            limits: RequestLimits {
                max_url: u32::MAX,
                max_query_string: u32::MAX,
                ..RequestLimits::default()
            },
            allow_double_escaping: true,
            ..Self::element()
        }
    }
}

impl RequestFiltering {
    /// An empty `requestFiltering` element: IIS's defaults.
    pub fn element() -> Self {
        Self {
            limits: RequestLimits::default(),
            hidden_segments: HiddenSegments::default(),
            file_extensions: FileExtensions::default(),
            verbs: Verbs::default(),
            deny_url_sequences: Vec::new(),
            deny_query_string_sequences: Vec::new(),
            always_allowed_urls: Vec::new(),
            always_allowed_query_strings: Vec::new(),
            unescape_query_string: true,
            allow_double_escaping: false,
            allow_high_bit_characters: true,
        }
    }
}

/// `requestLimits`. A limit is the greatest value that is accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestLimits {
    /// `maxAllowedContentLength`: bytes of the body, as announced.
    pub max_content_length: u64,
    /// `maxUrl`: bytes of the path, as sent.
    pub max_url: u32,
    /// `maxQueryString`: bytes of the query without its `?`, as sent.
    pub max_query_string: u32,
    /// `headerLimits`.
    pub headers: Vec<HeaderLimit>,
}

impl Default for RequestLimits {
    /// IIS's: 30,000,000, 4096 and 2048 bytes, no header limits.
    fn default() -> Self {
        Self { max_content_length: 30_000_000, max_url: 4096, max_query_string: 2048, headers: Vec::new() }
    }
}

/// One entry of `headerLimits`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderLimit {
    /// `header`: its name.
    pub name: String,
    /// `sizeLimit`: bytes of the value.
    pub size_limit: u32,
}

/// `hiddenSegments`: names of path segments that are not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HiddenSegments {
    /// Whether IIS's own list applies (`false` after `clear`).
    pub defaults: bool,
    /// Entries of IIS's own list that `remove` takes away.
    pub removed: Vec<String>,
    /// `add`: what is hidden beside IIS's own list.
    pub added: Vec<String>,
}

impl Default for HiddenSegments {
    /// IIS's own list, nothing else.
    fn default() -> Self {
        Self { defaults: true, removed: Vec::new(), added: Vec::new() }
    }
}

/// `fileExtensions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileExtensions {
    /// `allowUnlisted`.
    pub allow_unlisted: bool,
    /// Whether IIS's own list of denied extensions applies (`false` after `clear`).
    pub defaults: bool,
    /// Entries of IIS's own list that `remove` takes away, with their dot.
    pub removed: Vec<String>,
    /// `add`: extensions with their dot; `.` alone stands for paths without one.
    pub added: Vec<Listed>,
}

impl Default for FileExtensions {
    /// Unlisted ones are allowed, IIS's own list is denied.
    fn default() -> Self {
        Self { allow_unlisted: true, defaults: true, removed: Vec::new(), added: Vec::new() }
    }
}

/// `verbs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verbs {
    /// `allowUnlisted`.
    pub allow_unlisted: bool,
    /// `add`: methods.
    pub listed: Vec<Listed>,
}

impl Default for Verbs {
    /// Everything is allowed.
    fn default() -> Self {
        Self { allow_unlisted: true, listed: Vec::new() }
    }
}

/// A name that is allowed or denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The extension or method.
    pub name: String,
    /// `allowed`.
    pub allowed: bool,
}
