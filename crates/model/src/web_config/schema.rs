//! The attributes of `aspNetCore`: one table, from which the reader (and the reference page) derive.

/// What an attribute's value looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text; `%VAR%` is expanded when it is used.
    Text,
    /// Like `Text`, but not empty.
    NonEmpty,
    /// `true` or `false`, in any case.
    Bool,
    /// A whole number in the range.
    Number {
        /// Smallest.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// `hh:mm:ss`.
    TimeSpan {
        /// Longest, in seconds.
        most: u64,
    },
    /// `InProcess` or `OutOfProcess`, in any case; empty is the same as absent.
    HostingModel,
}

/// One attribute.
#[derive(Debug)]
pub struct Attribute {
    /// Its name, in the case that is required.
    pub name: &'static str,
    /// What its value looks like.
    pub kind: Kind,
    /// The value when it is absent; `None` when there is no such value.
    pub default: Option<&'static str>,
    /// Whether it must be there.
    pub required: bool,
    /// One sentence.
    pub doc: &'static str,
}

const fn optional(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Attribute {
    Attribute { name, kind, default: Some(default), required: false, doc }
}

/// The attributes of the `aspNetCore` element.
pub const ASP_NET_CORE: &[Attribute] = &[
    Attribute {
        name: "processPath",
        kind: Kind::NonEmpty,
        default: None,
        required: true,
        doc: "What to start: dotnet, or the app's executable.",
    },
    optional(
        "arguments",
        Kind::Text,
        "",
        "Arguments for processPath, in the syntax of a Windows command line.",
    ),
    Attribute {
        name: "hostingModel",
        kind: Kind::HostingModel,
        default: None,
        required: false,
        doc: "InProcess or OutOfProcess; absent is OutOfProcess.",
    },
    optional(
        "startupTimeLimit",
        Kind::Number { least: 0, most: 3600 },
        "120",
        "Seconds that the app may take to start.",
    ),
    optional(
        "shutdownTimeLimit",
        Kind::Number { least: 0, most: 600 },
        "10",
        "Seconds that the app may take to stop.",
    ),
    optional(
        "rapidFailsPerMinute",
        Kind::Number { least: 0, most: 100 },
        "10",
        "Crashes in a minute after which an out-of-process app is not started again.",
    ),
    optional(
        "requestTimeout",
        Kind::TimeSpan { most: 1_296_000 },
        "00:02:00",
        "How long an out-of-process app may be silent during a request.",
    ),
    optional("stdoutLogEnabled", Kind::Bool, "false", "Whether the app's output goes to stdoutLogFile."),
    optional(
        "stdoutLogFile",
        Kind::NonEmpty,
        ".\\aspnetcore-stdout",
        "Where the app's output goes; time and process id are added to the name.",
    ),
    optional(
        "processesPerApplication",
        Kind::Number { least: 1, most: 100 },
        "1",
        "How many processes an out-of-process app runs in.",
    ),
    optional(
        "forwardWindowsAuthToken",
        Kind::Bool,
        "true",
        "Whether an out-of-process app is told the Windows user.",
    ),
    optional(
        "disableStartUpErrorPage",
        Kind::Bool,
        "false",
        "Whether start failures are answered without a page.",
    ),
];

/// Attributes that IIS knows on every element.
pub(super) const UNIVERSAL: &[&str] =
    &["lockAttributes", "lockElements", "lockAllAttributesExcept", "lockAllElementsExcept", "lockItem"];

/// The elements below `aspNetCore`.
pub(super) const CHILDREN: &[&str] = &["environmentVariables", "handlerSettings", "recycleOnFileChange"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sound() {
        for (at, row) in ASP_NET_CORE.iter().enumerate() {
            assert!(row.doc.ends_with('.'), "{}", row.name);
            assert!(!(row.required && row.default.is_some()), "{}", row.name);
            assert!(ASP_NET_CORE.iter().skip(at + 1).all(|other| other.name != row.name));
        }
    }
}
