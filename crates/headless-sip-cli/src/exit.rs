//! How the command ends: the exit codes, and the one error type that carries one.

use std::fmt;

use headless_sip::{Error, WavError};

/// The exit codes of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Anything that is not below.
    Other = 1,
    /// The command line, or a file that it names, cannot be used.
    Usage = 2,
    /// The far end rejected the call.
    Rejected = 3,
    /// The user name or the password was refused.
    Unauthorized = 4,
    /// Nobody picked up, or nothing is there.
    NoAnswer = 5,
    /// The call stood, but no sound arrived.
    NoMedia = 6,
}

/// Why the command ends with another code than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The code.
    pub exit: Exit,
    /// What happened and what to do; one line for a person.
    pub message: String,
}

impl Failure {
    /// A failure with its code and what to tell.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
        }
    }

    /// A file or an option that cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure of no special kind.
    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(Exit::Other, message)
    }
}

impl From<WavError> for Failure {
    fn from(error: WavError) -> Self {
        let exit = match error {
            WavError::DiskFull { .. }
            | WavError::Write { .. }
            | WavError::TooLong { .. }
            | WavError::TooSlow { .. } => Exit::Other,
            _ => Exit::Usage,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(Exit::of(&error), reason(&error))
    }
}

/// What happened, in the words of whom it happened to.
pub(crate) fn reason(error: &Error) -> String {
    match error {
        Error::Unauthorized(detail) | Error::Timeout(detail) => detail.clone(),
        _ => error.to_string(),
    }
}

impl Exit {
    /// The code for an error of the library.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            // RFC 3261: 408 and 504 come from a proxy that nobody answered; 487 ends our own CANCEL.
            Error::Rejected {
                status: 408 | 487 | 504,
                ..
            } => Self::NoAnswer,
            Error::Rejected {
                status: 401 | 407, ..
            }
            | Error::Unauthorized(_) => Self::Unauthorized,
            Error::Rejected { .. } | Error::PeerIncompatible(_) => Self::Rejected,
            Error::Timeout(_) | Error::Transport(_) => Self::NoAnswer,
            Error::Config(_) => Self::Usage,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
