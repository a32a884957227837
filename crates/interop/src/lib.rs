//! Interoperability tests of headless-sip against real SIP programs.
