//! The `rewrite` section as written: rules and maps, plain values that also travel to the worker.
//!
//! Nothing here is checked or compiled; [`super::compile`] does that.

use serde::{Deserialize, Serialize};

/// The inbound rules and the maps they look values up in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteConfig {
    /// `rules`, in the order written; disabled ones are kept.
    pub rules: Vec<Rule>,
    /// `rewriteMaps`.
    pub maps: Vec<RewriteMap>,
}

impl RewriteConfig {
    /// Whether there is nothing to do for any request.
    pub fn is_empty(&self) -> bool {
        self.rules.iter().all(|rule| !rule.enabled)
    }
}

/// One inbound `rule`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// `name`: for messages.
    pub name: String,
    /// `enabled`.
    pub enabled: bool,
    /// `patternSyntax`, of the URL pattern and of the conditions' patterns.
    pub pattern_syntax: PatternSyntax,
    /// `stopProcessing`: when the rule has applied, no later one is tried.
    pub stop_processing: bool,
    /// `match`.
    pub match_url: MatchUrl,
    /// `conditions`.
    pub conditions: Conditions,
    /// `serverVariables`: set when the rule applies.
    pub server_variables: Vec<ServerVariable>,
    /// `action`.
    pub action: Action,
}

impl Default for Rule {
    /// IIS's defaults: enabled, regular expressions, going on after the rule, no action.
    fn default() -> Self {
        Self {
            name: String::new(),
            enabled: true,
            pattern_syntax: PatternSyntax::default(),
            stop_processing: false,
            match_url: MatchUrl::default(),
            conditions: Conditions::default(),
            server_variables: Vec::new(),
            action: Action::None,
        }
    }
}

/// How patterns are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PatternSyntax {
    /// Regular expressions that may match anywhere in the input.
    #[default]
    EcmaScript,
    /// `*` stands for any characters and is a capture; the whole input must match.
    Wildcard,
    /// The whole input equals the pattern.
    ExactMatch,
}

/// `match`: what the path must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchUrl {
    /// `url`: pattern for the path without its leading slash and without the query.
    pub pattern: String,
    /// `ignoreCase`.
    pub ignore_case: bool,
    /// `negate`: the rule applies where the pattern does not match; there are no `{R:n}` then.
    pub negate: bool,
}

impl Default for MatchUrl {
    /// An empty pattern, ignoring case.
    fn default() -> Self {
        Self { pattern: String::new(), ignore_case: true, negate: false }
    }
}

/// `conditions`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conditions {
    /// `logicalGrouping`.
    pub logical_grouping: LogicalGrouping,
    /// `trackAllCaptures`: `{C:n}` counts through the captures of all matched conditions, instead of
    /// naming those of the last one.
    pub track_all_captures: bool,
    /// The conditions, in the order written.
    pub items: Vec<Condition>,
}

/// How several conditions are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogicalGrouping {
    /// All must hold.
    #[default]
    MatchAll,
    /// One is enough.
    MatchAny,
}

/// One condition (`add`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// `input`: text with `{…}` in it.
    pub input: String,
    /// `matchType`.
    pub match_type: MatchType,
    /// `pattern`; unused for the other match types.
    pub pattern: String,
    /// `ignoreCase`.
    pub ignore_case: bool,
    /// `negate`.
    pub negate: bool,
}

impl Default for Condition {
    /// IIS's defaults: a pattern, ignoring case, not negated.
    fn default() -> Self {
        Self {
            input: String::new(),
            match_type: MatchType::default(),
            pattern: String::new(),
            ignore_case: true,
            negate: false,
        }
    }
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MatchType {
    /// The input's text, by pattern.
    #[default]
    Pattern,
    /// Whether the input is the path of a file.
    IsFile,
    /// Whether the input is the path of a folder.
    IsDirectory,
}

/// One variable that a rule sets (`serverVariables/set`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerVariable {
    /// `name`: `HTTP_…` is a request header.
    pub name: String,
    /// `value`: text with `{…}` in it.
    pub value: String,
    /// `replace` (default true): whether a value that is already there is replaced.
    pub replace: bool,
}

/// `action`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Nothing; with `stopProcessing`, later rules are left out.
    #[default]
    None,
    /// The app sees another URL.
    Rewrite {
        /// `url`: text with `{…}` in it; relative to the app, or from its root with a leading slash.
        url: String,
        /// `appendQueryString` (default true).
        append_query_string: bool,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// `url`: text with `{…}` in it.
        url: String,
        /// `appendQueryString` (default true).
        append_query_string: bool,
        /// `redirectType`.
        redirect_type: RedirectType,
    },
    /// An answer of its own.
    CustomResponse {
        /// `statusCode`: 1 to 999 in the file; 200 to 999 can be sent.
        status: u16,
        /// `subStatusCode`.
        sub_status: u16,
        /// `statusReason`: the reason phrase; empty = the standard one.
        reason: String,
        /// `statusDescription`: the body's text.
        description: String,
    },
    /// The connection is reset without an answer.
    AbortRequest,
}

/// `redirectType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RedirectType {
    /// 301, `Permanent`: the default.
    #[default]
    Permanent,
    /// 302, `Found`.
    Found,
    /// 303, `SeeOther`.
    SeeOther,
    /// 307, `Temporary`.
    Temporary,
    /// 308, `PermRedirect`.
    PermRedirect,
}

impl RedirectType {
    /// Every type with its name in the file.
    pub const NAMES: &[(&str, Self)] = &[
        ("Permanent", Self::Permanent),
        ("Found", Self::Found),
        ("SeeOther", Self::SeeOther),
        ("Temporary", Self::Temporary),
        ("PermRedirect", Self::PermRedirect),
    ];

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::Permanent => 301,
            Self::Found => 302,
            Self::SeeOther => 303,
            Self::Temporary => 307,
            Self::PermRedirect => 308,
        }
    }

    /// Reads a name (in any case) or a number, as in `Permanent` or `301`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .find(|(name, kind)| name.eq_ignore_ascii_case(text) || text == kind.status().to_string())
            .map(|(_, kind)| *kind)
    }
}

/// One `rewriteMap`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RewriteMap {
    /// `name`: used as `{name:key}`.
    pub name: String,
    /// `defaultValue`: for keys that are not listed.
    pub default_value: String,
    /// `ignoreCase` (default true), of the keys.
    pub ignore_case: bool,
    /// The entries, in the order written; of equal keys the first counts.
    pub entries: Vec<MapEntry>,
}

impl Default for RewriteMap {
    /// No name, no entries, ignoring case.
    fn default() -> Self {
        Self { name: String::new(), default_value: String::new(), ignore_case: true, entries: Vec::new() }
    }
}

/// One entry (`add`) of a map.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapEntry {
    /// `key`.
    pub key: String,
    /// `value`.
    pub value: String,
}
