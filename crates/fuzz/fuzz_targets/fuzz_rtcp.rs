//! libFuzzer's entry to `fuzz_rtcp`; on a stable compiler it runs the files named on the command line.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| headless_sip_fuzz::fuzz_rtcp(data));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    headless_sip_fuzz::replay(headless_sip_fuzz::fuzz_rtcp)
}
