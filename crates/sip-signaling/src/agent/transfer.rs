//! Transfers: REFER in both roles (RFC 3515), and INVITE with Replaces (RFC 3891).

use std::sync::PoisonError;

use tokio::sync::oneshot;

use super::call::{CallCommand, CallHandle};
use crate::{
    Body, HeaderList, Method, NameAddr, Request, SignalingError, StatusCode,
    message::refer::{Replaces, refer_to_replacing, uri_header},
};

/// How a transfer fares that this side has asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferProgress {
    /// What the peer was answered by the third party; 100 as long as it knows nothing.
    pub status: StatusCode,
    /// Reason phrase; may be empty.
    pub reason: String,
    /// Nothing follows.
    pub done: bool,
}

/// A peer asks this side to call somebody else. Dropping it refuses with 603; so does the end of
/// [`crate::UserAgentConfig::offer_timeout`].
#[derive(Debug)]
pub struct IncomingRefer {
    /// Whom to call.
    pub target: NameAddr,
    /// Headers of the REFER.
    pub headers: HeaderList,
    pub(super) reply: Option<oneshot::Sender<()>>,
    pub(super) handle: CallHandle,
    /// The `Event` of our NOTIFYs.
    pub(super) event: String,
}

impl IncomingRefer {
    /// Headers for the INVITE to the target: `Replaces` where the REFER wants one (attended transfer), `Referred-By` (RFC 3892).
    pub fn invite_headers(&self) -> HeaderList {
        let mut headers = HeaderList::new();
        if let Some(replaces) = uri_header(self.target.uri(), "Replaces") {
            headers.push_raw("Replaces", replaces);
        }
        if let Some(by) = self.headers.get("Referred-By") {
            headers.push_raw("Referred-By", by);
        }
        headers
    }

    /// Agrees (202). The call to the target is the program's to make; the notifier tells the peer how it fares.
    ///
    /// # Errors
    /// `Closed` if it was refused already or the call has ended.
    pub fn accept(mut self) -> Result<ReferNotifier, SignalingError> {
        let reply = self.reply.take().ok_or(SignalingError::Closed)?;
        reply.send(()).map_err(|()| SignalingError::Closed)?;
        Ok(ReferNotifier {
            handle: self.handle.clone(),
            event: self.event.clone(),
            done: false,
        })
    }
}

/// Tells a peer how the transfer fares that it asked for. Dropping it tells that it was declined.
#[derive(Debug)]
pub struct ReferNotifier {
    handle: CallHandle,
    event: String,
    done: bool,
}

impl ReferNotifier {
    /// Tells a provisional status, such as 180. Returns at once.
    pub fn progress(&self, status: StatusCode) {
        self.notify(status, false);
    }

    /// Tells the final status, 200 for a call that stands. Returns at once.
    pub fn done(mut self, status: StatusCode) {
        self.done = true;
        self.notify(status, true);
    }

    fn notify(&self, status: StatusCode, last: bool) {
        let (done, _) = oneshot::channel();
        let (headers, body) = notification(&self.event, status, last);
        self.handle
            .commands
            .send(CallCommand::Request {
                method: Method::Notify,
                headers,
                body: Some(body),
                done,
            })
            .ok();
    }
}

impl Drop for ReferNotifier {
    fn drop(&mut self) {
        if !self.done {
            self.notify(StatusCode::DECLINE, true);
        }
    }
}

/// Headers and body of a NOTIFY about a REFER (RFC 3515 section 2.4.4).
pub(super) fn notification(event: &str, status: StatusCode, last: bool) -> (HeaderList, Body) {
    let mut headers = HeaderList::new();
    headers.push_raw("Event", event);
    headers.push_raw(
        "Subscription-State",
        if last {
            "terminated;reason=noresource"
        } else {
            "active;expires=180"
        },
    );
    let text = format!("SIP/2.0 {status} {}\r\n", status.default_reason());
    (headers, Body::new("message/sipfrag;version=2.0", text))
}

/// `Refer-To` of a REFER; exactly one, or none (RFC 3515 section 2.1).
pub(super) fn refer_to(request: &Request) -> Option<NameAddr> {
    let mut targets = request.headers.get_all("Refer-To");
    match (targets.next(), targets.next()) {
        (Some(target), None) => NameAddr::parse(target).ok(),
        _ => None,
    }
}

impl CallHandle {
    /// Asks the peer to call `target` instead (blind transfer, RFC 3515); returns once the peer has agreed. How it fares comes as
    /// [`crate::CallEvent::Transfer`]; the call itself goes on until one side ends it.
    ///
    /// # Errors
    /// `Rejected` (603 and 403 are usual), `Timeout`, `Closed`, `InvalidInput`.
    pub async fn refer(
        &self,
        target: &NameAddr,
        headers: HeaderList,
    ) -> Result<(), SignalingError> {
        self.send_refer(target.to_string(), headers).await
    }

    /// Asks the peer to take over `other`, a call of this side with a third party (attended transfer, RFC 3891). As [`CallHandle::refer`].
    pub async fn refer_to_call(
        &self,
        other: &CallHandle,
        headers: HeaderList,
    ) -> Result<(), SignalingError> {
        let target = {
            let dialog = other.dialog.lock().unwrap_or_else(PoisonError::into_inner);
            let id = dialog.id();
            let replaces = Replaces {
                call_id: id.call_id.clone(),
                to_tag: id.remote_tag.clone(),
                from_tag: id.local_tag.clone(),
                early_only: false,
            };
            refer_to_replacing(dialog.remote_target(), &replaces)
        };
        self.send_refer(target, headers).await
    }

    async fn send_refer(
        &self,
        target: String,
        mut headers: HeaderList,
    ) -> Result<(), SignalingError> {
        headers.set_raw("Refer-To", target);
        if !headers.contains("Referred-By") {
            let local = {
                let dialog = self.dialog.lock().unwrap_or_else(PoisonError::into_inner);
                dialog.local().uri().clone()
            };
            headers.push_raw("Referred-By", NameAddr::new(local).to_string());
        }
        self.request(Method::Refer, headers, None).await.map(|_| ())
    }
}
