//! What this user agent says of itself.

/// `Allow`: the methods that are handled. Everything else is answered 405 or 501.
pub(crate) const ALLOWED_METHODS: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, REFER, SUBSCRIBE, NOTIFY";

/// The media type of offers and answers.
pub(crate) const SESSION_TYPE: &str = "application/sdp";

/// `Accept` in answers to OPTIONS.
pub(crate) const ACCEPTED_TYPES: &str =
    "application/sdp, application/dtmf-relay, application/dtmf, text/plain";

/// `Supported`: the extensions that a peer may require.
pub(crate) const SUPPORTED: &str = "100rel, replaces, timer";
