//! The command `headless-sip`.

fn main() {}
