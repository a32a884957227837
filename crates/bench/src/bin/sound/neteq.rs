//! The `neteq` crate, in virtual time.
//!
//! It reads the clock itself. So this program has a `clock_gettime` of its own, which the linker prefers to the system's: it
//! answers with virtual time while the crate runs, and asks the kernel otherwise.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::neteq::codec::AudioDecoder;
use ::neteq::neteq::SpeechType;
use ::neteq::{AudioPacket, NetEq, NetEqConfig, NetEqError, RtpHeader};

use audio_codecs::g711;

use crate::policies::{FRAME, Heard};
use crate::traces::{FRAME_MS, PACKETS, Trace};
use crate::{AnyError, RATE};

/// Nanoseconds that the clock shows; 0 for the real time.
static VIRTUAL_NOW: AtomicU64 = AtomicU64::new(0);
/// A time at which the clock may begin: whoever subtracts from it must not fall below nothing.
const ORIGIN: f64 = 1e6;
/// What the crate hands out at a time, ms.
const TICK_MS: f64 = 10.0;

#[allow(unsafe_code)]
mod clock {
    use super::{Ordering, VIRTUAL_NOW};

    /// The system's function of that name, for this program.
    ///
    /// # Safety
    ///
    /// `time` is null or points to a `timespec`, as the system's wants it.
    // SAFETY: the name and the signature are those of POSIX, and so is what it does when no virtual time is set.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn clock_gettime(
        clock: libc::clockid_t,
        time: *mut libc::timespec,
    ) -> libc::c_int {
        let now = VIRTUAL_NOW.load(Ordering::Relaxed);
        if now == 0 || time.is_null() {
            // SAFETY: the arguments are passed on as they came.
            return unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) } as libc::c_int;
        }
        // SAFETY: it is not null, and the caller answers for the rest.
        unsafe {
            (*time).tv_sec = (now / 1_000_000_000) as libc::time_t;
            (*time).tv_nsec = (now % 1_000_000_000) as libc::c_long;
        }
        0
    }
}

fn set_clock(ms: f64) {
    VIRTUAL_NOW.store(((ORIGIN + ms) * 1e6) as u64, Ordering::Relaxed);
}

/// G.711 for the crate, which has no concealment by codecs.
struct Ulaw;

impl AudioDecoder for Ulaw {
    fn sample_rate(&self) -> u32 {
        RATE
    }

    fn channels(&self) -> u8 {
        1
    }

    fn decode(&mut self, encoded: &[u8]) -> Result<Vec<f32>, NetEqError> {
        let mut samples = Vec::new();
        g711::extend_f32_from_ulaw(&mut samples, encoded);
        Ok(samples)
    }
}

/// The crate with its defaults, asked for 10 ms at a time from `phase_ms` on.
pub(crate) fn play(trace: &Trace, packets: &[Vec<u8>], phase_ms: f64) -> Result<Heard, AnyError> {
    Ok(timed(trace, packets, phase_ms)?.0)
}

/// How long it takes for all of it.
pub(crate) fn cost(trace: &Trace, packets: &[Vec<u8>]) -> Result<Duration, AnyError> {
    Ok(timed(trace, packets, 5.0)?.1)
}

fn timed(trace: &Trace, packets: &[Vec<u8>], phase_ms: f64) -> Result<(Heard, Duration), AnyError> {
    let arrivals = trace.arrivals();
    let begun = Instant::now();
    set_clock(0.0);
    let heard = play_in_virtual_time(&arrivals, packets, phase_ms);
    VIRTUAL_NOW.store(0, Ordering::Relaxed);
    Ok((heard?, begun.elapsed()))
}

fn play_in_virtual_time(
    arrivals: &[(f64, usize)],
    packets: &[Vec<u8>],
    phase_ms: f64,
) -> Result<Heard, AnyError> {
    let mut neteq = NetEq::new(NetEqConfig {
        sample_rate: RATE,
        ..NetEqConfig::default()
    })?;
    neteq.register_decoder(0, Box::new(Ulaw));
    let mut heard = Heard {
        start_ms: phase_ms,
        ..Heard::default()
    };
    let mut arrivals = arrivals.iter().copied().peekable();
    for tick in 0..PACKETS * 2 + 80 {
        let due = phase_ms + tick as f64 * TICK_MS;
        while let Some((arrival, packet)) = arrivals.next_if(|&(arrival, _)| arrival <= due) {
            set_clock(arrival);
            let timestamp = (packet * FRAME) as u32;
            let header = RtpHeader::new(packet as u16, timestamp, 1, 0, false);
            let payload = packets[packet].clone();
            neteq.insert_packet(AudioPacket::new(header, payload, RATE, 1, FRAME_MS as u32))?;
        }
        set_clock(due);
        let frame = neteq.get_audio()?;
        if matches!(frame.speech_type, SpeechType::Expand) {
            heard.concealed_ms += TICK_MS;
        }
        heard.samples.extend(frame.samples);
    }
    heard.late = neteq.get_statistics().lifetime.late_packets_discarded;
    Ok(heard)
}
