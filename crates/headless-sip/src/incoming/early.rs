//! Media that runs before the answer, and the caller's offers meanwhile.

use media_engine::MediaEvents;
use sdp_negotiation::Direction;
use sip_signaling::{Body, EarlyOffers, IncomingOffer};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::Error;
use crate::media::CallMedia;

/// Media that runs before the answer. Dropping it ends the media.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) events: MediaEvents,
    /// Our answer, repeated in the 200; `None` when it was our offer that was answered.
    body: Option<Body>,
    /// Has the media, and answers for it.
    task: JoinHandle<Answered>,
    /// Its end stops the task.
    stop: oneshot::Sender<()>,
}

/// What the task gives back.
#[derive(Debug)]
struct Answered {
    media: CallMedia,
    /// An offer was answered after the first one.
    anew: bool,
}

impl Early {
    pub(super) fn begin(
        media: CallMedia,
        body: Option<Body>,
        events: MediaEvents,
        offers: EarlyOffers,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self {
            events,
            body,
            task: tokio::spawn(answer(media, offers, stopped)),
            stop,
        }
    }

    /// The media, the SDP of the 200, and the events.
    pub(super) async fn finish(self) -> Result<(CallMedia, Option<Body>, MediaEvents), Error> {
        drop(self.stop);
        let Answered { media, anew } = self.task.await.map_err(|_| Error::Ended)?;
        // RFC 6337 section 3.1.1: what was answered last holds, and the 200 does not repeat what came before.
        let body = self.body.filter(|_| !anew);
        Ok((media, body, self.events))
    }
}

/// Answers the caller's UPDATEs (RFC 3311) until it is stopped.
async fn answer(
    media: CallMedia,
    mut offers: EarlyOffers,
    mut stopped: oneshot::Receiver<()>,
) -> Answered {
    let mut answered = Answered { media, anew: false };
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return answered,
            Some(offer) = offers.recv() => answered.take(offer),
        }
    }
}

impl Answered {
    fn take(&mut self, offer: IncomingOffer) {
        let Some(body) = &offer.body else {
            return offer.accept(None);
        };
        match self.media.answer(body, Direction::SendRecv) {
            Ok((answer, _)) => {
                self.anew = true;
                offer.accept(Some(answer));
            }
            // Dropping the offer refuses it; what was agreed before holds.
            Err(error) => tracing::info!(%error, "an offer before the answer was refused"),
        }
    }
}
