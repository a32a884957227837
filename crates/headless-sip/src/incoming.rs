//! A call from outside, until it is answered or refused.

mod early;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use early::Early;
use media_engine::AudioBridge;
use sdp_negotiation::{Direction, PendingOffer};
use sip_signaling::message::{CallInfo, Diversion, HistoryEntry, UserToUser};
use sip_signaling::{Body, Call, CallEvent, HeaderList, IncomingInvite, StatusCode};

use crate::call::header_list;
use crate::media::{CallMedia, StartedMedia};
use crate::{Account, ActiveCall, CodecTable, Error, ListenConfig, address};

/// How long the ACK with the answer to our offer may take: 64*T1 (RFC 3261 section 13.3.1.4).
const ACK_PATIENCE: Duration = Duration::from_secs(32);

/// A call from outside that waits for a decision. Dropping it refuses it with 480.
#[derive(Debug)]
pub struct IncomingCall {
    /// The sound before the answer, from [`early_media`](Self::early_media) on; it goes on in the [`ActiveCall`].
    pub audio: Option<AudioBridge>,
    /// What that sound runs on.
    early: Option<Early>,
    account: Account,
    invite: IncomingInvite,
    headers: HeaderList,
    codecs: Option<CodecTable>,
    receive_sample_rate: Option<u32>,
    listen: Option<ListenConfig>,
    began: Instant,
}

impl IncomingCall {
    pub(crate) fn new(account: Account, mut invite: IncomingInvite) -> Self {
        if let Some(credentials) = account.credentials() {
            invite.set_credentials(credentials.clone());
        }
        Self {
            audio: None,
            early: None,
            account,
            invite,
            headers: HeaderList::new(),
            codecs: None,
            receive_sample_rate: None,
            listen: None,
            began: Instant::now(),
        }
    }

    /// The account that is called: the one whose address stands in `To`, else the one whose `Contact` does in the Request-URI.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The caller's address, as in `From`: display name and SIP URI. Not verified by anybody.
    pub fn from(&self) -> String {
        self.invite.from().to_string()
    }

    /// The user part of the caller's address, where it has one.
    pub fn caller(&self) -> Option<&str> {
        self.invite.from().uri().user()
    }

    /// The address that was called, as in `To`.
    pub fn to(&self) -> String {
        self.invite.to().to_string()
    }

    /// A header field of the INVITE; the first of that name, whose case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.invite.headers().get(name)
    }

    /// All header fields of the INVITE, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.invite.headers().iter()
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        self.invite.call_id()
    }

    /// Where the INVITE came from.
    pub fn source(&self) -> SocketAddr {
        self.invite.source()
    }

    /// The name of the [`TrunkPeer`](crate::TrunkPeer) that calls; `None` without a trunk, and for a call by way of our registrar.
    pub fn trunk_peer(&self) -> Option<&str> {
        self.invite.trunk_peer()
    }

    /// Adds a header field to the final answer, whichever it is.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for CR, LF or NUL in it.
    pub fn set_header(&mut self, name: &str, value: &str) -> Result<(), Error> {
        Ok(self.headers.set(name, value)?)
    }

    /// The codecs for this call, in order of preference.
    pub fn set_codecs(&mut self, codecs: CodecTable) {
        self.codecs = Some(codecs);
    }

    /// The sample rate of received frames in Hz, 8,000 to 192,000.
    pub fn set_receive_sample_rate(&mut self, hz: u32) {
        self.receive_sample_rate = Some(hz);
    }

    /// What to listen for in the sound of this call, in place of [`ClientConfig::listen`](crate::ClientConfig::listen).
    pub fn set_listen(&mut self, listen: ListenConfig) {
        self.listen = Some(listen);
    }

    /// Lets the caller hear that it rings (180).
    ///
    /// # Errors
    ///
    /// [`Error::Cancelled`] when the caller has given up, [`Error::Transport`].
    ///
    /// Cancel safe.
    pub async fn ring(&self) -> Result<(), Error> {
        Ok(self
            .invite
            .provisional(StatusCode::RINGING, HeaderList::new(), None)
            .await?)
    }

    /// As [`ring`](Self::ring), with a status of 101 to 199 and header fields of the program's (181 with `Diversion`, say).
    ///
    /// # Errors
    ///
    /// As [`ring`](Self::ring), and [`Error::Config`] for a status or field that cannot be sent.
    pub async fn ring_with(&self, status: u16, fields: &[(&str, &str)]) -> Result<(), Error> {
        let headers = header_list(fields)?;
        let status = StatusCode(status);
        Ok(self.invite.provisional(status, headers, None).await?)
    }

    /// Lets the caller hear us, and us the caller, before the answer (183 with SDP, RFC 3960): an announcement, say, that costs the
    /// caller nothing. The sound is in [`audio`](Self::audio) then, and goes on when the call is answered. Where the caller supports it (100rel,
    /// RFC 3262) the 183 is sent until it has arrived, and this waits for that. Asking again does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::PeerIncompatible`] when the caller's media cannot work, and when the caller leaves the offer to us but does not support
    /// 100rel; [`Error::Media`] when no RTP port is free; the call is still open then. [`Error::Cancelled`], [`Error::Timeout`] when the 183 did not
    /// arrive: it has been refused with 504.
    ///
    /// Not cancel safe: the 183 goes on if the future is dropped, but there is no sound.
    pub async fn early_media(&mut self) -> Result<(), Error> {
        if self.early.is_some() {
            return Ok(());
        }
        let Prepared {
            mut media,
            body,
            mut started,
            pending,
        } = self.prepare()?;
        if pending.is_some() && !self.invite.takes_reliable() {
            return Err(Error::PeerIncompatible(
                "the caller made no offer and takes none before the answer (100rel)".into(),
            ));
        }
        let (status, headers) = (StatusCode::SESSION_PROGRESS, HeaderList::new());
        if self.invite.takes_reliable() {
            let sent = self.invite.reliable(status, headers, Some(body.clone()));
            let acknowledged = sent.await?;
            if let Some(pending) = pending {
                let answer = acknowledged.answer.ok_or_else(|| {
                    Error::PeerIncompatible("the PRACK of our offer holds no answer".into())
                })?;
                started = media.accept(pending, &answer, false)?;
                // RFC 3261 section 13.2.1: offer and answer are done, the 200 has none.
                return self.begin_early(media, None, started);
            }
        } else {
            let sent = self.invite.provisional(status, headers, Some(body.clone()));
            sent.await?;
        }
        self.begin_early(media, Some(body), started)
    }

    fn begin_early(
        &mut self,
        media: CallMedia,
        body: Option<Body>,
        started: Option<StartedMedia>,
    ) -> Result<(), Error> {
        let StartedMedia { audio, events, .. } = started.ok_or(Error::Ended)?;
        self.audio = Some(audio);
        let offers = self.invite.take_offers();
        self.early = Some(Early::begin(media, body, events, offers));
        Ok(())
    }

    /// Who the network says that it is (`P-Asserted-Identity`, RFC 3325): to be trusted from a trusted network alone.
    pub fn asserted_identity(&self) -> Option<String> {
        let identities = self.invite.headers().asserted_identities();
        identities.first().map(ToString::to_string)
    }

    /// True if the caller asks for its name not to be shown (`Privacy`, RFC 3323).
    pub fn wants_privacy(&self) -> bool {
        let privacy = self.invite.headers().privacy();
        privacy.iter().any(|kind| kind != "none")
    }

    /// Who diverted the call to us (`Diversion`, RFC 5806), the last one first.
    pub fn diversions(&self) -> Vec<Diversion> {
        self.invite.headers().diversions()
    }

    /// The way that the call took (`History-Info`, RFC 7044), oldest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        self.invite.headers().history()
    }

    /// Data of the caller's application (`User-to-User`, RFC 7433).
    pub fn user_to_user(&self) -> Vec<UserToUser> {
        self.invite.headers().user_to_user()
    }

    /// Pointers to more about the call (`Call-Info`).
    pub fn call_info(&self) -> Vec<CallInfo> {
        self.invite.headers().call_info()
    }

    /// Waits until the caller gives up. Cancel safe.
    pub async fn cancelled(&self) {
        self.invite.cancelled().await;
    }

    /// Answers (200) and waits for the caller's ACK where it holds the SDP.
    ///
    /// # Errors
    ///
    /// [`Error::PeerIncompatible`] when the caller's media cannot work (it was refused with 488 then), [`Error::Media`] when no RTP port
    /// is free (refused with 503), [`Error::Cancelled`], [`Error::Timeout`] when the ACK with the SDP does not come.
    ///
    /// Not cancel safe: dropping the future refuses or ends the call.
    pub async fn answer(mut self) -> Result<ActiveCall, Error> {
        if let (Some(early), Some(audio)) = (self.early.take(), self.audio.take()) {
            return self.accept_early(early, audio).await;
        }
        match self.prepare() {
            Ok(prepared) => self.accept(prepared).await,
            Err(error) => {
                let _ = self
                    .invite
                    .reject(refusal(&error), None, HeaderList::new())
                    .await;
                Err(error)
            }
        }
    }

    /// Refuses with a status of 300 to 699, such as 486 (busy) or 603 (decline).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for another status, [`Error::Cancelled`] when the caller was faster, [`Error::Transport`].
    ///
    /// Not cancel safe: the call is refused all the same.
    pub async fn reject(self, status: u16) -> Result<(), Error> {
        if !(300..700).contains(&status) {
            return Err(Error::Config(format!(
                "{status} does not refuse a call; give a status of 300 to 699"
            )));
        }
        Ok(self
            .invite
            .reject(StatusCode(status), None, self.headers)
            .await?)
    }

    /// Sends the caller elsewhere (302 with `Contact`).
    ///
    /// # Errors
    ///
    /// As [`reject`](Self::reject), and [`Error::Config`] for a target that is no address.
    pub async fn redirect(mut self, target: &str) -> Result<(), Error> {
        let target = address::target(target, self.account.domain())?;
        self.headers.set("Contact", format!("<{target}>"))?;
        Ok(self
            .invite
            .reject(StatusCode(302), None, self.headers)
            .await?)
    }

    /// Takes the sockets and, where the INVITE holds an offer, works out the answer.
    fn prepare(&self) -> Result<Prepared, Error> {
        let mut settings = self.account.client().media_settings();
        let trunk = self.account.client().config().trunk.as_ref();
        if let Some(peer) = self
            .trunk_peer()
            .and_then(|name| trunk.and_then(|trunk| trunk.peer(name)))
        {
            settings.advertised = peer.media_address;
            settings.codecs = peer.codecs.clone().unwrap_or(settings.codecs);
        }
        if let Some(codecs) = &self.codecs {
            settings.codecs = codecs.clone();
        }
        settings.receive_sample_rate = self.receive_sample_rate.or(settings.receive_sample_rate);
        settings.listen = self.listen.unwrap_or(settings.listen);
        let local_ip = self.account.client().rtp_ip(self.invite.source())?;
        let mut media = CallMedia::reserve(self.account.client().engine(), local_ip, settings)?;
        Ok(match self.invite.body() {
            Some(offer) => {
                let (body, started) = media.answer(&offer, Direction::SendRecv)?;
                Prepared {
                    media,
                    body,
                    started,
                    pending: None,
                }
            }
            // RFC 3261 section 13.3.1.4: an INVITE without an offer gets ours in the 200.
            None => {
                let (body, pending) = media.offer(Direction::SendRecv);
                Prepared {
                    media,
                    body,
                    started: None,
                    pending: Some(pending),
                }
            }
        })
    }

    /// The media runs already; it goes on.
    async fn accept_early(self, early: Early, audio: AudioBridge) -> Result<ActiveCall, Error> {
        let (media, body, events) = early.finish().await?;
        let call = self.invite.accept(self.headers, body).await?;
        media.answered()?;
        let started = StartedMedia {
            audio,
            events,
            told: Vec::new(),
        };
        let setup = self.began.elapsed();
        ActiveCall::start(self.account, call, media, started, setup)
    }

    async fn accept(self, prepared: Prepared) -> Result<ActiveCall, Error> {
        let Prepared {
            mut media,
            body,
            started,
            pending,
        } = prepared;
        let mut call = self.invite.accept(self.headers, Some(body)).await?;
        let setup = self.began.elapsed();
        let Some(pending) = pending else {
            let started = started.ok_or(Error::Ended)?;
            return ActiveCall::start(self.account, call, media, started, setup);
        };
        let answered = ack_body(&mut call)
            .await
            .and_then(|answer| media.accept(pending, &answer, false)?.ok_or(Error::Ended));
        match answered {
            Ok(started) => ActiveCall::start(self.account, call, media, started, setup),
            Err(error) => {
                self.account.client().end(call);
                Err(error)
            }
        }
    }
}

/// What is ready before the 200 goes out.
struct Prepared {
    media: CallMedia,
    body: Body,
    /// The media, when the INVITE's offer was answered.
    started: Option<StartedMedia>,
    /// Our offer, when the INVITE had none.
    pending: Option<PendingOffer>,
}

/// The SDP in the ACK to our 200.
async fn ack_body(call: &mut Call) -> Result<Body, Error> {
    let answer = async {
        loop {
            match call.next_event().await {
                CallEvent::AckBody(body) => return Ok(body),
                CallEvent::Ended(_) => {
                    return Err(Error::PeerIncompatible(
                        "the call ended before the caller answered our offer".into(),
                    ));
                }
                // A new offer before ours is answered crosses it: dropping it refuses it (RFC 3261 section 14.2).
                _ => {}
            }
        }
    };
    tokio::time::timeout(ACK_PATIENCE, answer)
        .await
        .unwrap_or_else(|_| {
            Err(Error::Timeout(
                "the caller did not answer our offer in its ACK".into(),
            ))
        })
}

/// The status that refuses a call which we cannot take.
fn refusal(error: &Error) -> StatusCode {
    match error {
        Error::PeerIncompatible(_) => StatusCode::NOT_ACCEPTABLE_HERE,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}
