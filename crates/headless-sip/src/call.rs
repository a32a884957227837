//! An established call: the face that the program holds, and the driver behind it.

use std::time::{Duration, Instant};

use media_engine::{AudioBridge, ListenConfig, MediaEvent, MediaEvents, MediaHandle, MediaUpdate};
use sdp_negotiation::{Direction, PendingOffer};
use sip_signaling::{
    Body, Call, CallHandle, HeaderList, IncomingOffer, IncomingRefer, NameAddr, SignalingError,
    StatusCode, Uri,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::client::HeadlessSipClient;
use crate::event::EventSender;
use crate::info_dtmf::{self, KeyPresses};
use crate::media::{CallMedia, StartedMedia};
use crate::{CallEnded, CallEvent, CallEvents, CallStats, DtmfMethod, DtmfMode, EndedBy, Error};
use crate::{CollectedDigits, DigitCollection};
use crate::{Progress, address};

/// Until an offer is tried again that crossed another one.
const OFFER_PAUSE: Duration = Duration::from_millis(500);

/// How long a BYE may keep the program waiting; it is repeated in the background for longer.
const BYE_PATIENCE: Duration = Duration::from_secs(2);

/// A call that was answered: audio both ways, its events, and the means to steer it.
///
/// Dropping it hangs up. Its parts can be moved out and used in several tasks; the call then lasts until
/// [`CallControl::hang_up`], the far end's BYE, or the drop of what is left of the `ActiveCall`.
#[derive(Debug)]
pub struct ActiveCall {
    /// The sound: [`AudioSender`](crate::AudioSender) and [`AudioReceiver`](crate::AudioReceiver).
    pub audio: AudioBridge,
    /// What happens in the call.
    pub events: CallEvents,
    /// The means to steer the call, from any task.
    control: CallControl,
    /// Hangs up when what is left of the call goes.
    guard: DropGuard,
}

impl ActiveCall {
    pub(crate) fn start(
        client: HeadlessSipClient,
        sip: Call,
        media: CallMedia,
        started: StartedMedia,
        setup: Duration,
    ) -> Result<Self, Error> {
        let handle = media.handle().cloned().ok_or(Error::Ended)?;
        let (events_sender, events) = EventSender::channel();
        let (commands_sender, commands) = mpsc::channel(16);
        let dropped = CancellationToken::new();
        let control = CallControl {
            commands: commands_sender,
            media: handle.clone(),
            sip: sip.handle(),
            domain: client.domain().cloned(),
            dtmf_mode: client.config().dtmf_mode,
            setup,
            call_id: sip.call_id().to_owned(),
            remote: sip.remote().to_string(),
        };
        let driver = Driver {
            held: media
                .negotiated()
                .is_some_and(|negotiated| negotiated.remote_is_holding),
            sip,
            media,
            handle,
            media_events: started.events,
            told: started.told,
            commands,
            events: events_sender,
            setup,
            presses: KeyPresses::default(),
            bye_headers: HeaderList::new(),
            refer: None,
            local_hold: false,
            reoffer: None,
            offered_in_200: None,
            network: client.network_changes(),
            moved: false,
            client: client.clone(),
            dropped: dropped.clone(),
        };
        client.track(driver.run());
        Ok(Self {
            audio: started.audio,
            events,
            guard: dropped.drop_guard(),
            control,
        })
    }

    /// The means to steer the call; may be cloned, and does not hang up when dropped.
    pub fn control(&self) -> CallControl {
        self.control.clone()
    }

    /// Ends the call with a BYE and waits until the far end has confirmed it, at most 2 s; after that the BYE is repeated in
    /// the background.
    ///
    /// # Errors
    ///
    /// [`Error::Transport`] when the BYE could not be sent; the call is over all the same.
    ///
    /// Not cancel safe: the call may or may not be over; drop it to be sure.
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.control.hang_up().await
    }

    /// Puts the far end on hold: see [`CallControl::hold`].
    pub async fn hold(&self) -> Result<(), Error> {
        self.control.hold().await
    }

    /// Takes the far end back: see [`CallControl::resume`].
    pub async fn resume(&self) -> Result<(), Error> {
        self.control.resume().await
    }

    /// Sends the far end to somebody else: see [`CallControl::transfer`].
    pub async fn transfer(&self, target: &str) -> Result<(), Error> {
        self.control.transfer(target).await
    }

    /// Joins the far end of this call and that of another: see [`CallControl::transfer_to`].
    pub async fn transfer_to(&self, other: &ActiveCall) -> Result<(), Error> {
        self.control.transfer_to(&other.control).await
    }

    /// Presses keys: see [`CallControl::send_dtmf`].
    pub async fn send_dtmf(&self, digits: &str) -> Result<(), Error> {
        self.control.send_dtmf(digits).await
    }

    /// Gathers keys to an input: see [`CallEvents::collect_digits`].
    pub async fn collect_digits(
        &mut self,
        collection: DigitCollection,
    ) -> Result<CollectedDigits, Error> {
        self.events.collect_digits(&self.audio.tx, collection).await
    }

    /// Listens for other things in the sound: see [`CallControl::listen`].
    pub fn listen(&self, listen: ListenConfig) -> Result<(), Error> {
        self.control.listen(listen)
    }

    /// The figures so far: see [`CallControl::stats`].
    pub fn stats(&self) -> CallStats {
        self.control.stats()
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        self.control.call_id()
    }

    /// The far end's address, as in its `From` or `To`.
    pub fn remote(&self) -> &str {
        self.control.remote()
    }

    /// Lets the call live without this value: dropping the parts does not hang up any more.
    pub fn into_parts(self) -> (CallControl, AudioBridge, CallEvents) {
        self.guard.disarm();
        (self.control, self.audio, self.events)
    }
}

/// The means to steer a call; cheap to clone, usable from any task.
#[derive(Clone, Debug)]
pub struct CallControl {
    commands: mpsc::Sender<Command>,
    media: MediaHandle,
    sip: CallHandle,
    /// The domain of bare names.
    domain: Option<Uri>,
    dtmf_mode: DtmfMode,
    setup: Duration,
    call_id: String,
    remote: String,
}

impl CallControl {
    /// Ends the call; see [`ActiveCall::hang_up`]. Ending a call that is over does nothing.
    pub async fn hang_up(&self) -> Result<(), Error> {
        self.hang_up_with(&[]).await
    }

    /// Ends the call with header fields in the BYE, such as `("Reason", "Q.850;cause=17")`; else as [`hang_up`](Self::hang_up).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a field that cannot be sent; the call goes on then.
    pub async fn hang_up_with(&self, fields: &[(&str, &str)]) -> Result<(), Error> {
        let headers = header_list(fields)?;
        match self.ask(|done| Command::HangUp { headers, done }).await {
            Err(Error::Ended) => Ok(()),
            other => other,
        }
    }

    /// Puts the far end on hold: a re-INVITE with `sendonly` (RFC 3264 section 8.4). What is played still goes
    /// out, so that music can be; received frames are silence until [`resume`](Self::resume).
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the far end refuses; the call stays as it was.
    ///
    /// Cancel safe: the request goes on, only its outcome is not told.
    pub async fn hold(&self) -> Result<(), Error> {
        self.ask(|done| Command::Hold { hold: true, done }).await
    }

    /// Takes the far end back from hold: a re-INVITE with `sendrecv`. Errors and cancel safety as in [`hold`](Self::hold).
    pub async fn resume(&self) -> Result<(), Error> {
        self.ask(|done| Command::Hold { hold: false, done }).await
    }

    /// Presses keys, each for 100 ms: `0` to `9`, `*`, `#`, `A` to `D`. By RFC 4733 and as tones it returns at once; the keys go out one after
    /// another, and playback waits meanwhile. By INFO ([`ClientConfig::dtmf_mode`](crate::ClientConfig::dtmf_mode)) it waits for the far
    /// end's answer to each.
    ///
    /// # Errors
    ///
    /// [`Error::Media`] for another character, and when the far end did not negotiate telephone-event; nothing is sent then.
    /// [`Error::Rejected`] and the like when it refuses the INFO.
    ///
    /// Cancel safe.
    pub async fn send_dtmf(&self, digits: &str) -> Result<(), Error> {
        self.send_dtmf_for(digits, Duration::from_millis(100)).await
    }

    /// Presses keys, each for `duration`; see [`send_dtmf`](Self::send_dtmf).
    pub async fn send_dtmf_for(&self, digits: &str, duration: Duration) -> Result<(), Error> {
        if let Some(wrong) = digits.chars().find(|digit| !is_dtmf(*digit)) {
            return Err(Error::Media(format!(
                "{wrong:?} is no DTMF digit; use 0-9, *, #, A-D"
            )));
        }
        for digit in digits.chars() {
            let digit = digit.to_ascii_uppercase();
            match self.dtmf_mode {
                DtmfMode::Rfc4733 => self.media.send_dtmf(digit, duration)?,
                DtmfMode::Info => self.send_info(digit, duration).await?,
                DtmfMode::InBand => self.media.send_dtmf_tone(digit, duration)?,
            }
        }
        Ok(())
    }

    /// Passes on a key of another call: in the way that is set, else as a tone.
    pub(crate) async fn relay_dtmf(&self, digit: char, held: Duration) -> Result<(), Error> {
        let held = held.clamp(Duration::from_millis(80), Duration::from_secs(5));
        match self.send_dtmf_for(&digit.to_string(), held).await {
            Err(Error::Media(_)) => Ok(self.media.send_dtmf_tone(digit, held)?),
            outcome => outcome,
        }
    }

    async fn send_info(&self, digit: char, duration: Duration) -> Result<(), Error> {
        match self.sip.info(info_dtmf::relay(digit, duration)).await {
            Err(SignalingError::Rejected(refusal))
                if refusal.status == StatusCode::UNSUPPORTED_MEDIA_TYPE =>
            {
                Ok(self.sip.info(info_dtmf::plain(digit)).await?)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Listens for other things in the sound of the call from now on, in place of [`ClientConfig::listen`](crate::ClientConfig::listen). What goes
    /// on being listened for is not begun anew.
    ///
    /// # Errors
    ///
    /// [`Error::Media`] when the call is over.
    pub fn listen(&self, listen: ListenConfig) -> Result<(), Error> {
        let update = MediaUpdate {
            listen: Some(listen),
            ..MediaUpdate::default()
        };
        Ok(self.media.update(update)?)
    }

    /// Asks the far end to call `target` in our stead (blind transfer, REFER, RFC 3515) and waits until it agrees; `target` as for
    /// [`HeadlessSipClient::call`](crate::HeadlessSipClient::call). How it fares comes as [`CallEvent::Transfer`]; this call stands until
    /// one side hangs up.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`] when the far end refuses, [`Error::Config`] for a target that is no address, [`Error::Timeout`], [`Error::Ended`].
    ///
    /// Cancel safe: the request goes on, only its outcome is not told.
    pub async fn transfer(&self, target: &str) -> Result<(), Error> {
        self.transfer_with(target, &[]).await
    }

    /// As [`transfer`](Self::transfer), with header fields in the REFER.
    pub async fn transfer_with(&self, target: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        let target = address::target(target, self.domain.as_ref())?;
        let target = NameAddr::new(target);
        Ok(self.sip.refer(&target, header_list(fields)?).await?)
    }

    /// Asks the far end to take our place in `other`, so that both far ends are joined (attended transfer, RFC 3891). As [`transfer`](Self::transfer).
    pub async fn transfer_to(&self, other: &CallControl) -> Result<(), Error> {
        Ok(self
            .sip
            .refer_to_call(&other.sip, HeaderList::new())
            .await?)
    }

    /// Does what the far end asked for with [`CallEvent::TransferRequested`]: calls the target, tells the far end how that fares, and gives
    /// the new call. The old one stands until one side hangs up; the far end usually does.
    ///
    /// # Errors
    ///
    /// [`Error::Ended`] when nothing was asked for or it was refused meanwhile; else as for [`HeadlessSipClient::call`](crate::HeadlessSipClient::call).
    ///
    /// Cancel safe: dropping the future cancels the new call, and the far end is told so.
    pub async fn follow_transfer(&self) -> Result<ActiveCall, Error> {
        let (taken, refer) = oneshot::channel();
        self.commands
            .send(Command::TakeRefer(taken))
            .await
            .map_err(|_| Error::Ended)?;
        let (refer, client) = refer.await.map_err(|_| Error::Ended)?;
        follow(refer, &client).await
    }

    /// Refuses what the far end asked for with [`CallEvent::TransferRequested`] (603). Does nothing when nothing is open.
    pub async fn decline_transfer(&self) {
        let (taken, refer) = oneshot::channel();
        if self.commands.send(Command::TakeRefer(taken)).await.is_ok() {
            drop(refer.await);
        }
    }

    /// Sends a text within the call (MESSAGE, RFC 3428) and waits until it was taken.
    ///
    /// # Errors
    ///
    /// [`Error::Rejected`], [`Error::Timeout`], [`Error::Ended`].
    ///
    /// Cancel safe: it may have been sent.
    pub async fn message(&self, text: &str) -> Result<(), Error> {
        let body = Body::new("text/plain;charset=UTF-8", text);
        Ok(self.sip.message(body).await?)
    }

    /// The figures so far, or the final ones once the call is over.
    pub fn stats(&self) -> CallStats {
        CallStats::new(self.setup, self.media.stats())
    }

    /// The `Call-ID`.
    pub fn call_id(&self) -> &str {
        &self.call_id
    }

    /// The far end's address, as in its `From` or `To`.
    pub fn remote(&self) -> &str {
        &self.remote
    }

    async fn ask(&self, command: impl FnOnce(Reply) -> Command) -> Result<(), Error> {
        let (done, outcome) = oneshot::channel();
        self.commands
            .send(command(done))
            .await
            .map_err(|_| Error::Ended)?;
        outcome.await.map_err(|_| Error::Ended)?
    }
}

fn is_dtmf(digit: char) -> bool {
    matches!(digit.to_ascii_uppercase(), '0'..='9' | '*' | '#' | 'A'..='D')
}

type Reply = oneshot::Sender<Result<(), Error>>;

#[derive(Debug)]
enum Command {
    HangUp { headers: HeaderList, done: Reply },
    Hold { hold: bool, done: Reply },
    TakeRefer(oneshot::Sender<(IncomingRefer, HeadlessSipClient)>),
}

/// Joins signalling, media and program for one call, until it ends.
#[derive(Debug)]
struct Driver {
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
    /// Our offer in the 200 to a re-INVITE without one; its answer comes in the ACK.
    offered_in_200: Option<PendingOffer>,
    /// Changes of this machine's network.
    network: watch::Receiver<u64>,
    /// Our address is another one, and the far end has to be told.
    moved: bool,
    /// Keeps the user agent alive as long as its calls.
    client: HeadlessSipClient,
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
    async fn run(mut self) {
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
        let closing = self.client.closing();
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
                Ok(()) = self.network.changed() => self.on_network_changed(),
                () = closing.cancelled() => return End::local(None),
                () = dropped.cancelled() => return End::local(None),
            }
        }
    }

    fn on_sip(&mut self, event: sip_signaling::CallEvent) -> Option<End> {
        match event {
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
            sip_signaling::CallEvent::Refer(refer) if self.client.config().allow_refer => {
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
                    let _ = taken.send((refer, self.client.clone()));
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
            .client
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

/// Header fields of the program, checked.
pub(crate) fn header_list(fields: &[(&str, &str)]) -> Result<HeaderList, Error> {
    let mut headers = HeaderList::new();
    for (name, value) in fields {
        headers.push(name, *value)?;
    }
    Ok(headers)
}

pub(crate) fn pairs(headers: &HeaderList) -> Vec<(String, String)> {
    let fields = headers.iter();
    fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Calls whom the far end named, and tells it how that fares.
async fn follow(refer: IncomingRefer, client: &HeadlessSipClient) -> Result<ActiveCall, Error> {
    let target = refer.target.uri().to_request_uri().to_string();
    let mut dial = client.dial(&target);
    for (name, value) in refer.invite_headers().iter() {
        dial = dial.header(name, value);
    }
    let notifier = refer.accept()?;
    let outcome = async {
        let mut call = dial.await?;
        loop {
            match call.progress().await? {
                Progress::Answered => return call.answered().await,
                Progress::Ringing { status, .. } => notifier.progress(StatusCode(status)),
                _ => {}
            }
        }
    }
    .await;
    notifier.done(match &outcome {
        Ok(_) => StatusCode::OK,
        Err(Error::Rejected { status, .. }) => StatusCode(*status),
        Err(Error::Timeout(_)) => StatusCode::REQUEST_TIMEOUT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    });
    outcome
}

/// Sends the BYE and waits a while for its confirmation. The call is over whatever becomes of it: the program is told only when it could
/// not be sent at all.
pub(crate) async fn say_bye(call: &Call, headers: HeaderList) -> Result<(), Error> {
    let sip = call.handle();
    let bye = tokio::spawn(async move { sip.bye(headers).await });
    match tokio::time::timeout(BYE_PATIENCE, bye).await {
        Ok(Ok(Err(SignalingError::Transport { peer, why }))) => Err(Error::Transport(format!(
            "the BYE did not reach {peer}: {why}; the call is over here"
        ))),
        Ok(_) => Ok(()),
        Err(_) => {
            tracing::info!(
                "the far end has not confirmed the BYE yet; it is repeated in the background"
            );
            Ok(())
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
