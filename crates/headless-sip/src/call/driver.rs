//! What joins signalling, media and program for one call, until it ends.

use std::time::{Duration, Instant};

use media_engine::{MediaEvent, MediaEvents, MediaHandle};
use sdp_negotiation::{Direction, PendingOffer};
use sip_signaling::{
    Body, Call, HeaderList, IncomingOffer, IncomingRefer, SignalingError, StatusCode,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{pairs, say_bye};
use crate::event::EventSender;
use crate::info_dtmf::{self, KeyPresses};
use crate::media::CallMedia;
use crate::{Account, CallEnded, CallEvent, CallStats, DtmfMethod, EndedBy, Error};

/// Until an offer is tried again that crossed another one.
const OFFER_PAUSE: Duration = Duration::from_millis(500);

/// How long the far end's offer waits for the answer to ours, which came before it.
const ANSWER_PATIENCE: Duration = Duration::from_millis(200);

pub(super) type Reply = oneshot::Sender<Result<(), Error>>;

#[derive(Debug)]
pub(super) enum Command {
    HangUp { headers: HeaderList, done: Reply },
    Hold { hold: bool, done: Reply },
    TakeRefer(oneshot::Sender<(IncomingRefer, Account)>),
}

/// Joins signalling, media and program for one call, until it ends.
#[derive(Debug)]
pub(super) struct Driver {
    sip: Call,
    media: CallMedia,
    handle: MediaHandle,
    media_events: MediaEvents,
    /// Of the time before the answer.
    told: Vec<MediaEvent>,
    commands: mpsc::Receiver<Command>,
    events: EventSender,
    setup: Duration,
    presses: KeyPresses,
    /// What the program adds to our BYE.
    bye_headers: HeaderList,
    /// The far end asks us to call somebody else.
    refer: Option<IncomingRefer>,
    /// The far end holds us.
    held: bool,
    /// We hold the far end.
    local_hold: bool,
    /// Our re-INVITE that waits for its answer.
    reoffer: Option<Reoffer>,
    /// The far end's offer that came while ours was open, and until when it waits for that to be over.
    waiting: Option<(IncomingOffer, Instant)>,
    /// Our offer in the 200 to a re-INVITE without one; its answer comes in the ACK.
    offered_in_200: Option<PendingOffer>,
    /// Changes of this machine's network.
    network: watch::Receiver<u64>,
    /// Our address is another one, and the far end has to be told.
    moved: bool,
    /// Keeps the user agent alive as long as its calls.
    account: Account,
    /// The program let go of the call.
    dropped: CancellationToken,
}

#[derive(Debug)]
struct Reoffer {
    answer: JoinHandle<Result<Option<Body>, SignalingError>>,
    offer: PendingOffer,
    hold: bool,
    done: Option<Reply>,
}

/// Why a call ends, before its last figures are known.
struct End {
    by: EndedBy,
    status: Option<u16>,
    reason: Option<String>,
    headers: HeaderList,
    /// Whether the far end has still to be told, and who waits for that.
    bye: Option<Option<Reply>>,
}

impl Driver {
    pub(super) fn new(
        account: Account,
        sip: Call,
        (media, handle): (CallMedia, MediaHandle),
        (media_events, told): (MediaEvents, Vec<MediaEvent>),
        (commands, events): (mpsc::Receiver<Command>, EventSender),
        setup: Duration,
        dropped: CancellationToken,
    ) -> Self {
        Self {
            held: media
                .negotiated()
                .is_some_and(|negotiated| negotiated.remote_is_holding),
            sip,
            media,
            handle,
            media_events,
            told,
            commands,
            events,
            setup,
            presses: KeyPresses::default(),
            bye_headers: HeaderList::new(),
            refer: None,
            local_hold: false,
            reoffer: None,
            waiting: None,
            offered_in_200: None,
            network: account.client().network_changes(),
            moved: false,
            account,
            dropped,
        }
    }

    pub(super) async fn run(mut self) {
        let end = self.until_end().await;
        // RTCP BYE before the SIP BYE: the far end must not see its media fall silent without a word.
        self.handle.stop().await;
        let stats = CallStats::new(self.setup, self.handle.stats());
        if let Some(reply) = end.bye {
            let outcome = say_bye(&self.sip, std::mem::take(&mut self.bye_headers)).await;
            if let Some(reply) = reply {
                let _ = reply.send(outcome);
            }
        }
        self.events.end(CallEnded {
            by: end.by,
            status: end.status,
            reason: end.reason,
            q850_cause: end.headers.q850_cause(),
            headers: pairs(&end.headers),
            stats,
        });
    }

    async fn until_end(&mut self) -> End {
        let closing = self.account.client().closing();
        let dropped = self.dropped.clone();
        for event in std::mem::take(&mut self.told) {
            if let Some(end) = self.on_media(Some(event)) {
                return end;
            }
        }
        loop {
            tokio::select! {
                event = self.sip.next_event() => {
                    if let Some(end) = self.on_sip(event) {
                        return end;
                    }
                }
                event = self.media_events.recv() => {
                    if let Some(end) = self.on_media(event) {
                        return end;
                    }
                }
                command = self.commands.recv() => {
                    if let Some(end) = self.on_command(command) {
                        return end;
                    }
                }
                answer = answer_of(&mut self.reoffer) => self.on_reoffer_answered(answer),
                () = due(&self.waiting) => self.on_offer_due(),
                Ok(()) = self.network.changed() => self.on_network_changed(),
                () = closing.cancelled() => return End::local(None),
                () = dropped.cancelled() => return End::local(None),
            }
        }
    }

    fn on_sip(&mut self, event: sip_signaling::CallEvent) -> Option<End> {
        match event {
            // Offers that cross are refused below. This one followed the answer to ours, which is on its way to us; or ours waits for
            // the far end's.
            sip_signaling::CallEvent::Offer(offer) if self.reoffer.is_some() => {
                self.waiting = Some((offer, Instant::now() + ANSWER_PATIENCE));
            }
            sip_signaling::CallEvent::Offer(offer) => self.on_offer(offer),
            sip_signaling::CallEvent::AckBody(body) => self.on_ack_body(&body),
            sip_signaling::CallEvent::Transfer(progress) => {
                self.events.send(CallEvent::Transfer {
                    status: progress.status.0,
                    reason: progress.reason,
                    done: progress.done,
                });
            }
            // Dropping it refuses it.
            sip_signaling::CallEvent::Refer(refer)
                if self.account.client().config().allow_refer =>
            {
                self.events.send(CallEvent::TransferRequested {
                    target: refer.target.uri().to_request_uri().to_string(),
                    referred_by: refer.headers.get("Referred-By").map(str::to_owned),
                });
                self.refer = Some(*refer);
            }
            sip_signaling::CallEvent::Info {
                body: Some(body), ..
            } => {
                if let Some((digit, duration)) = info_dtmf::parse(&body) {
                    self.tell_key(digit, DtmfMethod::Info, duration);
                }
            }
            sip_signaling::CallEvent::Message {
                body: Some(body), ..
            } => {
                let text = String::from_utf8_lossy(&body.bytes).into_owned();
                self.events.send(CallEvent::Message { text });
            }
            sip_signaling::CallEvent::Refreshed(Some(body)) => {
                if let Err(error) = self.media.refreshed(&body, self.direction()) {
                    tracing::info!(%error, "the answer to a session refresh was not understood; the call goes on as it was");
                }
                self.tell_hold();
            }
            sip_signaling::CallEvent::Ended(ended) => return Some(End::signalled(ended)),
            _ => {}
        }
        None
    }

    /// The far end's re-INVITE or UPDATE (RFC 3264 section 8): answered always, and a refused one leaves the call as it was.
    fn on_offer(&mut self, offer: IncomingOffer) {
        let answered = match &offer.body {
            Some(body) => self
                .media
                .answer(body, self.direction())
                .map(|(answer, _)| answer),
            None => {
                let (body, pending) = self.media.offer(self.direction());
                self.offered_in_200 = Some(pending);
                Ok(body)
            }
        };
        match answered {
            Ok(answer) => offer.accept(Some(answer)),
            Err(error) => {
                tracing::info!(%error, "the far end's new offer was refused");
                offer.reject(StatusCode::NOT_ACCEPTABLE_HERE);
            }
        }
        self.tell_hold();
    }

    fn on_offer_due(&mut self) {
        if let Some((offer, _)) = self.waiting.take() {
            self.on_offer(offer);
        }
    }

    fn on_ack_body(&mut self, body: &Body) {
        let Some(pending) = self.offered_in_200.take() else {
            return;
        };
        if let Err(error) = self.media.accept(pending, body, false) {
            tracing::info!(%error, "the answer in the far end's ACK was not understood; the call goes on as it was");
        }
        self.tell_hold();
    }

    fn on_media(&mut self, event: Option<MediaEvent>) -> Option<End> {
        match event {
            Some(MediaEvent::Dtmf {
                digit,
                duration,
                in_band,
            }) => {
                let method = match in_band {
                    true => DtmfMethod::InBand,
                    false => DtmfMethod::Rfc4733,
                };
                self.tell_key(digit, method, duration);
            }
            Some(MediaEvent::Heard(heard)) => self.events.send(CallEvent::Heard(heard)),
            Some(MediaEvent::Mark { name, cleared }) => {
                self.events.send(CallEvent::Mark { name, cleared })
            }
            Some(MediaEvent::NoMedia(cause)) => self.events.send(CallEvent::NoMedia(cause)),
            Some(MediaEvent::MediaResumed) => self.events.send(CallEvent::MediaResumed),
            Some(MediaEvent::Quality(stats)) => {
                self.events
                    .send(CallEvent::Quality(CallStats::new(self.setup, stats)));
            }
            Some(MediaEvent::MediaTimeout) => {
                return Some(End {
                    by: EndedBy::MediaTimeout,
                    status: None,
                    reason: Some("no audio arrived for the media timeout".into()),
                    headers: HeaderList::new(),
                    bye: Some(None),
                });
            }
            Some(_) => {}
            None => {
                return Some(End {
                    by: EndedBy::Local,
                    status: None,
                    reason: Some("the media stopped".into()),
                    headers: HeaderList::new(),
                    bye: Some(None),
                });
            }
        }
        None
    }

    /// Once for each press, whichever ways it comes.
    fn tell_key(&mut self, digit: char, method: DtmfMethod, duration: Duration) {
        if self.presses.is_new(Instant::now(), digit, method) {
            self.events.send(CallEvent::Dtmf {
                digit,
                method,
                duration,
            });
        }
    }

    fn on_command(&mut self, command: Option<Command>) -> Option<End> {
        match command {
            None => Some(End::local(None)),
            Some(Command::HangUp { headers, done }) => {
                self.bye_headers = headers;
                Some(End::local(Some(done)))
            }
            Some(Command::TakeRefer(taken)) => {
                if let Some(refer) = self.refer.take() {
                    let _ = taken.send((refer, self.account.clone()));
                }
                None
            }
            Some(Command::Hold { hold, done }) => {
                self.reoffer(hold, Some(done));
                None
            }
        }
    }

    /// Our way to the far end is another one: new sockets at once, for a far end that follows what it receives; the rest is told by re-INVITE.
    fn on_network_changed(&mut self) {
        let peer = self.sip.handle().peer_addr();
        let moved = self
            .account
            .client()
            .rtp_ip(peer)
            .and_then(|ip| self.media.move_to(ip));
        match moved {
            Ok(moved) => self.moved |= moved,
            // There will be another change when there is.
            Err(error) => tracing::info!(%error, "no way to the far end at present"),
        }
        self.tell_move();
    }

    fn tell_move(&mut self) {
        if self.moved && self.reoffer.is_none() {
            self.moved = false;
            self.reoffer(self.local_hold, None);
        }
    }

    /// Offers anew. Without `done` nobody waits for it, so that it has to come about however long it takes.
    fn reoffer(&mut self, hold: bool, done: Option<Reply>) {
        if self.reoffer.is_some() {
            if let Some(done) = done {
                let _ = done.send(Err(Error::Media(
                    "another hold or resume is still under way; wait for it".into(),
                )));
            }
            return;
        }
        let direction = if hold {
            Direction::SendOnly
        } else {
            Direction::SendRecv
        };
        let (body, offer) = self.media.offer(direction);
        let sip = self.sip.handle();
        let patient = done.is_none();
        let answer = tokio::spawn(async move {
            loop {
                match sip.reinvite(Some(body.clone())).await {
                    Err(SignalingError::Pending) if patient => {
                        tokio::time::sleep(OFFER_PAUSE).await;
                    }
                    outcome => return outcome.map(|mut answer| answer.body.take()),
                }
            }
        });
        self.reoffer = Some(Reoffer {
            answer,
            offer,
            hold,
            done,
        });
    }

    fn on_reoffer_answered(&mut self, answer: Result<Option<Body>, SignalingError>) {
        let Some(Reoffer {
            offer, hold, done, ..
        }) = self.reoffer.take()
        else {
            return;
        };
        let outcome = answer.map_err(Error::from).and_then(|body| {
            let body = body.ok_or_else(|| {
                Error::PeerIncompatible("its 200 to our re-INVITE holds no SDP".into())
            })?;
            self.media.accept(offer, &body, false)?;
            self.local_hold = hold;
            Ok(())
        });
        match (done, outcome) {
            (Some(done), outcome) => drop(done.send(outcome)),
            (None, Err(error)) => {
                tracing::warn!(%error, "the far end was not told of our new address")
            }
            (None, Ok(())) => {}
        }
        self.tell_hold();
        self.on_offer_due();
        self.tell_move();
    }

    fn direction(&self) -> Direction {
        if self.local_hold {
            Direction::SendOnly
        } else {
            Direction::SendRecv
        }
    }

    fn tell_hold(&mut self) {
        let held = self
            .media
            .negotiated()
            .is_some_and(|negotiated| negotiated.remote_is_holding);
        if held != self.held {
            self.held = held;
            self.events.send(if held {
                CallEvent::Held
            } else {
                CallEvent::Resumed
            });
        }
    }
}

/// The answer to our re-INVITE; never, when there is none under way. Cancel safe.
async fn answer_of(reoffer: &mut Option<Reoffer>) -> Result<Option<Body>, SignalingError> {
    match reoffer {
        Some(reoffer) => (&mut reoffer.answer)
            .await
            .unwrap_or(Err(SignalingError::Closed)),
        None => std::future::pending().await,
    }
}

/// Waits until the far end's offer has waited long enough.
async fn due(waiting: &Option<(IncomingOffer, Instant)>) {
    match waiting {
        Some((_, until)) => tokio::time::sleep_until((*until).into()).await,
        None => std::future::pending().await,
    }
}

impl End {
    fn signalled(end: sip_signaling::CallEnd) -> Self {
        let by = match end.by {
            sip_signaling::EndedBy::Local | sip_signaling::EndedBy::Shutdown => EndedBy::Local,
            sip_signaling::EndedBy::Remote | sip_signaling::EndedBy::Replaced => EndedBy::Remote,
            _ => EndedBy::Signaling,
        };
        let reason = Some(end.reason).filter(|reason| !reason.is_empty());
        Self {
            by,
            status: end.status.map(|status| status.0),
            reason,
            headers: end.headers,
            bye: None,
        }
    }

    fn local(reply: Option<Reply>) -> Self {
        Self {
            by: EndedBy::Local,
            status: None,
            reason: None,
            headers: HeaderList::new(),
            bye: Some(reply),
        }
    }
}
