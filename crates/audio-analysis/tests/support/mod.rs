//! Sounds for the tests and examples: noise, spoken text by `espeak-ng`, recorded prompts where they are installed.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test and example uses its part"
)]

use std::f64::consts::PI;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

pub mod greetings;
pub mod talk;

/// The rate of everything here, Hz.
pub const RATE: u32 = 8000;
/// Where Debian's asterisk-core-sounds-en-wav has its prompts.
const PROMPTS: &str = "/usr/share/asterisk/sounds/en";

/// Samples in `ms` milliseconds.
pub fn samples(ms: usize) -> usize {
    RATE as usize / 1000 * ms
}

/// White Gaussian noise of the root mean square `rms`; the same for the same seed.
pub fn noise(seed: u64, length: usize, rms: f32) -> Vec<f32> {
    let mut rng = StdRng::seed_from_u64(seed);
    (0..length)
        .map(|_| {
            let sum: f32 = (0..12).map(|_| rng.random::<f32>() - 0.5).sum();
            sum * rms
        })
        .collect()
}

/// Noise with the slope of a room or a street: white through one pole at 500 Hz.
pub fn coloured_noise(seed: u64, length: usize, rms: f32) -> Vec<f32> {
    let mut last = 0.0;
    let mut noise: Vec<f32> = noise(seed, length, 1.0)
        .into_iter()
        .map(|sample| {
            last += 0.32 * (sample - last);
            last
        })
        .collect();
    let gain = rms / root_mean_square(&noise);
    noise.iter_mut().for_each(|sample| *sample *= gain);
    noise
}

pub fn root_mean_square(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len().max(1) as f32).sqrt()
}

/// Root mean square of the parts that sound: of 20 ms windows within 25 dB of the loudest.
pub fn active_level(samples: &[f32]) -> f32 {
    let powers: Vec<f32> = samples
        .chunks(160)
        .map(|window| root_mean_square(window).powi(2))
        .collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    let active: Vec<f32> = powers
        .into_iter()
        .filter(|power| *power > loudest / 316.0)
        .collect();
    (active.iter().sum::<f32>() / active.len().max(1) as f32).sqrt()
}

pub fn add(samples: &mut [f32], more: &[f32]) {
    samples.iter_mut().zip(more).for_each(|(a, b)| *a += b);
}

/// What `espeak-ng` makes of a text.
#[derive(Clone, Copy, Debug)]
pub struct Voice {
    /// As in `espeak-ng -v`.
    pub name: &'static str,
    /// Words a minute.
    pub speed: u32,
    /// 0 to 99.
    pub pitch: u32,
}

/// Men and women of several accents, slow to fast.
pub const VOICES: [Voice; 8] = [
    voice("en-us", 165, 45),
    voice("en-us+f2", 175, 60),
    voice("en-gb+m3", 160, 40),
    voice("en-gb+f4", 185, 65),
    voice("en-gb-scotland+m7", 170, 35),
    voice("en-029+f3", 155, 55),
    voice("en-gb-x-rp+m1", 195, 50),
    voice("en-us+f5", 150, 70),
];

const fn voice(name: &'static str, speed: u32, pitch: u32) -> Voice {
    Voice { name, speed, pitch }
}

/// `text` spoken, of telephone bandwidth and -20 dBFS while it sounds, without silence around it. `None` where `espeak-ng` is not installed.
pub fn spoken(text: &str, voice: Voice) -> Option<Vec<f32>> {
    let output = Command::new("espeak-ng")
        .args(["--stdout", "-v", voice.name])
        .args(["-s", &voice.speed.to_string()])
        .args(["-p", &voice.pitch.to_string()])
        .arg(text)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    // A canonical header of 44 bytes; its length fields are not set on a pipe.
    let (header, body) = output.stdout.split_at_checked(44)?;
    let rate = u32::from_le_bytes(header[24..28].try_into().ok()?);
    let wide: Vec<f32> = body
        .chunks_exact(2)
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])) / 32768.0)
        .collect();
    let mut samples = trimmed(telephone_band(&wide, rate));
    let gain = 0.1 / active_level(&samples).max(1e-6);
    samples
        .iter_mut()
        .for_each(|sample| *sample = (*sample * gain).clamp(-1.0, 1.0));
    Some(samples)
}

/// Without what is 40 dB below the loudest at the start and the end.
fn trimmed(samples: Vec<f32>) -> Vec<f32> {
    let loudest = samples.iter().fold(0f32, |a, s| a.max(s.abs()));
    let heard = |sample: &f32| sample.abs() > loudest / 100.0;
    match (
        samples.iter().position(heard),
        samples.iter().rposition(heard),
    ) {
        (Some(first), Some(last)) => samples[first..=last].to_vec(),
        _ => samples,
    }
}

/// 300 to 3400 Hz, at 8 kHz.
fn telephone_band(wide: &[f32], rate: u32) -> Vec<f32> {
    // 8000 Hz are 160 places between 441 samples of espeak's 22,050 Hz; the nearest place serves other rates.
    const PLACES: usize = 160;
    let rate = f64::from(rate);
    let half = (rate / 200.0) as usize;
    let low_pass = |hz: f64, distance: f64| {
        let x = 2.0 * PI * hz / rate * distance;
        2.0 * hz / rate * if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
    };
    let rows: Vec<Vec<f32>> = (0..PLACES)
        .map(|place| {
            (0..2 * half)
                .map(|tap| {
                    let distance = tap as f64 - half as f64 + 1.0 - place as f64 / PLACES as f64;
                    let taper = 0.5 + 0.5 * (PI * distance / half as f64).cos();
                    (taper * (low_pass(3400.0, distance) - low_pass(300.0, distance))) as f32
                })
                .collect()
        })
        .collect();
    let mut padded = vec![0.0; half - 1];
    padded.extend_from_slice(wide);
    padded.resize(padded.len() + half + 1, 0.0);
    (0..(wide.len() as f64 / rate * 8000.0) as usize)
        .map(|n| {
            let middle = n as f64 * rate / 8000.0;
            let row = &rows[(middle.fract() * PLACES as f64) as usize];
            let window = &padded[middle as usize..];
            row.iter().zip(window).map(|(c, s)| c * s).sum()
        })
        .collect()
}

/// Ten minutes and more of speech in all voices, with pauses; `None` where `espeak-ng` is not installed.
pub fn ten_minutes_of_speech() -> Option<Vec<f32>> {
    let mut speech = Vec::new();
    let mut round = 0;
    while speech.len() < samples(600_000) {
        for (n, text) in TEXTS.iter().enumerate() {
            let voice = VOICES[(round + n) % VOICES.len()];
            speech.extend(spoken(text, voice)?);
            speech.resize(speech.len() + samples(300 + 100 * n), 0.0);
        }
        round += 1;
    }
    Some(speech)
}

/// All recorded prompts, one after another; empty where they are not installed.
pub fn prompts() -> Vec<f32> {
    let mut files: Vec<_> = fs::read_dir(Path::new(PROMPTS))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path
                .file_stem()
                .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
            path.extension().is_some_and(|ext| ext == "wav") && !name.starts_with("beep")
        })
        .collect();
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let Ok(mut wav) = hound::WavReader::open(&file) else {
            continue;
        };
        if wav.spec().sample_rate != RATE {
            continue;
        }
        all.extend(
            wav.samples::<i16>()
                .flatten()
                .map(|sample| f32::from(sample) / 32768.0),
        );
        all.resize(all.len() + samples(200), 0.0);
    }
    all
}

/// Twenty seconds of a played tune with its octaves, in the manner of music on hold.
pub fn tune() -> Vec<f32> {
    const NOTES: [i32; 16] = [7, 7, 8, 10, 10, 8, 7, 5, 3, 3, 5, 7, 0, -2, 0, -5];
    let mut tune = Vec::new();
    for round in 0..4 {
        for note in NOTES {
            let hz = 440.0 * 2f32.powf((note - 5 * round) as f32 / 12.0);
            let length = samples(300);
            let mut partials = [1.0, 2.0, 3.0]
                .map(|n| audio_analysis::ToneGenerator::new(RATE, hz * n, 0.25 / n / n));
            tune.extend((0..length).map(|n| {
                let along = n as f32 / length as f32;
                let sound: f32 = partials.iter_mut().map(|p| p.next_sample()).sum();
                sound * (along * 50.0).min(1.0) * (1.0 - along)
            }));
        }
    }
    tune
}

const TEXTS: [&str; 6] = [
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background. It is easy to tell the depth of a well. \
     These days a chicken leg is a rare dish. Rice is often served in round bowls. The juice of lemons makes fine punch.",
    "Thank you for calling. Our offices are open from nine in the morning until half past five, Monday to Friday. For questions on your \
     invoice, please have your customer number at hand: it has eight digits and stands at the top right of every letter.",
    "I told him we would meet at the station, you know, the one by the river, but he never came. So I waited for an hour, maybe more, and \
     then I took the bus home. Ooh, it was cold! Anyway, how are you? What did the doctor say?",
    "Zero, one, two, three, four, five, six, seven, eight, nine, ten. Alpha, bravo, charlie, delta, echo, foxtrot, golf, hotel, india, \
     juliet, kilo, lima, mike, november, oscar, papa, quebec, romeo, sierra, tango, uniform, victor, whiskey, x-ray, yankee, zulu.",
    "We use cookies and whistles, flutes and fiddles, bees that buzz and see-saws that squeak. Who knew that the moon was blue? \
     She sells sea shells by the sea shore, and the shells that she sells are sea shells, I am sure.",
    "Four score and seven years ago our fathers brought forth on this continent a new nation, conceived in liberty, and dedicated to the \
     proposition that all men are created equal. Now we are engaged in a great civil war.",
];
