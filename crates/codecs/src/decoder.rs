//! Payload bytes to samples.

use crate::CodecError;

/// Decodes one direction of one call: RTP payloads in, PCM out.
///
/// The caller hands over every payload in the order of play: received ones to
/// [`decode`](Decoder::decode), lost ones to [`recover`](Decoder::recover) and,
/// if that has nothing, [`conceal_until`](Decoder::conceal_until) if the packet
/// after is there already, else to [`conceal`](Decoder::conceal).
/// Samples are `f32` in [-1, 1], interleaved when there is more than one
/// channel.
pub trait Decoder: Send {
    /// Rate of the PCM that comes out, in Hz.
    fn sample_rate(&self) -> u32;

    /// Channels of the PCM that comes out.
    fn channels(&self) -> u16 {
        1
    }

    /// Decodes one payload, appends its samples to `out` and returns how many
    /// samples per channel these were.
    ///
    /// # Errors
    ///
    /// [`CodecError::MalformedPayload`] for an empty payload or one that the
    /// codec cannot read; `out` is then as it was. A payload never panics,
    /// whatever its bytes.
    fn decode(&mut self, payload: &[u8], out: &mut Vec<f32>) -> Result<usize, CodecError>;

    /// Invents `samples` per channel in place of a lost packet and appends
    /// them to `out`.
    fn conceal(&mut self, samples: usize, out: &mut Vec<f32>);

    /// As [`conceal`](Decoder::conceal), when the packet after the lost one is
    /// there already: codecs that can make the gap lead to it (G.711 and L16
    /// do). The next packet is still to be decoded as usual.
    fn conceal_until(&mut self, next_payload: &[u8], samples: usize, out: &mut Vec<f32>) {
        let _ = next_payload;
        self.conceal(samples, out);
    }

    /// Appends the audio of a lost packet, `samples` per channel, read from
    /// the redundancy in the packet after it.
    ///
    /// `Ok(false)` means that there is none and nothing was appended: the
    /// caller conceals. The next packet is still to be decoded as usual.
    ///
    /// # Errors
    ///
    /// [`CodecError::MalformedPayload`] when `next_payload` cannot be read;
    /// `out` is then as it was.
    fn recover(
        &mut self,
        next_payload: &[u8],
        samples: usize,
        out: &mut Vec<f32>,
    ) -> Result<bool, CodecError> {
        let _ = (next_payload, samples, out);
        Ok(false)
    }

    /// Samples per channel that a payload holds, without decoding it; `None`
    /// if the payload is malformed.
    fn samples_in(&self, payload: &[u8]) -> Option<usize>;

    /// Forgets the signal so far, as if the decoder were new.
    fn reset(&mut self);
}
