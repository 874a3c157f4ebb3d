//! What supervisor and worker say to each other.

mod protocol;
mod rules;

pub(crate) use protocol::{
    AppSpec, Authentication, ConfiguredVariables, Ending, FailurePage, Hosted, Launch, ListenerSpec,
    OfflinePage, PageSpec, ProcessSpec, Report, Role, StdoutLog, SupervisorMessage, TlsId, TlsSpecs, Vitals,
    WorkerMessage, WorkerSpec,
};
pub(crate) use rules::{AccessRules, AnswerRules, Audience, HttpsRules, SiteRules};

use mews_process::handoff::HandoffError;
use serde::{Serialize, de::DeserializeOwned};

/// A control message could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// The channel.
    #[error(transparent)]
    Channel(#[from] HandoffError),
    /// The system.
    #[error(transparent)]
    System(#[from] std::io::Error),
    /// The contents.
    #[error("a control message cannot be understood: {0}")]
    Contents(#[from] serde_json::Error),
}

/// A message as a payload.
pub(crate) fn encode(message: &impl Serialize) -> Result<Vec<u8>, ControlError> {
    Ok(serde_json::to_vec(message)?)
}

/// A payload as a message.
pub(crate) fn decode<T: DeserializeOwned>(payload: &[u8]) -> Result<T, ControlError> {
    Ok(serde_json::from_slice(payload)?)
}
