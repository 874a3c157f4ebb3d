//! `App.runtimeconfig.json`: which frameworks an app wants. Only what the host must know; hostfxr reads the rest.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A framework and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framework {
    /// `Microsoft.AspNetCore.App`…
    pub name: String,
    /// `9.0.0`…
    pub version: String,
}

impl std::fmt::Display for Framework {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// What the file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimeConfig {
    /// `net9.0`…
    pub tfm: Option<String>,
    /// Frameworks wanted from an installation.
    pub frameworks: Vec<Framework>,
    /// Frameworks that a self-contained app brings along.
    pub included: Vec<Framework>,
}

/// The file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeConfigError {
    /// It is there but cannot be read.
    #[error("{path} cannot be read: {why}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// It is not JSON.
    #[error("{path}:{line}:{column}: {what}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// It is JSON, but not as hostfxr expects it.
    #[error("{path}: {what}")]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl RuntimeConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read or is malformed.
    pub fn read(path: &Path) -> Result<Self, RuntimeConfigError> {
        let text = std::fs::read(path).map_err(|error| RuntimeConfigError::Unreadable {
            path: path.to_owned(),
            why: super::resolver::plain(&error),
        })?;
        Self::parse(path, &text)
    }

    fn parse(path: &Path, text: &[u8]) -> Result<Self, RuntimeConfigError> {
        let shape = |what: &str| RuntimeConfigError::Shape { path: path.to_owned(), what: what.to_owned() };
        let text = blank_comments(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        let json: Value = serde_json::from_slice(&text).map_err(|error| {
            let message = error.to_string();
            RuntimeConfigError::Syntax {
                path: path.to_owned(),
                line: error.line(),
                column: error.column(),
                what: message.rsplit_once(" at line ").map_or(message.as_str(), |(what, _)| what).to_owned(),
            }
        })?;
        let options = json.get("runtimeOptions").ok_or_else(|| shape("`runtimeOptions` is missing"))?;
        if !options.is_object() {
            return Err(shape("`runtimeOptions` is not an object"));
        }
        let list = |key: &str| -> Result<Vec<Framework>, RuntimeConfigError> {
            match options.get(key) {
                None | Some(Value::Null) => Ok(Vec::new()),
                Some(Value::Array(items)) => items.iter().map(|item| framework(item, key, &shape)).collect(),
                Some(_) => Err(shape(&format!("`{key}` is not a list"))),
            }
        };
        let mut frameworks = list("frameworks")?;
        if let Some(one) = options.get("framework").filter(|value| !value.is_null()) {
            frameworks.insert(0, framework(one, "framework", &shape)?);
        }
        let included = list("includedFrameworks")?;
        if !frameworks.is_empty() && !included.is_empty() {
            return Err(shape("has both `frameworks` and `includedFrameworks`"));
        }
        let tfm = options.get("tfm").and_then(Value::as_str).map(str::to_owned);
        Ok(Self { tfm, frameworks, included })
    }
}

fn framework(
    item: &Value,
    key: &str,
    shape: &dyn Fn(&str) -> RuntimeConfigError,
) -> Result<Framework, RuntimeConfigError> {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    match (text("name"), text("version")) {
        (Some(name), Some(version)) => Ok(Framework { name, version }),
        _ => Err(shape(&format!("an entry of `{key}` has no `name` and `version`"))),
    }
}

/// Replaces `//` and `/* */` comments, which hostfxr accepts, by blanks, so that positions stay.
fn blank_comments(text: &[u8]) -> Vec<u8> {
    let mut out = text.to_vec();
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = text.get(at) {
        let rest = text.get(at..).unwrap_or_default();
        let end = match byte {
            b'"' => {
                in_string = !in_string;
                None
            }
            b'\\' if in_string => {
                at += 1;
                None
            }
            b'/' if !in_string && rest.starts_with(b"//") => {
                Some(at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()))
            }
            b'/' if !in_string && rest.starts_with(b"/*") => {
                let close = rest.get(2..).unwrap_or_default().windows(2).position(|pair| pair == b"*/");
                Some(close.map_or(text.len(), |close| at + close + 4))
            }
            _ => None,
        };
        if let Some(end) = end {
            out.iter_mut().take(end).skip(at).filter(|b| **b != b'\n').for_each(|b| *b = b' ');
            at = end;
        } else {
            at += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<RuntimeConfig, RuntimeConfigError> {
        RuntimeConfig::parse(Path::new("App.runtimeconfig.json"), text.as_bytes())
    }

    #[test]
    fn reads_what_publish_writes() {
        let config = parse(
            "\u{feff}{ \"runtimeOptions\": { \"tfm\": \"net9.0\", // why\n \"frameworks\": [ /* \" */\n\
             {\"name\": \"Microsoft.NETCore.App\", \"version\": \"9.0.0\"},\n\
             {\"name\": \"Microsoft.AspNetCore.App\", \"version\": \"9.0.0\"}],\n\
             \"configProperties\": {\"url\": \"http://x/*\", \"q\": \"\\\"//\"} } }",
        )
        .unwrap();
        assert_eq!(config.tfm.as_deref(), Some("net9.0"));
        assert_eq!(config.frameworks[1].to_string(), "Microsoft.AspNetCore.App 9.0.0");
        let one = parse(r#"{"runtimeOptions":{"framework":{"name":"A","version":"1.0.0"}}}"#).unwrap();
        assert_eq!(one.frameworks.len(), 1);
        let own =
            parse(r#"{"runtimeOptions":{"includedFrameworks":[{"name":"A","version":"1.0.0"}]}}"#).unwrap();
        assert_eq!((own.frameworks.len(), own.included.len()), (0, 1));
    }

    #[test]
    fn says_where_it_is_broken() {
        let cases = [
            ("{\"runtimeOptions\":\n  {\"tfm\" \"net9.0\"}}", "App.runtimeconfig.json:2:10: expected `:`"),
            ("", "App.runtimeconfig.json:1:0: EOF while parsing a value"),
            ("{} x", "App.runtimeconfig.json:1:4: trailing characters"),
            ("/*", "App.runtimeconfig.json:1:2: EOF while parsing a value"),
            ("{}", "App.runtimeconfig.json: `runtimeOptions` is missing"),
            ("{\"runtimeOptions\":[]}", "App.runtimeconfig.json: `runtimeOptions` is not an object"),
            (
                "{\"runtimeOptions\":{\"framework\":{\"name\":\"A\"}}}",
                "App.runtimeconfig.json: an entry of `framework` has no `name` and `version`",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).unwrap_err().to_string(), expected);
        }
    }
}
