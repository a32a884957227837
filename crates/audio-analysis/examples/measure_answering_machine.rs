//! Measures the answering machine detection on spoken greetings, and prints the tables of docs/answering-machine.md.
//!
//! `cargo run --release -p audio-analysis --example measure_answering_machine`; needs `espeak-ng`. With `--each`, every greeting
//! that was not judged rightly.

#[path = "../tests/support/mod.rs"]
mod support;

use audio_analysis::{Answerer, Opinion};
use support::greetings::{Answer, Judgement, answers, judge};

const NOISES: [(&str, f32); 4] = [
    ("none", f32::INFINITY),
    ("20 dB", 20.0),
    ("15 dB", 15.0),
    ("10 dB", 10.0),
];
/// Others than those by which the thresholds were set: other voices for each text, other pauses, beeps and noise.
const SEEDS: [u64; 3] = [1, 2, 3];
const ANSWERERS: [Answerer; 3] = [Answerer::Human, Answerer::Machine, Answerer::Unknown];

fn main() {
    let each = std::env::args().any(|argument| argument == "--each");
    println!(
        "| noise | greeting of | n | after 2 s: human | machine | unknown | decided: human | machine | unknown | after s, mean | beeps found | their end off by, mean |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    for (name, snr) in NOISES {
        let Some(answers) = SEEDS
            .into_iter()
            .map(|seed| answers(snr, seed))
            .collect::<Option<Vec<_>>>()
        else {
            eprintln!("espeak-ng is not installed");
            return;
        };
        let judged: Vec<(Answer, Judgement)> = answers
            .into_iter()
            .flatten()
            .map(|answer| {
                let judgement = judge(&answer);
                (answer, judgement)
            })
            .collect();
        for by in [Answerer::Human, Answerer::Machine] {
            let those: Vec<_> = judged
                .iter()
                .filter(|(answer, _)| answer.by == by)
                .collect();
            print_row(name, by, &those);
        }
        for (answer, judgement) in judged.iter().filter(|_| each) {
            if answer.beep_end.is_some_and(|end| {
                judgement
                    .beep_end
                    .is_none_or(|told| told.abs_diff(end).as_millis() > 40)
            }) {
                println!(
                    "beep {:?} {:?} {}",
                    answer.beep_end, judgement.beep_end, answer.text
                );
            }
        }
        for (answer, judgement) in judged.iter().filter(|_| each) {
            if let Some(decided) = judgement.decided
                && decided.answerer != answer.by
            {
                println!("{:?} {} -> {decided:?}", answer.by, answer.text);
            }
        }
    }
}

fn print_row(noise: &str, by: Answerer, those: &[&(Answer, Judgement)]) {
    let count = |opinion: fn(&Judgement) -> Option<Opinion>| {
        ANSWERERS.map(|answerer| {
            those
                .iter()
                .filter(|(_, judgement)| {
                    opinion(judgement).map_or(Answerer::Unknown, |o| o.answerer) == answerer
                })
                .count()
                .to_string()
        })
    };
    let times: Vec<f32> = those
        .iter()
        .filter_map(|(_, judgement)| Some(judgement.named?.as_secs_f32()))
        .collect();
    let beeps: Vec<f32> = those
        .iter()
        .filter_map(|(answer, judgement)| {
            Some(judgement.beep_end?.abs_diff(answer.beep_end?).as_secs_f32() * 1000.0)
        })
        .collect();
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let found = those
        .iter()
        .filter(|(_, judgement)| judgement.beep_end.is_some())
        .count();
    let off = match by {
        Answerer::Machine => format!("{:.0} ms", mean(&beeps)),
        _ => "-".to_owned(),
    };
    println!(
        "| {noise} | {} | {} | {} | {} | {:.1} | {found} | {off} |",
        format!("{by:?}").to_lowercase(),
        those.len(),
        count(|judgement| judgement.at_2_s).join(" | "),
        count(|judgement| judgement.decided).join(" | "),
        mean(&times),
    );
}
