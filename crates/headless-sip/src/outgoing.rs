//! A call that we make, until it is answered.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::{Duration, Instant};

use media_engine::{AudioBridge, Heard, ListenConfig, MediaEvent, MediaEvents};
use sdp_negotiation::{Direction, PendingOffer};
use sip_signaling::{
    Body, Call, HeaderList, IncomingOffer, InviteEvent, InviteOptions, OutgoingInvite, Provisional,
    Rejection, SignalingError,
};

use crate::media::{CallMedia, StartedMedia};
use crate::{Account, ActiveCall, CodecTable, Error, address};

/// A call about to be made: its options, then `.await` for the [`OutgoingCall`].
///
/// ```no_run
/// # async fn example(client: headless_sip::HeadlessSipClient) -> Result<(), headless_sip::Error> {
/// use headless_sip::Progress;
///
/// let mut call = client.dial("+15551234").header("X-Campaign", "42").await?;
/// loop {
///     match call.progress().await? {
///         Progress::Ringing { .. } => println!("it rings"),
///         Progress::EarlyMedia => println!("the network speaks"),
///         Progress::Answered => break,
///         _ => {}
///     }
/// }
/// let call = call.answered().await?;
/// # call.hang_up().await }
/// ```
///
/// # Errors
///
/// Awaiting it gives [`Error::Config`] for a target, header or setting that cannot be used, [`Error::Media`] when no RTP port is
/// free, [`Error::Transport`] when the way to the far end cannot be found.
#[must_use = "a call is made when it is awaited"]
#[derive(Debug)]
pub struct Dial {
    account: Account,
    target: String,
    headers: Vec<(String, String)>,
    codecs: Option<CodecTable>,
    receive_sample_rate: Option<u32>,
    listen: Option<ListenConfig>,
    ring_timeout: Option<Duration>,
    delayed_offer: bool,
    redirects: u32,
}

impl Dial {
    pub(crate) fn new(account: Account, target: &str) -> Self {
        Self {
            account,
            target: target.to_owned(),
            headers: Vec::new(),
            codecs: None,
            receive_sample_rate: None,
            listen: None,
            ring_timeout: None,
            delayed_offer: false,
            redirects: 0,
        }
    }

    /// Adds a header field to the INVITE. CR, LF and NUL are refused when the call is made.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The codecs for this call, in order of preference.
    pub fn codecs(mut self, codecs: CodecTable) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// The sample rate of received frames in Hz, 8,000 to 192,000.
    pub fn receive_sample_rate(mut self, hz: u32) -> Self {
        self.receive_sample_rate = Some(hz);
        self
    }

    /// What to listen for in the sound of this call, in place of [`ClientConfig::listen`](crate::ClientConfig::listen). What is found before the
    /// answer comes as [`Progress::Heard`].
    pub fn listen(mut self, listen: ListenConfig) -> Self {
        self.listen = Some(listen);
        self
    }

    /// How long it may ring before the call is cancelled.
    pub fn ring_timeout(mut self, timeout: Duration) -> Self {
        self.ring_timeout = Some(timeout);
        self
    }

    /// Sends the INVITE without SDP: the far end offers in its 200 and we answer in the ACK (RFC 3261 section 13.2.1).
    pub fn delayed_offer(mut self) -> Self {
        self.delayed_offer = true;
        self
    }

    /// Follows a 3xx answer to the place that it names, at most so many times; without this it is an [`Error::Rejected`]. The call's
    /// headers and codecs go along.
    pub fn follow_redirects(mut self, most: u32) -> Self {
        self.redirects = most;
        self
    }

    async fn place(self) -> Result<OutgoingCall, Error> {
        let began = Instant::now();
        let client = self.account.client();
        let target = address::target(&self.target, self.account.domain())?;
        let mut settings = client.media_settings();
        if let Some(codecs) = self.codecs {
            settings.codecs = codecs;
        }
        settings.receive_sample_rate = self.receive_sample_rate.or(settings.receive_sample_rate);
        settings.listen = self.listen.unwrap_or(settings.listen);
        let (mut options, peer) = self.account.invite(target).await?;
        for (name, value) in &self.headers {
            options.headers.push(name, value.as_str())?;
        }
        options.ring_timeout = self.ring_timeout.unwrap_or(client.config().ring_timeout);
        let mut media = CallMedia::reserve(client.engine(), client.rtp_ip(peer)?, settings)?;
        let mut pending = None;
        if !self.delayed_offer {
            let (body, offer) = media.offer(Direction::SendRecv);
            options.body = Some(body);
            pending = Some(offer);
        }
        let invite = client.agent().invite(options.clone()).await?;
        Ok(OutgoingCall {
            audio: None,
            account: self.account,
            invite,
            media,
            pending,
            early: None,
            told: Vec::new(),
            stage: Stage::Ringing,
            headers: HeaderList::new(),
            options,
            redirects: self.redirects,
            began,
        })
    }
}

impl IntoFuture for Dial {
    type Output = Result<OutgoingCall, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.place())
    }
}

/// What happens to a call that is being made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Progress {
    /// A server works on it (100).
    Trying,
    /// The far end rings, or a server tells how far it has come (180 to 199).
    Ringing {
        /// SIP status, 180 to 199.
        status: u16,
        /// The reason phrase.
        reason: String,
    },
    /// Sound comes before the answer (RFC 3960): it is in [`OutgoingCall::audio`] now.
    EarlyMedia,
    /// Something in that sound that was listened for, such as a busy tone.
    Heard(Heard),
    /// It was answered: [`OutgoingCall::answered`] returns at once.
    Answered,
}

/// A call that is being made. Dropping it cancels it.
pub struct OutgoingCall {
    /// The sound before the answer, from [`Progress::EarlyMedia`] on; it goes on in the [`ActiveCall`].
    pub audio: Option<AudioBridge>,
    account: Account,
    invite: OutgoingInvite,
    media: CallMedia,
    /// Our offer; kept, since early answers of several branches and the final one may differ.
    pending: Option<PendingOffer>,
    /// Events of media that runs already.
    early: Option<MediaEvents>,
    /// Those of them that are for the call that is answered.
    told: Vec<MediaEvent>,
    stage: Stage,
    /// Of the last 18x or 2xx.
    headers: HeaderList,
    /// What was dialled, for following a 3xx.
    options: InviteOptions,
    redirects: u32,
    began: Instant,
}

enum Stage {
    Ringing,
    /// A 3xx is followed: the next INVITE is going out.
    Redirected(Pin<Box<dyn Future<Output = Result<OutgoingInvite, SignalingError>> + Send>>),
    /// The answer came; the ACK is going out.
    Acknowledging(
        Pin<Box<dyn Future<Output = Result<Call, SignalingError>> + Send>>,
        Result<(), Error>,
    ),
    Answered(Box<Call>, Duration),
    Over,
}

impl OutgoingCall {
    /// What happens next.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`], [`Error::Unauthorized`], [`Error::Timeout`] (nobody answered in the ring time, or no server at all),
    /// [`Error::Transport`], [`Error::PeerIncompatible`] when it was answered with media that cannot work (the call is ended then);
    /// [`Error::Ended`] when it is asked again afterwards.
    ///
    /// Cancel safe.
    pub async fn progress(&mut self) -> Result<Progress, Error> {
        loop {
            match &mut self.stage {
                Stage::Ringing => match tokio::select! {
                    event = self.invite.next_event() => event,
                    heard = heard_early(&mut self.early, &mut self.told) => {
                        return Ok(Progress::Heard(heard));
                    }
                } {
                    InviteEvent::Trying => return Ok(Progress::Trying),
                    InviteEvent::Provisional(Provisional {
                        status,
                        reason,
                        body,
                        headers,
                    }) => {
                        self.headers = headers;
                        if body.is_some_and(|body| self.on_early_answer(&body)) {
                            return Ok(Progress::EarlyMedia);
                        }
                        return Ok(Progress::Ringing {
                            status: status.0,
                            reason,
                        });
                    }
                    InviteEvent::Offer(offer) => {
                        let started = self.on_early_offer(offer);
                        if started {
                            return Ok(Progress::EarlyMedia);
                        }
                    }
                    InviteEvent::Answered(mut answered) => {
                        self.headers = std::mem::take(&mut answered.headers);
                        let (ack, outcome) = match self.on_final_answer(answered.body.as_ref()) {
                            Ok(ack) => (ack, Ok(())),
                            Err(error) => (None, Err(error)),
                        };
                        self.stage = Stage::Acknowledging(Box::pin(answered.ack(ack)), outcome);
                    }
                    InviteEvent::Failed(SignalingError::Rejected(refusal))
                        if self.redirects > 0 && self.redirected(&refusal) => {}
                    InviteEvent::Failed(error) => {
                        self.stage = Stage::Over;
                        return Err(error.into());
                    }
                    _ => {}
                },
                Stage::Redirected(invite) => match invite.await {
                    Ok(invite) => {
                        self.invite = invite;
                        self.stage = Stage::Ringing;
                    }
                    Err(error) => {
                        self.stage = Stage::Over;
                        return Err(error.into());
                    }
                },
                Stage::Acknowledging(ack, _) => {
                    let acknowledged = ack.await;
                    let Stage::Acknowledging(_, outcome) =
                        std::mem::replace(&mut self.stage, Stage::Over)
                    else {
                        return Err(Error::Ended);
                    };
                    let call = acknowledged?;
                    if let Err(error) = outcome {
                        self.account.client().end(call);
                        return Err(error);
                    }
                    self.stage = Stage::Answered(Box::new(call), self.began.elapsed());
                    return Ok(Progress::Answered);
                }
                Stage::Answered(..) => return Ok(Progress::Answered),
                Stage::Over => return Err(Error::Ended),
            }
        }
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// As [`progress`](Self::progress).
    ///
    /// Cancel safe in that dropping the future cancels the call.
    pub async fn answered(mut self) -> Result<ActiveCall, Error> {
        while self.progress().await? != Progress::Answered {}
        let Stage::Answered(call, setup) = self.stage else {
            return Err(Error::Ended);
        };
        let (Some(audio), Some(events)) = (self.audio, self.early) else {
            return Err(Error::Ended);
        };
        ActiveCall::start(
            self.account,
            *call,
            self.media,
            StartedMedia {
                audio,
                events,
                told: self.told,
            },
            setup,
        )
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        self.invite.call_id()
    }

    /// A header field of the far end's last 18x or 2xx; the first of that name, whose case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Gives up: sends a CANCEL, or a BYE when the answer crossed it, and waits until that is on its way. Where nothing has
    /// answered yet, the CANCEL goes out with the first response (RFC 3261 section 9.1); this does not wait for it.
    ///
    /// Cancel safe: dropping the future, or the call, cancels it too.
    pub async fn cancel(mut self) {
        if let Stage::Ringing = self.stage {
            self.invite.cancel().await;
            while !matches!(
                self.invite.next_event().await,
                InviteEvent::Failed(_) | InviteEvent::Answered(_)
            ) {}
        }
    }

    /// Takes up a 3xx (RFC 3261 section 8.1.3.4); false if it is none that can be followed.
    fn redirected(&mut self, refusal: &Rejection) -> bool {
        let contacts = refusal.contacts();
        let (300..=399, Some(contact)) = (refusal.status.0, contacts.first()) else {
            return false;
        };
        self.redirects -= 1;
        self.options.target = contact.uri().clone();
        let (agent, options) = (self.account.client().agent().clone(), self.options.clone());
        self.stage = Stage::Redirected(Box::pin(async move { agent.invite(options).await }));
        true
    }

    /// An answer in a provisional response; whether sound starts with it.
    fn on_early_answer(&mut self, body: &Body) -> bool {
        let Some(pending) = self.pending.clone() else {
            return false;
        };
        match self.media.accept(pending, body, true) {
            Ok(Some(started)) => {
                self.keep(started);
                true
            }
            Ok(None) => false,
            Err(error) => {
                // The final answer decides; a broken early one only means that nothing is heard before it.
                tracing::info!(%error, "early media was not understood");
                false
            }
        }
    }

    /// The far end's UPDATE before its answer (RFC 3311), or its offer where we made none (RFC 3262 section 5); whether sound starts
    /// with it.
    fn on_early_offer(&mut self, offer: IncomingOffer) -> bool {
        let Some(body) = &offer.body else {
            return false;
        };
        match self.media.answer(body, Direction::SendRecv) {
            Ok((answer, started)) => {
                offer.accept(Some(answer));
                started.map(|started| self.keep(started)).is_some()
            }
            Err(error) => {
                tracing::info!(%error, "an offer before the answer was refused");
                false
            }
        }
    }

    /// The answer of the 200, or the offer of it when we made none; gives the body of the ACK.
    fn on_final_answer(&mut self, body: Option<&Body>) -> Result<Option<Body>, Error> {
        match (self.pending.clone(), body) {
            (Some(pending), Some(body)) => {
                if let Some(started) = self.media.accept(pending, body, false)? {
                    self.keep(started);
                }
                Ok(None)
            }
            // RFC 3261 section 13.2.1: a 200 without SDP stands behind the answer that came early.
            (_, None) if self.media.handle().is_some() => {
                self.media.answered()?;
                Ok(None)
            }
            (None, Some(offer)) => {
                let (answer, started) = self.media.answer(offer, Direction::SendRecv)?;
                if let Some(started) = started {
                    self.keep(started);
                }
                Ok(Some(answer))
            }
            (_, None) => Err(Error::PeerIncompatible(
                "the far end answered without SDP".into(),
            )),
        }
    }

    fn keep(&mut self, started: StartedMedia) {
        self.audio = Some(started.audio);
        self.early = Some(started.events);
    }
}

/// Events before the answer that wait for the call.
const MOST_TOLD: usize = 64;

/// What is heard before the answer; never, while there is no sound. Cancel safe.
async fn heard_early(early: &mut Option<MediaEvents>, told: &mut Vec<MediaEvent>) -> Heard {
    let Some(events) = early else {
        return std::future::pending().await;
    };
    while let Some(event) = events.recv().await {
        match event {
            MediaEvent::Heard(heard) => return heard,
            MediaEvent::Quality(_) => {}
            event if told.len() < MOST_TOLD => told.push(event),
            _ => {}
        }
    }
    std::future::pending().await
}

impl fmt::Debug for OutgoingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingCall")
            .field("invite", &self.invite)
            .field("media", &self.media)
            .finish_non_exhaustive()
    }
}
