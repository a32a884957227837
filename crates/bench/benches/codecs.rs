//! Samples a second through the codecs and the resampler.

use std::f32::consts::TAU;

use audio_codecs::{
    Codec, CodecParameters, ComfortNoise, G722, NoiseDescription, Resampler, ResamplerQuality, g711,
};
use divan::{Bencher, black_box, counter::ItemsCount};

/// 20 ms, a packet's worth, and a second, where the call itself no longer counts.
const LENGTHS: [usize; 2] = [160, 8000];

fn main() {
    divan::main();
}

fn sine(samples: usize, sample_rate: f32) -> Vec<f32> {
    (0..samples)
        .map(|n| (TAU * 440.0 * n as f32 / sample_rate).sin() * 0.5)
        .collect()
}

#[divan::bench(args = LENGTHS)]
fn f32_to_ulaw(bencher: Bencher<'_, '_>, samples: usize) {
    let pcm = sine(samples, 8000.0);
    let mut payload = Vec::with_capacity(samples);
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        payload.clear();
        g711::extend_ulaw_from_f32(&mut payload, black_box(&pcm));
        black_box(&payload);
    });
}

#[divan::bench(args = LENGTHS)]
fn ulaw_to_f32(bencher: Bencher<'_, '_>, samples: usize) {
    let codewords: Vec<u8> = (0..samples).map(|n| n as u8).collect();
    let mut pcm = Vec::with_capacity(samples);
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        pcm.clear();
        g711::extend_f32_from_ulaw(&mut pcm, black_box(&codewords));
        black_box(&pcm);
    });
}

#[divan::bench(args = LENGTHS)]
fn f32_to_alaw(bencher: Bencher<'_, '_>, samples: usize) {
    let pcm = sine(samples, 8000.0);
    let mut payload = Vec::with_capacity(samples);
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        payload.clear();
        g711::extend_alaw_from_f32(&mut payload, black_box(&pcm));
        black_box(&payload);
    });
}

/// 20 ms a call; the items are samples that go in.
#[divan::bench(args = [(48_000, 8_000), (24_000, 8_000), (16_000, 8_000), (8_000, 48_000), (44_100, 8_000)])]
fn resample(bencher: Bencher<'_, '_>, rates: (u32, u32)) {
    resample_with(bencher, rates, ResamplerQuality::Fast);
}

/// The same at the better quality.
#[divan::bench(args = [(48_000, 8_000), (16_000, 8_000), (8_000, 48_000), (44_100, 8_000)])]
fn resample_best(bencher: Bencher<'_, '_>, rates: (u32, u32)) {
    resample_with(bencher, rates, ResamplerQuality::Best);
}

fn resample_with(
    bencher: Bencher<'_, '_>,
    (from_hz, to_hz): (u32, u32),
    quality: ResamplerQuality,
) {
    let samples = from_hz as usize / 50;
    let pcm = sine(samples, from_hz as f32);
    let mut resampler =
        Resampler::with_quality(from_hz, to_hz, quality).expect("rates that are supported");
    let mut out = Vec::with_capacity(to_hz as usize);
    bencher.counter(ItemsCount::new(samples)).bench_local(|| {
        out.clear();
        resampler.process(black_box(&pcm), &mut out);
        black_box(&out);
    });
}

/// 20 ms a call; the items are samples at 16 kHz.
#[divan::bench]
fn g722_encode(bencher: Bencher<'_, '_>) {
    let pcm = sine(320, 16_000.0);
    let mut encoder = G722.encoder(&CodecParameters::default()).expect("G.722");
    let mut payload = Vec::with_capacity(160);
    bencher.counter(ItemsCount::new(320_usize)).bench_local(|| {
        payload.clear();
        encoder.encode(black_box(&pcm), &mut payload).expect("even");
        black_box(&payload);
    });
}

/// 20 ms a call; the items are samples at 16 kHz.
#[divan::bench]
fn g722_decode(bencher: Bencher<'_, '_>) {
    let payload: Vec<u8> = (0..160).map(|n| (n * 7) as u8).collect();
    let mut decoder = G722.decoder(&CodecParameters::default()).expect("G.722");
    let mut pcm = Vec::with_capacity(320);
    bencher.counter(ItemsCount::new(320_usize)).bench_local(|| {
        pcm.clear();
        decoder
            .decode(black_box(&payload), &mut pcm)
            .expect("bytes");
        black_box(&pcm);
    });
}

/// 20 ms a call at 8 kHz.
#[divan::bench]
fn comfort_noise(bencher: Bencher<'_, '_>) {
    let mut noise = ComfortNoise::new(8000);
    noise.describe(&NoiseDescription::parse(&[50, 40, 160, 127]).expect("bytes"));
    let mut pcm = Vec::with_capacity(160);
    bencher.counter(ItemsCount::new(160_usize)).bench_local(|| {
        pcm.clear();
        noise.generate(160, &mut pcm);
        black_box(&pcm);
    });
}
