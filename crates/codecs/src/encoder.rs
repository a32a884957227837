//! Samples to payload bytes.

use crate::CodecError;

/// Encodes one direction of one call: frames of PCM in, RTP payloads out.
///
/// An encoder is a value with state; it belongs to one stream and is not
/// shared. Samples are `f32` in [-1, 1], interleaved when there is more than
/// one channel.
pub trait Encoder: Send {
    /// Rate of the PCM that [`encode`](Encoder::encode) takes, in Hz.
    ///
    /// It need not be the RTP clock rate: Opus always has an RTP clock of
    /// 48 kHz (RFC 7587 section 4.1).
    fn sample_rate(&self) -> u32;

    /// Channels of the PCM that [`encode`](Encoder::encode) takes.
    fn channels(&self) -> u16 {
        1
    }

    /// Encodes one frame and appends the payload to `out`.
    ///
    /// Nothing appended means that there is nothing worth sending
    /// (discontinuous transmission): the caller lets the time pass and sends
    /// no packet.
    ///
    /// # Errors
    ///
    /// [`CodecError::FrameLength`] when the codec cannot encode a frame of
    /// this length; `out` is then as it was.
    fn encode(&mut self, pcm: &[f32], out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Tells the encoder which share of its packets gets lost on the way, in
    /// percent, so that it can add redundancy. Most codecs have none.
    fn set_expected_loss(&mut self, percent: u8) {
        let _ = percent;
    }

    /// Forgets the signal so far, as if the encoder were new.
    fn reset(&mut self);
}
