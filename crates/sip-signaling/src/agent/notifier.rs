//! Subscriptions of peers (RFC 6665, the notifier's side).

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};

use super::{
    clock::token,
    dispatch::{answer, refuse},
    notifier_task,
    user_agent::{Inner, add_custom, check_headers},
};
use crate::{
    Body, HeaderList, NameAddr, Request, SignalingError, StatusCode, Uri,
    message::{Event, check_body, check_token},
    session::{Dialog, seconds},
    transaction::ServerTransaction,
};

/// The longest life that a subscription gets, and that of one which asks for none: the hour that RFC 6665 section 3.1.1 has in mind.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The queue of subscriptions that peers ask for. Dropping it refuses further ones.
#[derive(Debug)]
pub struct IncomingSubscriptions {
    pub(super) queue: mpsc::Receiver<IncomingSubscription>,
}

impl IncomingSubscriptions {
    /// The next one; `None` once the user agent is gone.
    ///
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<IncomingSubscription> {
        self.queue.recv().await
    }
}

/// A peer wants to be told of the state of a resource. Dropping it refuses with 480.
#[derive(Debug)]
pub struct IncomingSubscription {
    inner: Arc<Inner>,
    transaction: Option<Box<ServerTransaction>>,
    request: Request,
    from: NameAddr,
    to: NameAddr,
    package: String,
    dialog: Dialog,
    local_tag: String,
}

impl IncomingSubscription {
    /// Who wants to know, verified by nobody.
    pub fn from(&self) -> &NameAddr {
        &self.from
    }

    /// Whose state.
    pub fn to(&self) -> &NameAddr {
        &self.to
    }

    /// Request-URI: whose state, as the last proxy wrote it.
    pub fn uri(&self) -> &Uri {
        &self.request.uri
    }

    /// The event package, such as `dialog`.
    pub fn package(&self) -> &str {
        &self.package
    }

    /// Headers of the SUBSCRIBE.
    pub fn headers(&self) -> &HeaderList {
        &self.request.headers
    }

    /// Body of the SUBSCRIBE, such as a filter.
    pub fn body(&self) -> Option<Body> {
        self.request.body()
    }

    /// Where it came from.
    pub fn source(&self) -> Option<SocketAddr> {
        let transaction = self.transaction.as_ref()?;
        Some(transaction.source.addr)
    }

    /// The life that it gets: what was asked for, at most an hour. Zero asks for the state once.
    pub fn expires(&self) -> Duration {
        granted(&self.request)
    }

    /// Agrees (200), and tells the state that holds now. From then on [`Notifier::notify`] tells of changes; refreshes are answered, and told
    /// the last state, without further ado.
    ///
    /// # Errors
    /// `InvalidInput` for a content type that breaks a header (it is then refused with 480).
    pub fn accept(mut self, state: Option<Body>) -> Result<Notifier, SignalingError> {
        check_body(state.as_ref())?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let (ended_sender, ended) = oneshot::channel();
        if let Some(transaction) = self.transaction.take() {
            notifier_task::start(
                &self.inner,
                *transaction,
                self.dialog.clone(),
                (self.local_tag.clone(), state),
                receiver,
                ended_sender,
            );
        }
        Ok(Notifier { commands, ended })
    }

    /// Refuses with 300 to 699; 403 and 404 are usual.
    ///
    /// # Errors
    /// `InvalidInput` for another status or an unusable header (it is then refused with 480).
    pub fn reject(mut self, status: StatusCode, headers: HeaderList) -> Result<(), SignalingError> {
        if !(300..=699).contains(&status.0) {
            return Err(SignalingError::input("status", "a refusal is 300 to 699"));
        }
        check_headers(&headers, true)?;
        if let Some(mut transaction) = self.transaction.take() {
            let mut response = self.inner.response(
                &transaction.request,
                status,
                Some(&self.local_tag),
                transaction.source,
            );
            add_custom(&mut response.headers, &headers);
            transaction.responder.send(&response);
        }
        Ok(())
    }
}

impl Drop for IncomingSubscription {
    fn drop(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            let status = StatusCode::TEMPORARILY_UNAVAILABLE;
            refuse(&self.inner, transaction, status);
        }
    }
}

/// Why a subscription of a peer is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotifierEnd {
    /// The subscriber has ended it.
    Unsubscribed,
    /// The subscriber did not refresh it.
    Expired,
    /// The subscriber does not know it any more (481), refused a NOTIFY, or did not answer it.
    Lost,
    /// This side has ended it, or the user agent has shut down.
    Local,
}

/// What is sent to the task of a notifier.
#[derive(Debug)]
pub(super) enum NotifierCommand {
    Notify {
        state: Option<Body>,
        done: oneshot::Sender<Result<(), SignalingError>>,
    },
    Terminate {
        reason: String,
        state: Option<Body>,
        done: oneshot::Sender<Result<(), SignalingError>>,
    },
}

/// Tells a subscriber of changes. Dropping it ends the subscription with the reason `noresource`.
#[derive(Debug)]
pub struct Notifier {
    commands: mpsc::UnboundedSender<NotifierCommand>,
    ended: oneshot::Receiver<NotifierEnd>,
}

impl Notifier {
    /// Tells a new state, and waits until the subscriber has it.
    ///
    /// Not cancel safe in its result: the NOTIFY goes on if the future is dropped.
    ///
    /// # Errors
    /// `Rejected` with a `retry_after` if the subscriber wants it later; any other refusal, and `Timeout`, end the subscription. `Closed` if it
    /// has ended. `InvalidInput` for a content type that breaks a header.
    pub async fn notify(&self, state: Option<Body>) -> Result<(), SignalingError> {
        check_body(state.as_ref())?;
        self.command(|done| NotifierCommand::Notify { state, done })
            .await
    }

    /// Ends the subscription, with a reason of RFC 6665 section 4.1.3 (`noresource`, `deactivated`, `giveup`, ...) and a last state.
    ///
    /// Not cancel safe in its result.
    ///
    /// # Errors
    /// As [`Notifier::notify`], and `InvalidInput` for a reason that is no token; it has ended in any case.
    pub async fn terminate(self, reason: &str, state: Option<Body>) -> Result<(), SignalingError> {
        check_token("reason", reason)?;
        check_body(state.as_ref())?;
        let reason = reason.to_owned();
        self.command(|done| NotifierCommand::Terminate {
            reason,
            state,
            done,
        })
        .await
    }

    /// Waits until it is over.
    ///
    /// Cancel safe; asked again, it says [`NotifierEnd::Local`].
    pub async fn ended(&mut self) -> NotifierEnd {
        if self.ended.is_terminated() {
            return NotifierEnd::Local;
        }
        (&mut self.ended).await.unwrap_or(NotifierEnd::Local)
    }

    async fn command(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), SignalingError>>) -> NotifierCommand,
    ) -> Result<(), SignalingError> {
        let (done, result) = oneshot::channel();
        self.commands
            .send(command(done))
            .map_err(|_| SignalingError::Closed)?;
        result.await.map_err(|_| SignalingError::Closed)?
    }
}

/// A SUBSCRIBE outside a dialog: refused at once, or put into the queue.
pub(super) fn arrive(inner: &Arc<Inner>, transaction: Box<ServerTransaction>) {
    let request = transaction.request.clone();
    let local_tag = token(12);
    let (Some(event), Some(from), Some(to), Ok(dialog)) = (
        Event::of(&request.headers),
        request.from(),
        request.to(),
        Dialog::callee(&request, &local_tag),
    ) else {
        return refuse(inner, transaction, StatusCode::BAD_REQUEST);
    };
    let packages = inner.packages();
    let known = |name: &String| name.eq_ignore_ascii_case(&event.package);
    let Some(packages) = packages.filter(|packages| packages.names.iter().any(known)) else {
        let allowed = inner
            .packages()
            .map(|packages| packages.names.join(", "))
            .unwrap_or_default();
        let status = StatusCode::BAD_EVENT;
        return answer(inner, transaction, status, &[("Allow-Events", &allowed)]);
    };
    let Ok(slot) = packages.queue.try_reserve() else {
        return refuse(inner, transaction, StatusCode::TEMPORARILY_UNAVAILABLE);
    };
    slot.send(IncomingSubscription {
        inner: inner.clone(),
        transaction: Some(transaction),
        request,
        from,
        to,
        package: event.package,
        dialog,
        local_tag,
    });
}

/// The life that a SUBSCRIBE gets.
pub(super) fn granted(request: &Request) -> Duration {
    seconds(request.headers.get("Expires")).map_or(LONGEST, |wanted| wanted.min(LONGEST))
}
