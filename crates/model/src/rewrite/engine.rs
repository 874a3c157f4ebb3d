//! Applying compiled rules to one request.

use super::compiled::{Compiled, CompiledAction, CompiledCondition, CompiledRule, Test};
use super::path;
use super::pattern::{Captures, LimitReached};
use super::request::{FileKind, Request};
use super::template::{Form, Piece, TooLong, Values};
use super::variables::State;

/// The variable, and the request header, that tells the app what was asked for before a rewrite.
const ORIGINAL_URL: &str = "HTTP_X_ORIGINAL_URL";

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on to the app.
    Continue {
        /// Its new target, if a rule has changed it: printable ASCII, beginning with `/`.
        target: Option<String>,
        /// Request headers to be set, by their names as in `X-Forwarded-Host`.
        headers: Vec<(String, String)>,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`: printable ASCII.
        location: String,
    },
    /// It is answered with this.
    Respond {
        /// 200 to 999.
        status: u16,
        /// 0 for none.
        sub_status: u16,
        /// The reason phrase; empty = the standard one.
        reason: String,
        /// The body's text.
        description: String,
    },
    /// The connection is reset.
    Abort,
    /// A rule made a text of more than 16 KiB, or a URL that is not one: the rule with this name is wrong.
    Broken {
        /// The rule's name.
        rule: String,
        /// What it did, one sentence.
        problem: String,
    },
}

/// What the rules decided, and what the operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// What becomes of the request.
    pub outcome: Outcome,
    /// Name of a rule whose pattern took too many steps and was taken for not matching.
    pub gave_up_on: Option<String>,
}

/// The captures that are known while one rule is looked at.
struct Scope<'s, 'a> {
    state: &'s State<'a>,
    compiled: &'s Compiled,
    rule: Captures,
    condition: Captures,
    /// Whether the text that `condition` was captured from had been decoded.
    decoded: bool,
    /// Whether that text began with the request's path.
    from_path: bool,
}

impl Values for Scope<'_, '_> {
    fn rule(&self, number: usize) -> Piece {
        let text = self.rule.0.get(number).cloned().unwrap_or_default();
        Piece { text, url: Form::Decoded }
    }

    fn condition(&self, number: usize) -> Piece {
        let text = self.condition.0.get(number).cloned().unwrap_or_default();
        Piece { text, url: if self.decoded { Form::Decoded } else { Form::Same } }
    }

    fn variable(&self, name: &str) -> Vec<Piece> {
        self.state.variable(name)
    }

    fn map(&self, index: usize, key: &str) -> String {
        self.compiled.maps.get(index).map_or("", |map| map.look_up(key)).to_owned()
    }
}

enum Trouble {
    GaveUp,
    TooLong,
}

impl From<LimitReached> for Trouble {
    fn from(LimitReached: LimitReached) -> Self {
        Self::GaveUp
    }
}

impl From<TooLong> for Trouble {
    fn from(TooLong: TooLong) -> Self {
        Self::TooLong
    }
}

impl Compiled {
    /// Applies the rules in their order, each once.
    pub fn apply(&self, request: &Request<'_>) -> Applied {
        let mut gave_up_on = None;
        let unchanged = Outcome::Continue { target: None, headers: Vec::new() };
        let Some(mut state) = State::new(request) else { return Applied { outcome: unchanged, gave_up_on } };
        let mut rewritten = false;
        for rule in &self.rules {
            let outcome = match self.step(rule, &mut state, &mut rewritten) {
                Ok(Step::Next) => continue,
                Ok(Step::Stop) => break,
                Ok(Step::End(outcome)) => outcome,
                Err(Trouble::GaveUp) => {
                    gave_up_on.get_or_insert_with(|| rule.name.clone());
                    continue;
                }
                Err(Trouble::TooLong) => Outcome::Broken {
                    rule: rule.name.clone(),
                    problem: "it makes a text of more than 16 KiB".to_owned(),
                },
            };
            return Applied { outcome, gave_up_on };
        }
        let target = rewritten.then(|| state.target());
        let headers = state.set.into_iter().filter_map(header).collect();
        Applied { outcome: Outcome::Continue { target, headers }, gave_up_on }
    }

    fn step(
        &self,
        rule: &CompiledRule,
        state: &mut State<'_>,
        rewritten: &mut bool,
    ) -> Result<Step, Trouble> {
        let found = rule.pattern.captures(&state.relative())?;
        let captured = match found {
            Some(_) if rule.negate => return Ok(Step::Next),
            None if !rule.negate => return Ok(Step::Next),
            found => found.unwrap_or_default(),
        };
        let empty = Captures::default();
        let mut scope = Scope {
            state,
            compiled: self,
            rule: captured,
            condition: empty,
            decoded: false,
            from_path: false,
        };
        if !scope.conditions_hold(rule)? {
            return Ok(Step::Next);
        }
        let mut set = Vec::new();
        for variable in &rule.variables {
            let present = || state.variable(&variable.name).iter().any(|piece| !piece.text.is_empty());
            if variable.replace || !present() {
                set.push((variable.name.clone(), printable(&variable.value.text(&scope)?)));
            }
        }
        let next = match &rule.action {
            CompiledAction::None => None,
            CompiledAction::Abort => return Ok(Step::End(Outcome::Abort)),
            CompiledAction::Respond { status, sub_status, reason, description } => {
                return Ok(Step::End(Outcome::Respond {
                    status: *status,
                    sub_status: *sub_status,
                    reason: printable(&reason.text(&scope)?),
                    description: description.text(&scope)?,
                }));
            }
            CompiledAction::Redirect { url, append_query, status } => {
                let made = url.url(&scope)?;
                let kind = if url.starts_with_path(scope.from_path) {
                    Kind::Path
                } else if url.literal_start().starts_with("//") {
                    Kind::Server
                } else {
                    Kind::Url
                };
                let location = scope.location(&made, kind, *append_query);
                return Ok(Step::End(Outcome::Redirect { status: *status, location }));
            }
            CompiledAction::Rewrite { url, append_query } => {
                let made = url.url(&scope)?;
                if path::is_absolute(&made) && !url.starts_with_path(scope.from_path) {
                    let problem = "it rewrites to another server, which is a reverse proxy's work".to_owned();
                    return Ok(Step::End(Outcome::Broken { rule: rule.name.clone(), problem }));
                }
                Some(scope.rewritten(&made, *append_query))
            }
        };
        state.set.extend(set);
        if let Some((path, query)) = next {
            if !*rewritten {
                state.set.push((ORIGINAL_URL.to_owned(), printable(&state.sent())));
            }
            state.path = path;
            state.query = query;
            *rewritten = true;
        }
        Ok(if rule.stop_processing { Step::Stop } else { Step::Next })
    }
}

/// What the text of a redirect can name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A path, or another server by its scheme.
    Url,
    /// A path.
    Path,
    /// Another server by `//name`.
    Server,
}

enum Step {
    Next,
    Stop,
    End(Outcome),
}

impl Scope<'_, '_> {
    fn conditions_hold(&mut self, rule: &CompiledRule) -> Result<bool, Trouble> {
        for condition in &rule.conditions {
            let (holds, captured) = self.test(condition)?;
            if let Some(captured) = captured.filter(|_| holds && !condition.negate) {
                self.decoded = condition.input.is_decoded_path();
                let from_path = condition.input.starts_with_path(self.from_path);
                if rule.track_all && !self.condition.0.is_empty() {
                    self.from_path |= from_path;
                    self.condition.0.extend(captured.0.into_iter().skip(1));
                } else {
                    self.from_path = from_path;
                    self.condition = captured;
                }
            }
            if holds == rule.any {
                return Ok(holds);
            }
        }
        Ok(!rule.any || rule.conditions.is_empty())
    }

    fn test(&self, condition: &CompiledCondition) -> Result<(bool, Option<Captures>), Trouble> {
        let input = condition.input.text(self)?;
        let (matched, captured) = match &condition.test {
            Test::Pattern(pattern) => {
                let captured = pattern.captures(&input)?;
                (captured.is_some(), captured)
            }
            Test::IsFile => (self.kind(&input) == Some(FileKind::File), None),
            Test::IsDirectory => (self.kind(&input) == Some(FileKind::Directory), None),
        };
        Ok((matched != condition.negate, captured))
    }

    /// What a physical path leads to; nothing outside the app's folder is looked at.
    fn kind(&self, physical: &str) -> Option<FileKind> {
        let files = self.state.request.files;
        let below = physical.strip_prefix(files.root()).filter(|rest| rest.starts_with('/'))?;
        if below.contains('\0') || below.split('/').any(|segment| matches!(segment, "." | "..")) {
            return None;
        }
        files.kind(below)
    }

    /// Path and query after a rewrite to `url`.
    fn rewritten(&self, url: &str, append_query: bool) -> (String, Option<String>) {
        let url = url.split('#').next().unwrap_or_default();
        let (new, own) = match url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url, None),
        };
        let path = self.rooted(new, false);
        let before = self.state.query.as_deref().filter(|_| append_query);
        (path, joined(own, before))
    }

    /// A path from the root. What was captured must not turn it into the name of another server.
    fn rooted(&self, path: &str, double: bool) -> String {
        match path.strip_prefix('/') {
            Some(_) if double => path.to_owned(),
            Some(rest) => format!("/{}", rest.trim_start_matches('/')),
            None => format!("{}/{path}", self.state.request.base),
        }
    }

    /// A `Location`.
    fn location(&self, url: &str, kind: Kind, append_query: bool) -> String {
        let (url, fragment) = match url.split_once('#') {
            Some((url, fragment)) => (url, Some(fragment)),
            None => (url, None),
        };
        let (new, own) = match url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url, None),
        };
        let mut location = match kind {
            Kind::Url if path::is_absolute(new) => new.to_owned(),
            Kind::Url | Kind::Path => self.rooted(new, false),
            Kind::Server => self.rooted(new, true),
        };
        let before = self.state.query.as_deref().filter(|_| append_query);
        if let Some(query) = joined(own, before) {
            location.push('?');
            path::encode(&mut location, &query, path::Keep::Url);
        }
        if let Some(fragment) = fragment {
            location.push('#');
            location.push_str(fragment);
        }
        location
    }
}

/// Two queries as one; an empty own query (`url?`) takes the other away only together with it.
fn joined(own: Option<&str>, before: Option<&str>) -> Option<String> {
    match (own.filter(|own| !own.is_empty()), before.filter(|before| !before.is_empty())) {
        (Some(own), Some(before)) => Some(format!("{own}&{before}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// `HTTP_X_NAME` is the request header `X-NAME`; other variables end with the rules.
fn header((name, value): (String, String)) -> Option<(String, String)> {
    let name = name.strip_prefix("HTTP_").filter(|name| !name.is_empty())?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    name.bytes().all(token).then(|| (name.replace('_', "-"), value))
}

/// A text that can stand in a header field.
fn printable(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}
