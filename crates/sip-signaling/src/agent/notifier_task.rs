//! The task of a peer's subscription: NOTIFY, refreshes, expiry.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{
    auth::{Authenticator, rejected},
    clock::{first_cseq, now},
    dispatch::refuse,
    notifier::{NotifierCommand, NotifierEnd, granted},
    outgoing_task::sleep_until,
    user_agent::{CallInput, Inner},
};
use crate::{
    Body, Method, SignalingError, StatusCode,
    session::{CseqOrder, Dialog},
    transaction::{ServerTransaction, Target},
};

/// Answers the SUBSCRIBE, and tells the first state.
pub(super) fn start(
    inner: &Arc<Inner>,
    transaction: ServerTransaction,
    mut dialog: Dialog,
    (local_tag, state): (String, Option<Body>),
    commands: mpsc::UnboundedReceiver<NotifierCommand>,
    ended: oneshot::Sender<NotifierEnd>,
) {
    dialog.start_cseq(first_cseq());
    let (sender, inputs) = mpsc::unbounded_channel();
    // The task's inputs first, then the 200: a refresh may follow at once.
    inner.set_call(dialog.id().clone(), sender);
    let mut task = NotifierTask {
        event: transaction
            .request
            .headers
            .get("Event")
            .unwrap_or_default()
            .to_owned(),
        inner: inner.clone(),
        dialog,
        local_tag,
        flow: transaction.source,
        state,
        until: now(),
        inputs,
    };
    let life = task.grant(transaction);
    inner.tasks.spawn(async move {
        let end = task.run(life, commands).await;
        task.inner.forget_call(task.dialog.id());
        ended.send(end).ok();
    });
}

struct NotifierTask {
    inner: Arc<Inner>,
    dialog: Dialog,
    local_tag: String,
    flow: Target,
    /// The `Event` of each NOTIFY: that of the SUBSCRIBE.
    event: String,
    /// What was told last.
    state: Option<Body>,
    until: Instant,
    inputs: mpsc::UnboundedReceiver<CallInput>,
}

impl NotifierTask {
    async fn run(
        &mut self,
        life: Duration,
        mut commands: mpsc::UnboundedReceiver<NotifierCommand>,
    ) -> NotifierEnd {
        if let Some(end) = self.tell_refreshed(life).await {
            return end;
        }
        let closing = self.inner.closing.clone();
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(NotifierCommand::Notify { state, done }) => {
                        self.state = state;
                        let result = self.notify(None).await;
                        let over = is_over(&result);
                        done.send(result).ok();
                        if over {
                            return NotifierEnd::Lost;
                        }
                    }
                    Some(NotifierCommand::Terminate { reason, state, done }) => {
                        self.state = state;
                        done.send(self.notify(Some(&reason)).await).ok();
                        return NotifierEnd::Local;
                    }
                    None => {
                        self.notify(Some("noresource")).await.ok();
                        return NotifierEnd::Local;
                    }
                },
                Some(input) = self.inputs.recv() => {
                    let CallInput::Request(transaction) = input else { continue };
                    if let Some(life) = self.on_request(*transaction)
                        && let Some(end) = self.tell_refreshed(life).await
                    {
                        return end;
                    }
                }
                () = sleep_until(Some(self.until)) => {
                    self.notify(Some("timeout")).await.ok();
                    return NotifierEnd::Expired;
                }
                () = closing.cancelled() => {
                    let patience = self.inner.config.timers.t1.saturating_mul(8);
                    let last = self.notify(Some("deactivated"));
                    tokio::time::timeout(patience, last).await.ok();
                    return NotifierEnd::Local;
                }
            }
        }
    }

    /// RFC 6665 section 4.2.1.2: each SUBSCRIBE is followed by a NOTIFY at once; one of no life by the last.
    async fn tell_refreshed(&mut self, life: Duration) -> Option<NotifierEnd> {
        if life.is_zero() {
            self.notify(Some("timeout")).await.ok();
            return Some(NotifierEnd::Unsubscribed);
        }
        let result = self.notify(None).await;
        is_over(&result).then_some(NotifierEnd::Lost)
    }

    /// A request in the dialog; the life that it asks for, if it is a refresh.
    fn on_request(&mut self, transaction: ServerTransaction) -> Option<Duration> {
        let request = &transaction.request;
        let number = request.cseq().map_or(0, |(number, _)| number);
        let status = if request.method != Method::Subscribe {
            StatusCode::METHOD_NOT_ALLOWED
        } else if self.dialog.accept_cseq(number) == CseqOrder::OutOfOrder {
            StatusCode::SERVER_INTERNAL_ERROR
        } else {
            self.dialog.refresh_target(request.contact());
            self.flow = transaction.source;
            return Some(self.grant(transaction));
        };
        refuse(&self.inner, Box::new(transaction), status);
        None
    }

    fn grant(&mut self, mut transaction: ServerTransaction) -> Duration {
        let life = granted(&transaction.request);
        let mut response = self.inner.response(
            &transaction.request,
            StatusCode::OK,
            Some(&self.local_tag),
            transaction.source,
        );
        let text = life.as_secs().to_string();
        response.headers.push_raw("Expires", text);
        transaction.responder.send(&response);
        self.until = now().checked_add(life).unwrap_or(self.until);
        life
    }

    /// Sends the state; the last NOTIFY has a reason.
    async fn notify(&mut self, reason: Option<&str>) -> Result<(), SignalingError> {
        let target = self.inner.reach_dialog(&self.dialog, self.flow).await?;
        let user = self.dialog.local().uri().user_decoded();
        let contact = self.inner.contact(user.as_deref(), target)?.to_string();
        let left = self.until.saturating_duration_since(now()).as_secs();
        let standing = match reason {
            Some(reason) => format!("terminated;reason={reason}"),
            None => format!("active;expires={left}"),
        };
        let (inner, dialog) = (self.inner.clone(), &mut self.dialog);
        let make = || {
            let mut request = dialog.request(Method::Notify);
            let headers = &mut request.headers;
            headers.push_raw("Contact", contact.clone());
            headers.push_raw("Event", self.event.clone());
            headers.push_raw("Subscription-State", standing.clone());
            inner.add_agent_headers(headers);
            request.set_body(self.state.clone())?;
            Ok(request)
        };
        let mut auth = Authenticator::new(None);
        match inner.transact(make, target, &mut auth).await? {
            response if response.status.is_success() => Ok(()),
            response => Err(rejected(&response)),
        }
    }
}

/// RFC 6665 section 4.2.2: a NOTIFY that was refused, or not answered, ends the subscription, unless it is wanted later.
fn is_over(result: &Result<(), SignalingError>) -> bool {
    match result {
        Ok(()) => false,
        Err(SignalingError::Rejected(refusal)) => refusal.retry_after.is_none(),
        Err(_) => true,
    }
}
