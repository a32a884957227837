//! Measures voice activity detection on spoken sentences in noise, and prints the table of docs/analysis.md.
//!
//! `cargo run --release -p audio-analysis --features earshot --example measure_voice`; needs `espeak-ng`.

#[path = "../tests/support/mod.rs"]
mod support;

use audio_analysis::VoiceModel;
use support::talk::{Noise, found, noisy, score, talk};

fn main() {
    let models = [
        ("energy", VoiceModel::Energy),
        #[cfg(feature = "earshot")]
        ("earshot", VoiceModel::Earshot),
    ];
    let Some(talk) = talk() else {
        eprintln!("espeak-ng is not installed");
        return;
    };
    println!(
        "| noise | SNR | detector | speech missed | pauses taken for speech | beginnings found | their error, median / 95 % |"
    );
    println!("|---|---|---|---|---|---|---|");
    for kind in [Noise::White, Noise::Coloured] {
        for snr in [20.0, 10.0, 5.0] {
            let sound = noisy(&talk, kind, snr, 1);
            for (name, model) in models {
                let score = score(&talk, &found(&sound, model));
                println!(
                    "| {} | {snr} dB | {name} | {:.1} % | {:.1} % | {:.0} % | {:.0} / {:.0} ms |",
                    format!("{kind:?}").to_lowercase(),
                    score.missed,
                    score.false_alarms,
                    score.onsets,
                    score.onset_error[0],
                    score.onset_error[1],
                );
            }
        }
    }
    let music = support::tune();
    for (name, model) in models {
        let heard: usize = found(&music, model).iter().map(|(a, b)| b - a).sum();
        println!(
            "{name}: {} % of a tune taken for speech",
            100 * heard / music.len()
        );
    }
}
