//! What notifications bring, as values that print and parse: waiting messages (RFC 3842) and dialogs (RFC 4235).
//!
//! ```
//! use sip_signaling::event_package::MessageSummary;
//!
//! let told = "Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n";
//! let summary = MessageSummary::parse(told.as_bytes())?;
//! assert!(summary.waiting);
//! assert_eq!(summary.voice().map(|voice| voice.new), Some(2));
//! # Ok::<(), sip_signaling::event_package::PackageError>(())
//! ```

mod dialog_info;
mod message_summary;

pub use dialog_info::{
    DialogDirection, DialogInfo, DialogParty, DialogState, DialogTable, ReportedDialog,
};
pub use message_summary::{MessageCount, MessageSummary};

/// A body that is not what its type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notification's body cannot be read: {0}")]
pub struct PackageError(pub(crate) String);
