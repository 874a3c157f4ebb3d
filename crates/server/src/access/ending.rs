//! The ways in which a request can end, in the words and numbers of the field.

use crate::http1::Rejection;

/// How a request that reached the handler ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Everything of its response has been handed to the kernel.
    Complete,
    /// The client has left before.
    ClientGone,
    /// The handler gave it up.
    Aborted,
    /// The client took the response too slowly.
    TooSlow,
}

impl Ending {
    /// The number that Windows has for it, as IIS logs it.
    pub(crate) fn win32(self) -> u32 {
        match self {
            Self::Complete => 0,
            // ERROR_NETNAME_DELETED
            Self::ClientGone => 64,
            // ERROR_CONNECTION_ABORTED
            Self::Aborted => 1236,
            // ERROR_SEM_TIMEOUT
            Self::TooSlow => 121,
        }
    }

    /// The word that HTTP.sys has for it in its error log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Complete => "",
            Self::ClientGone => "Connection_Dropped",
            Self::Aborted => "Connection_Abandoned_By_AppPool",
            Self::TooSlow => "Timer_MinBytesPerSecond",
        }
    }

    /// What is logged as the status of a response that was never begun.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::ClientGone => 499,
            _ => 0,
        }
    }
}

/// Why a connection ended without a request that could be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The request was refused.
    Rejected(Rejection),
    /// The TLS handshake failed.
    Handshake,
    /// The TLS handshake took too long.
    HandshakeTimeout,
    /// The client's address had too many connections for an answer.
    Address,
}

impl Cause {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Rejected(rejection) => rejection.status,
            Self::Handshake | Self::HandshakeTimeout | Self::Address => 0,
        }
    }

    pub(crate) fn win32(self) -> u32 {
        match self {
            Self::Rejected(rejection) if rejection.status != 408 => 0,
            // ERROR_CONNECTION_COUNT_LIMIT
            Self::Address => 1238,
            // ERROR_SEM_TIMEOUT
            Self::Rejected(_) | Self::HandshakeTimeout => 121,
            // SEC_E_ILLEGAL_MESSAGE
            Self::Handshake => 0x8009_0326,
        }
    }

    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Rejected(rejection) => match rejection.status {
                408 => "Timer_HeaderWait",
                413 => "EntityTooLarge",
                414 => "URL_Length",
                431 => "RequestLength",
                501 => "Verb",
                503 => "ConnLimit",
                505 => "Version_N/S",
                _ => "BadRequest",
            },
            Self::Handshake => "TLS_Handshake",
            Self::HandshakeTimeout => "Timer_TLS_Handshake",
            Self::Address => "ConnLimit",
        }
    }
}
