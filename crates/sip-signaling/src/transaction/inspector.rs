//! Sees every message: writes the trace, marks answers that the stack made up, reports 2xx to INVITE.

use std::net::SocketAddr;

use rsipstack::{
    sip::{HasHeaders, Header, HeadersExt, Method, SipMessage, StatusCodeKind},
    transaction::endpoint::MessageInspector,
    transport::SipAddr,
};
use tokio::sync::{broadcast, mpsc};

use super::{
    convert::{from_stack_addr, from_stack_response},
    layer::LayerEvent,
    target::{Target, local_ip_towards},
};
use crate::{
    Transport,
    agent::{TraceDirection, TracedMessage, now},
    message::text::lossless_text,
};

/// Header that marks an answer made here (timer B or F, a stream that broke); removed from messages of peers.
const LOCAL_MARK: &str = "X-Headless-Sip-Local";

pub(super) struct Inspector {
    pub(super) trace: broadcast::Sender<TracedMessage>,
    /// Where the socket is bound.
    pub(super) local: SocketAddr,
    pub(super) events: mpsc::Sender<LayerEvent>,
}

impl MessageInspector for Inspector {
    fn before_send(&self, message: SipMessage, dest: Option<&SipAddr>) -> SipMessage {
        self.note(TraceDirection::Sent, &message, dest);
        message
    }

    fn after_received(&self, mut message: SipMessage, from: Option<&SipAddr>) -> SipMessage {
        let headers = message.headers_mut();
        headers.retain(|header| !matches!(header, Header::Other(name, _) if name.eq_ignore_ascii_case(LOCAL_MARK)));
        if from.is_none() {
            headers.push(Header::Other(LOCAL_MARK.to_owned(), "1".to_owned()));
            return message;
        }
        self.note(TraceDirection::Received, &message, from);
        if let SipMessage::Response(response) = &message {
            let invite = response
                .cseq_header()
                .and_then(|cseq| cseq.method())
                .is_ok_and(|method| method == Method::Invite);
            if invite && response.status_code.kind() == StatusCodeKind::Successful {
                // Full means that the dispatcher is swamped: the peer will send the 2xx again.
                self.events
                    .try_send(LayerEvent::InviteSuccess(Box::new(from_stack_response(
                        response,
                    ))))
                    .ok();
            }
        }
        message
    }
}

impl Inspector {
    fn note(&self, direction: TraceDirection, message: &SipMessage, peer: Option<&SipAddr>) {
        if self.trace.receiver_count() == 0 {
            return;
        }
        let Some(ours) = super::convert::from_stack_message(message) else {
            return;
        };
        let ours = ours.redacted();
        let header = |name: &str| ours.headers().get(name).unwrap_or("").to_owned();
        let peer = peer.and_then(from_stack_addr);
        let traced = TracedMessage {
            at: now(),
            direction,
            transport: peer.map_or(Transport::Udp, |target| target.transport),
            local: self.local_towards(peer),
            peer: peer.map(|target| target.addr),
            start_line: ours.start_line(),
            cseq: header("CSeq"),
            call_id: header("Call-ID"),
            message: lossless_text(&ours.to_bytes()),
        };
        self.trace.send(traced).ok();
    }

    fn local_towards(&self, peer: Option<Target>) -> SocketAddr {
        let routed = peer
            .filter(|_| self.local.ip().is_unspecified())
            .and_then(|target| local_ip_towards(target.addr).ok());
        SocketAddr::new(routed.unwrap_or(self.local.ip()), self.local.port())
    }
}

/// True for an answer that no peer sent.
pub(super) fn is_local(response: &rsipstack::sip::Response) -> bool {
    response
        .headers
        .iter()
        .any(|header| matches!(header, Header::Other(name, _) if name == LOCAL_MARK))
}
