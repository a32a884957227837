//! Two calls joined by this program: each hears the other.

use media_engine::relay;

use crate::{
    ActiveCall, AudioBridge, AudioReceiver, AudioSender, CallControl, CallEnded, CallEvents,
    DtmfMethod, Error,
};

/// How a bridge ended: which call is over. The other one still stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum BridgeEnd {
    /// The first call ended so.
    First(CallEnded),
    /// The second call ended so.
    Second(CallEnded),
}

/// Joins two calls until one of them ends: each far end hears the other and never itself, whatever codecs and rates they have, some 20 ms
/// later than this program does. Keys are passed on in the way of the other call ([`ClientConfig::dtmf_mode`](crate::ClientConfig::dtmf_mode)),
/// as tones where it has no other; those that came as tones are in the sound already. A far end that holds is heard as what it plays, or as
/// silence; the other is not put on hold.
///
/// Both calls are the program's again when the future ends or is dropped, so that dropping it parts them. Their other events are kept for
/// [`CallEvents::recv`] meanwhile.
///
/// ```no_run
/// # async fn example(mut caller: headless_sip::ActiveCall, mut agent: headless_sip::ActiveCall) -> Result<(), headless_sip::Error> {
/// use headless_sip::{BridgeEnd, bridge};
///
/// match bridge(&mut caller, &mut agent).await? {
///     BridgeEnd::First(_) => agent.hang_up().await?,
///     BridgeEnd::Second(_) => caller.hang_up().await?,
///     _ => {}
/// }
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Ended`] when one of them has ended before and that was told already.
///
/// Cancel safe.
pub async fn bridge(first: &mut ActiveCall, second: &mut ActiveCall) -> Result<BridgeEnd, Error> {
    let (first_control, second_control) = (first.control(), second.control());
    let (one, other) = (&mut first.audio, &mut second.audio);
    let (from_first, to_first) = ends(one);
    let (from_second, to_second) = ends(other);
    tokio::select! {
        ended = keys(&mut first.events, &second_control) => ended.map(BridgeEnd::First),
        ended = keys(&mut second.events, &first_control) => ended.map(BridgeEnd::Second),
        () = sound(from_first, to_second) => Err(Error::Ended),
        () = sound(from_second, to_first) => Err(Error::Ended),
    }
}

fn ends(audio: &mut AudioBridge) -> (&mut AudioReceiver, AudioSender) {
    (&mut audio.rx, audio.tx.clone())
}

/// Passes keys on until the call is over, and tells how it ended.
async fn keys(events: &mut CallEvents, to: &CallControl) -> Result<CallEnded, Error> {
    while let Some(key) = events.next_key().await {
        if key.method != DtmfMethod::InBand
            && let Err(error) = to.relay_dtmf(key.digit, key.held).await
        {
            tracing::info!(%error, "a key was not passed on");
        }
    }
    events.ended().await.ok_or(Error::Ended)
}

/// Passes sound on for as long as the bridge lasts: the end of a call is told by its events.
async fn sound(from: &mut AudioReceiver, to: AudioSender) {
    relay(from, &to).await;
    std::future::pending().await
}
