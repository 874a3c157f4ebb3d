//! Which responses are compressed, and how. What is asked here are heads only: the bytes are the server's.

mod coding;
mod media;

use serde::{Deserialize, Serialize};

pub use coding::{Coding, Codings};
pub use media::MediaTypes;

/// How the responses of a site are compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compression {
    /// What may be used; of those that a client likes equally, the first.
    pub codings: Codings,
    /// What is compressed.
    pub types: MediaTypes,
    /// Bodies that are known to have fewer bytes stay as they are.
    pub least_bytes: u64,
}

impl Default for Compression {
    fn default() -> Self {
        Self { codings: Codings::default(), types: MediaTypes::default(), least_bytes: 1024 }
    }
}
