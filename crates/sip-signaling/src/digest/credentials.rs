//! A user name and a password.

use std::fmt;

/// Credentials of one account. `Debug` never shows the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name in the digest (the authentication name, where a provider gives one beside the number).
    pub username: String,
    /// Password.
    pub password: String,
    /// The only realm that is answered; `None` answers the first realm that challenges, and from then on only that one.
    pub realm: Option<String>,
}

impl Credentials {
    /// Credentials for whatever realm the registrar or proxy names.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Credentials {
        Credentials {
            username: username.into(),
            password: password.into(),
            realm: None,
        }
    }

    /// The same, for one realm only.
    pub fn with_realm(mut self, realm: impl Into<String>) -> Credentials {
        self.realm = Some(realm.into());
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("password", &"…")
            .field("realm", &self.realm)
            .finish()
    }
}
