//! Fuzz targets: whatever bytes come from the network, nothing panics, hangs or forgets how to go on.
//!
//! Each target is a plain function, so that libFuzzer, the tests of this crate and a debugger can all call it.

mod live_session;
mod rtcp;
mod rtp;
mod sdp;

pub mod corpus;
pub mod mutate;

pub use rtcp::fuzz_rtcp;
pub use rtp::fuzz_rtp;
pub use sdp::fuzz_sdp;

/// Runs `target` on each file named on the command line: how a crash is looked at again.
///
/// # Errors
///
/// A file that cannot be read.
pub fn replay(target: fn(&[u8])) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        target(&std::fs::read(&path)?);
        println!("{}: survived", path.display());
    }
    Ok(())
}
