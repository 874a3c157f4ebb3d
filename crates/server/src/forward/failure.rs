//! Why a request could not be forwarded, in the words that the log and the client get.

use std::io;
use std::time::Duration;

use crate::error::BodyError;
use crate::pages::Page;

/// What was being waited for when the time was over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    Connect,
    Take,
    Answer,
    More,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) enum Failure {
    /// No request is begun on the upstream any more.
    Closed,
    Connect(io::Error),
    /// The upstream ended the connection before its answer.
    NoAnswer,
    Reset,
    TimedOut(Wait, Duration),
    Malformed(&'static str),
    HeadTooLarge,
    TooManyFields,
    /// The upstream ended the connection within its answer.
    Short,
    /// The client's body cannot be had; the client's fault.
    Client(BodyError),
}

impl Failure {
    /// One sentence that holds nothing secret.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Closed => "The application's process is being stopped and takes no more requests.".into(),
            Self::Connect(error) => {
                format!("Could not connect to the application's process: {}.", plain(error))
            }
            Self::NoAnswer => "The application's process closed the connection before it answered.".into(),
            Self::Reset => {
                "The application's process reset the connection before its answer was complete.".into()
            }
            Self::TimedOut(wait, limit) => {
                let what = match wait {
                    Wait::Connect => "did not accept the connection",
                    Wait::Take => "did not take the request's body",
                    Wait::Answer => "gave no answer",
                    Wait::More => "did not go on with its answer",
                };
                format!(
                    "The application's process {what} within requestTimeout of {} s.",
                    limit.as_secs_f64()
                )
            }
            Self::Malformed(what) => format!("The application's process sent a malformed answer: {what}."),
            Self::HeadTooLarge => {
                "The application's process sent an answer whose head is larger than 64 KiB.".into()
            }
            Self::TooManyFields => {
                "The application's process sent an answer with more than 256 header fields.".into()
            }
            Self::Short => "The application's process ended the connection within its answer.".into(),
            Self::Client(error) => {
                let error = error.to_string();
                let mut chars = error.chars();
                let first = chars.next().map(|first| first.to_ascii_uppercase());
                first.into_iter().chain(chars).chain(['.']).collect()
            }
        }
    }

    fn cure(&self) -> &'static str {
        match self {
            Self::Closed => "Send the request again: another process takes over if one is configured to.",
            Self::Connect(_) => {
                "Look into the application's log: its process may have ended, or may not listen where it was told to (ASPNETCORE_PORT)."
            }
            Self::NoAnswer | Self::Reset | Self::Short => {
                "Look into the application's log: its process may have crashed, or been stopped, while it worked on this request."
            }
            Self::TimedOut(..) => {
                "Find out what the application waits for, or raise requestTimeout of <aspNetCore> in web.config."
            }
            Self::Malformed(_) => {
                "Make sure that the process that listens on the application's port speaks HTTP/1.1, and look into its log."
            }
            Self::HeadTooLarge | Self::TooManyFields => {
                "Have the application send fewer or smaller header fields; cookies are the usual cause."
            }
            Self::Client(BodyError::TooLarge) => "Send a smaller body, or raise the limit.",
            Self::Client(_) => "Send the request again.",
        }
    }

    /// Whose fault it was decides the status.
    pub(super) fn is_upstreams(&self) -> bool {
        !matches!(self, Self::Client(_))
    }

    /// What the client gets when its response has not begun.
    pub(super) fn page(&self) -> Page {
        let (status, title) = match self {
            Self::Client(BodyError::TooLarge) => (413, "The request body is too large"),
            Self::Client(BodyError::TimedOut) => (408, "The request body was not sent in time"),
            Self::Client(_) => (400, "The request body is malformed"),
            Self::Connect(_) => (502, "The application cannot be reached"),
            Self::Closed => (502, "The application is being stopped"),
            Self::NoAnswer | Self::Reset | Self::Short => (502, "The application ended without an answer"),
            Self::TimedOut(..) => (502, "The application did not answer in time"),
            Self::Malformed(_) | Self::HeadTooLarge | Self::TooManyFields => {
                (502, "The application's answer cannot be used")
            }
        };
        Page {
            status,
            sub_status: if self.is_upstreams() { 3 } else { 0 },
            title: title.into(),
            cause: self.sentence(),
            cure: self.cure().into(),
            ..Page::default()
        }
    }
}

/// The error without the system's numbers.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing listens on its port (connection refused)".into(),
        io::ErrorKind::AddrNotAvailable => "this machine has no free local port left".into(),
        _ => match error.raw_os_error() {
            Some(number) => {
                let text = error.to_string();
                text.strip_suffix(&format!(" (os error {number})")).unwrap_or(&text).to_lowercase()
            }
            None => error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_says_what_and_what_to_do() {
        let all = [
            Failure::Closed,
            Failure::Connect(io::ErrorKind::ConnectionRefused.into()),
            Failure::Connect(io::Error::from_raw_os_error(24)),
            Failure::NoAnswer,
            Failure::Reset,
            Failure::TimedOut(Wait::Connect, Duration::from_millis(1500)),
            Failure::TimedOut(Wait::Take, Duration::from_secs(1)),
            Failure::TimedOut(Wait::Answer, Duration::from_secs(120)),
            Failure::TimedOut(Wait::More, Duration::from_secs(120)),
            Failure::Malformed("the status line cannot be read"),
            Failure::HeadTooLarge,
            Failure::TooManyFields,
            Failure::Short,
            Failure::Client(BodyError::Malformed),
            Failure::Client(BodyError::TooLarge),
            Failure::Client(BodyError::TimedOut),
        ];
        let mut seen = std::collections::HashSet::new();
        for failure in &all {
            let page = failure.page();
            assert!(page.cause.ends_with('.') && !page.cause.contains("os error"), "{}", page.cause);
            assert!(page.cause.starts_with(char::is_uppercase), "{}", page.cause);
            assert!(!page.cure.is_empty() && !page.title.is_empty());
            assert_eq!(
                page.code(),
                if failure.is_upstreams() { "502.3".into() } else { page.status.to_string() }
            );
            assert!(seen.insert(page.cause.clone()), "{}", page.cause);
        }
        let limit = Failure::TimedOut(Wait::Answer, Duration::from_secs(120));
        assert!(limit.sentence().contains("requestTimeout of 120 s"));
    }
}
