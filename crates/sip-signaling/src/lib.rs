//! SIP registrations and calls: a user agent whose bodies are bytes.
