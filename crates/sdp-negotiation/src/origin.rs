//! `o=<username> <sess-id> <sess-version> IN <address type> <address>` (RFC 8866 section 5.2).

use crate::connection::Address;

/// Who wrote the description, and which version of it this is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    /// User name without spaces; `-` when there is none.
    pub username: String,
    /// Session id: the same in every description that one side writes in one call.
    pub session_id: u64,
    /// Session version: one more in each description that differs from the one before.
    pub session_version: u64,
    /// The writing host's address.
    pub address: Address,
}

impl Default for Origin {
    fn default() -> Self {
        Origin {
            username: "-".to_owned(),
            session_id: 0,
            session_version: 0,
            address: Address::default(),
        }
    }
}
