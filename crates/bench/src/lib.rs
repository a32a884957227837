//! Benchmarks of headless-sip.
//!
//! - `cargo bench -p headless-sip-bench` times the functions of the hot path: G.711, resampling, RTP, the jitter buffer, SDP.
//! - `cargo run --release -p headless-sip-bench --bin call-load` runs many calls' media against a peer process and tells what
//!   a call costs in CPU time and memory; `--help` lists its options.
//! - `cargo run --release -p headless-sip-bench --bin call-setup` takes calls that SIPp makes and tells what taking one costs.
//! - `cargo xtask bench sound` plays speech through seven networks in virtual time and tells delay, loss, PESQ and CPU time.

pub mod cpu;
