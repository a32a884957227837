//! Each target on its seeds and on 50,000 mutations of them, on any compiler.

use std::panic::{AssertUnwindSafe, catch_unwind};

use headless_sip_fuzz::mutate::Mutator;
use headless_sip_fuzz::{corpus, fuzz_rtcp, fuzz_rtp, fuzz_sdp};

const RUNS: usize = 50_000;

#[track_caller]
fn check(name: &str, target: fn(&[u8])) {
    let seeds = corpus::seeds(name).unwrap();
    assert!(!seeds.is_empty(), "no seeds for {name}");
    for (file, input) in &seeds {
        run(target, input, file);
    }
    let inputs = seeds.into_iter().map(|(_, input)| input).collect();
    let mut mutator = Mutator::new(0x5eed, inputs);
    for number in 0..RUNS {
        run(target, &mutator.next_input(), &format!("mutation {number}"));
    }
}

/// Prints the input that broke the target, ready to become a seed.
fn run(target: fn(&[u8]), input: &[u8], name: &str) {
    if let Err(cause) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        eprintln!("{name} broke the target; input in hex: {hex}");
        std::panic::resume_unwind(cause);
    }
}

#[test]
fn no_rtp_breaks_a_session() {
    check("fuzz_rtp", fuzz_rtp);
}

#[test]
fn no_rtcp_breaks_a_session() {
    check("fuzz_rtcp", fuzz_rtcp);
}

#[test]
fn no_sdp_breaks_a_negotiation() {
    check("fuzz_sdp", fuzz_sdp);
}
