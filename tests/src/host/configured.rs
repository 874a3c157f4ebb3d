//! What a test writes into `web.config` about an app's own processes, and what it asks such a process.

use super::{HostBuilder, TestHost};
use crate::{PATIENCE, wait};
use serde_json::Value;

/// An `<environmentVariables>` element.
pub fn variables(pairs: &[(&str, &str)]) -> String {
    list("environmentVariables", "environmentVariable", pairs)
}

/// A `<handlerSettings>` element.
pub fn handler_settings(pairs: &[(&str, &str)]) -> String {
    list("handlerSettings", "handlerSetting", pairs)
}

fn list(outer: &str, inner: &str, pairs: &[(&str, &str)]) -> String {
    let items: String = pairs
        .iter()
        .map(|(name, value)| format!("<{inner} name=\"{name}\" value=\"{}\" />", escaped(value)))
        .collect();
    format!("<{outer}>{items}</{outer}>")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// Replaces the value of an attribute that is there once.
fn set(text: &str, attribute: &str, value: &str) -> String {
    let mark = format!(" {attribute}=\"");
    let (before, rest) = text.split_once(&mark).expect("the attribute is there");
    let (_, after) = rest.split_once('"').expect("the attribute ends");
    format!("{before}{mark}{}\"{after}", escaped(value))
}

impl HostBuilder {
    /// Changes what `web.config` says is to be executed.
    #[must_use]
    pub fn process(self, process_path: &str, arguments: &str) -> Self {
        let folder = self.folder().display().to_string();
        let changed = |text: &str| {
            let text = set(text, "processPath", &process_path.replace("{folder}", &folder));
            set(&text, "arguments", &arguments.replace("{folder}", &folder))
        };
        let old = std::fs::read_to_string(self.folder().join("web.config")).expect("there is a web.config");
        let new = changed(&old);
        self.file("web.config", &new)
    }

    /// Writes an executable shell script into the app's folder.
    #[must_use]
    pub fn script(self, name: &str, text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder().join(name);
        let builder = self.file(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("the file is ours");
        builder
    }
}

impl TestHost {
    /// The id of the process that answers; the app is `unruly`.
    ///
    /// # Panics
    /// It does not answer.
    pub fn unruly_pid(&self) -> u32 {
        self.json("/")["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()).expect("there is a pid")
    }

    /// What the process was given; the app is `unruly`.
    ///
    /// # Panics
    /// It does not answer.
    pub fn unruly_environment(&self) -> Value {
        self.json("/environment")
    }

    /// How many lines of stderr contain `text` so far. Lines come a little after what they tell of.
    pub fn logged(&self, text: &str) -> usize {
        self.stderr().lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits until `count` lines of stderr contain `text`; more are a failure.
    ///
    /// # Panics
    /// There are more or fewer.
    pub fn wait_logged(&self, text: &str, count: usize) {
        self.wait_count(text, count, || self.logged(text));
    }

    /// Waits until `count` lines of stdout are this one; more are a failure.
    ///
    /// # Panics
    /// There are more or fewer.
    pub fn wait_printed_lines(&self, line: &str, count: usize) {
        self.wait_count(line, count, || self.stdout().lines().iter().filter(|other| *other == line).count());
    }

    fn wait_count(&self, what: &str, count: usize, now: impl Fn() -> usize) {
        let enough = wait::poll(PATIENCE, || (now() >= count).then_some(()));
        assert!(enough.is_some() && now() == count, "{} of {count} lines {what:?}\n{}", now(), self.story());
    }

    /// Waits until a line of stdout contains `text`.
    ///
    /// # Panics
    /// It does not come.
    pub fn wait_printed(&self, text: &str) -> String {
        let found = self.stdout().wait_for(PATIENCE, |line| line.contains(text));
        found.unwrap_or_else(|| panic!("no line with {text:?} on stdout\n{}", self.story()))
    }

    /// Waits until the app, `unruly`, is answering so many requests, this question included.
    ///
    /// # Panics
    /// It never is.
    pub fn wait_busy(&self, count: u64) {
        wait::until_true("requests inside the app", PATIENCE, || {
            self.json("/stats")["busy"].as_u64() == Some(count)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_lists() {
        assert_eq!(set("<a b=\"1\" c=\"2\" />", "c", "x\"y"), "<a b=\"1\" c=\"x&quot;y\" />");
        assert_eq!(
            handler_settings(&[("a", "<"), ("b", "")]),
            "<handlerSettings><handlerSetting name=\"a\" value=\"&lt;\" /><handlerSetting name=\"b\" value=\"\" /></handlerSettings>"
        );
        assert!(variables(&[("A", "b")]).contains("<environmentVariable name=\"A\" value=\"b\" />"));
    }
}
