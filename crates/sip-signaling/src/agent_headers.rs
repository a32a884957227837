//! What this user agent says of itself.

/// `Allow`: the methods that are handled. Everything else is answered 405 or 501.
pub(crate) const ALLOWED_METHODS: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE";

/// `Accept` in answers to OPTIONS.
pub(crate) const ACCEPTED_TYPES: &str = "application/sdp, application/dtmf-relay";

/// `Supported`: no extension yet that a peer could rely on, so the header is empty, as RFC 3261 section 20.37 allows.
pub(crate) const SUPPORTED: &str = "";
