//! The two hosting models and their spelling.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where an application runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HostingModel {
    /// Inside the worker process.
    InProcess,
    /// In a process of its own, which requests are forwarded to.
    OutOfProcess,
}

/// The text names no hosting model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a hosting model; write InProcess or OutOfProcess")]
pub struct UnknownHostingModel(pub String);

impl FromStr for HostingModel {
    type Err = UnknownHostingModel;

    /// Reads `InProcess` or `OutOfProcess` in any case.
    fn from_str(text: &str) -> Result<Self, UnknownHostingModel> {
        if text.eq_ignore_ascii_case("inprocess") {
            Ok(Self::InProcess)
        } else if text.eq_ignore_ascii_case("outofprocess") {
            Ok(Self::OutOfProcess)
        } else {
            Err(UnknownHostingModel(text.to_owned()))
        }
    }
}

impl fmt::Display for HostingModel {
    /// `in-process`, `out-of-process`: for sentences.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InProcess => "in-process",
            Self::OutOfProcess => "out-of-process",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_case_is_read() {
        for text in ["InProcess", "inprocess", "INPROCESS"] {
            assert_eq!(text.parse(), Ok(HostingModel::InProcess));
        }
        assert_eq!("outOfProcess".parse(), Ok(HostingModel::OutOfProcess));
    }

    #[test]
    fn anything_else_is_named() {
        for text in ["", "in-process", "foo", " inprocess"] {
            let error = text.parse::<HostingModel>().unwrap_err();
            assert!(error.to_string().contains("InProcess or OutOfProcess"));
        }
    }
}
