//! Benchmarks of headless-sip.
