//! What goes out is what was said, in time and without clicks.

use std::f32::consts::TAU;

use audio_codecs::Pcmu;

use super::*;
use crate::UtteranceId;

const FRAME: usize = 160;

struct Rig {
    playback: Arc<Playback>,
    path: CapturePath,
    sent: Vec<f32>,
}

impl Rig {
    fn new() -> Self {
        let playback = Arc::new(Playback::new(Duration::from_secs(30)));
        let format = MediaFormat::new(0, Arc::new(Pcmu));
        let path = CapturePath::new(
            playback.clone(),
            format,
            Duration::from_millis(20),
            ResamplerQuality::Fast,
        )
        .unwrap();
        Self {
            playback,
            path,
            sent: Vec::new(),
        }
    }

    fn say(&self, frame: AudioFrame) -> UtteranceId {
        self.playback.try_push(frame, None).unwrap()
    }

    fn run(&mut self, frames: usize) -> Vec<(String, bool)> {
        let mut marks = Vec::new();
        for _ in 0..frames {
            self.path.next_frame(FRAME);
            assert_eq!(self.path.pcm().len(), FRAME);
            self.sent.extend_from_slice(self.path.pcm());
            marks.extend(self.path.commit().map(|mark| (mark.name, mark.cleared)));
        }
        marks
    }
}

fn tone(hz: f32, rate: u32, range: std::ops::Range<usize>) -> Vec<f32> {
    let sample = |i: usize| (i as f64 * f64::from(hz) / f64::from(rate)).fract() as f32;
    range.map(|i| (sample(i) * TAU).sin() * 0.5).collect()
}

/// Ratio of `expected` to what differs from it, in dB.
fn snr(expected: &[f32], got: &[f32]) -> f32 {
    assert_eq!(expected.len(), got.len());
    let energy: f32 = expected.iter().map(|e| e * e).sum();
    let error: f32 = expected.iter().zip(got).map(|(e, g)| (e - g).powi(2)).sum();
    10.0 * (energy / error.max(1e-12)).log10()
}

fn largest_step(samples: &[f32]) -> f32 {
    samples
        .windows(2)
        .map(|pair| (pair[0] - pair[1]).abs())
        .fold(0.0, f32::max)
}

#[test]
fn a_tone_in_frames_of_any_length_comes_out_whole() {
    for rate in [8_000_u32, 11_025, 16_000, 24_000, 44_100, 48_000, 192_000] {
        let mut rig = Rig::new();
        let whole = tone(440.0, rate, 0..rate as usize);
        let mut at = 0;
        for length in [1, 7, 160, 441, 3_000].into_iter().cycle() {
            let end = (at + length).min(whole.len());
            // Two channels: the tone left, its half right.
            let stereo = whole[at..end].iter().flat_map(|&s| [s, s * 0.5]).collect();
            rig.say(AudioFrame {
                samples: stereo,
                sample_rate: rate,
                channels: 2,
            });
            at = end;
            if at == whole.len() {
                break;
            }
        }
        rig.run(52);
        let resampler = audio_codecs::Resampler::new(rate, 8_000).unwrap();
        let delay = resampler.latency().as_secs_f64();
        let expected: Vec<f32> = (0..7_600)
            .map(|i| {
                ((f64::from(i) / 8_000.0 - delay) * 440.0 * f64::from(TAU)).sin() as f32 * 0.375
            })
            .collect();
        let got = &rig.sent[..7_600];
        // The first milliseconds hold the filter's rise from silence.
        let quality = snr(&expected[200..], &got[200..]);
        assert!(quality > 45.0, "{rate} Hz: {quality} dB");
        assert!(
            rig.sent[8_000 + 2 * resampler.latency_samples() + 25..]
                .iter()
                .all(|&s| s == 0.0)
        );
        assert_eq!(rig.playback.lock().queued(), Duration::ZERO);
    }
}

#[test]
fn a_change_of_rate_makes_no_click() {
    let mut rig = Rig::new();
    rig.say(AudioFrame::mono(tone(300.0, 24_000, 0..4_800), 24_000));
    rig.say(AudioFrame::mono(tone(300.0, 48_000, 9_600..19_200), 48_000));
    rig.say(AudioFrame::mono(tone(300.0, 8_000, 3_200..4_800), 8_000));
    rig.run(32);
    // A 300 Hz tone of 0.5 moves by 0.118 per sample.
    let step = largest_step(&rig.sent);
    assert!(step < 0.26, "{step}");
    let quiet = rig.sent[200..4_600]
        .chunks(80)
        .find(|c| c.iter().all(|s| s.abs() < 0.05));
    assert_eq!(quiet, None, "no gap where the rate changes");
}

#[test]
fn clear_counts_the_frames_that_were_sent_and_cuts_without_a_click() {
    for rate in [8_000, 24_000, 44_100] {
        let mut rig = Rig::new();
        let id = rig.say(AudioFrame::mono(tone(300.0, rate, 0..rate as usize), rate));
        rig.run(13);
        let cleared = rig.playback.clear();
        let played = cleared.utterances[0];
        assert_eq!((played.id, played.queued), (id, Duration::from_secs(1)));
        let sent = played.sent.as_secs_f64() * 1_000.0;
        // The resampler's delay of 2.5 ms is no audio.
        assert!((257.0..=260.0).contains(&sent), "{rate} Hz: {sent} ms");
        rig.run(2);
        assert!(largest_step(&rig.sent) < 0.15);
        assert!(rig.sent[13 * FRAME + 25..].iter().all(|&s| s == 0.0));
    }
}

#[test]
fn clear_in_the_middle_of_a_frame_takes_the_frame_back() {
    let mut rig = Rig::new();
    rig.say(AudioFrame::mono(tone(300.0, 8_000, 0..8_000), 8_000));
    rig.run(5);
    // As `next_frame` does, with `clear` between its two looks at the queue.
    assert!(rig.path.begin(Some(FRAME)));
    rig.path.pcm.clear();
    let dry = rig.path.fill(FRAME);
    rig.path.fifo.pop_into(FRAME, &mut rig.path.pcm);
    let cleared = rig.playback.clear();
    assert_eq!(cleared.utterances[0].sent, Duration::from_millis(100));
    assert!(!rig.path.account(dry), "the frame must not go out");
}

#[test]
fn pause_loses_nothing_and_makes_no_click() {
    let mut rig = Rig::new();
    let whole = tone(300.0, 8_000, 0..8_000);
    rig.say(AudioFrame::mono(whole.clone(), 8_000));
    rig.run(7);
    rig.playback.lock().set_paused(true);
    rig.run(10);
    assert_eq!(rig.playback.lock().queued(), Duration::from_millis(860));
    rig.playback.lock().set_paused(false);
    rig.run(45);
    assert!(
        largest_step(&rig.sent) < 0.15,
        "{}",
        largest_step(&rig.sent)
    );
    assert_eq!(rig.sent[..1_120], whole[..1_120]);
    assert!(rig.sent[1_150..2_720].iter().all(|&s| s == 0.0));
    // After the short fade the tone goes on where it stopped.
    assert_eq!(rig.sent[2_720 + 20..2_720 + 6_880], whole[1_120 + 20..]);
}

#[test]
fn marks_come_with_the_frame_that_sends_what_is_before_them() {
    let mut rig = Rig::new();
    rig.playback.lock().mark("now".into()).unwrap();
    rig.say(AudioFrame::mono(tone(300.0, 24_000, 0..4_800), 24_000));
    rig.playback.lock().mark("200 ms".into()).unwrap();
    assert_eq!(rig.run(1), [("now".into(), false)]);
    assert_eq!(rig.run(9), []);
    // The last 2.5 ms are in the resampler until here.
    assert_eq!(rig.run(1), [("200 ms".into(), false)]);
}

#[test]
fn audio_that_comes_just_in_time_is_not_torn() {
    let mut rig = Rig::new();
    let whole = tone(300.0, 16_000, 0..16_000);
    for piece in whole.chunks(320) {
        rig.say(AudioFrame::mono(piece.to_vec(), 16_000));
        rig.run(1);
    }
    let expected = tone(300.0, 8_000, 0..7_980);
    assert!(snr(&expected[200..], &rig.sent[20 + 200..]) > 45.0);
}

#[test]
fn not_a_number_and_too_loud_audio_reach_the_encoder_harmlessly() {
    let mut rig = Rig::new();
    let wild = [f32::NAN, f32::INFINITY, -7.0, 3.0e38].repeat(200);
    rig.say(AudioFrame::mono(wild.clone(), 8_000));
    rig.say(AudioFrame::mono(wild, 48_000));
    rig.run(12);
    let mut payload = Vec::new();
    for frame in rig.sent.chunks(FRAME) {
        rig.path.encoder.encode(frame, &mut payload).unwrap();
    }
    assert_eq!(payload.len(), rig.sent.len());
}
