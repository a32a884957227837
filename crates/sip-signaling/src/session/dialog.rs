//! A dialog (RFC 3261 section 12): who, where to, and the counting of requests.

use crate::{
    SignalingError,
    message::{Method, NameAddr, Request, Response, Uri, name_addrs},
};

/// What names a dialog on this side.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DialogId {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

/// How the number of a request stands to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CseqOrder {
    Next,
    /// Lower than what was seen: RFC 3261 section 12.2.2 wants a 500.
    OutOfOrder,
}

/// A dialog, early or confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    id: DialogId,
    local: NameAddr,
    remote: NameAddr,
    local_cseq: u32,
    remote_cseq: Option<u32>,
    route_set: Vec<NameAddr>,
    remote_target: Uri,
    /// This side sent the first INVITE, so the Call-ID is ours (RFC 3261 section 14.1).
    owns_call_id: bool,
}

impl Dialog {
    /// The caller's dialog, from its INVITE and a response with a To tag (RFC 3261 section 12.1.2).
    ///
    /// A response without Contact takes `fallback` as its target: such 2xx exist and a call is worth more than a rule.
    pub(crate) fn caller(
        invite: &Request,
        response: &Response,
        fallback: Uri,
    ) -> Result<Dialog, SignalingError> {
        let broken =
            |what: &str| SignalingError::PeerMisbehaved(format!("its answer has no usable {what}"));
        let local = invite.from().ok_or_else(|| broken("From"))?;
        let remote = response.to().ok_or_else(|| broken("To"))?;
        let id = DialogId {
            call_id: invite.call_id().unwrap_or_default().to_owned(),
            local_tag: local.tag().unwrap_or_default().to_owned(),
            remote_tag: remote.tag().ok_or_else(|| broken("To tag"))?.to_owned(),
        };
        let mut route_set = name_addrs(&response.headers, "Record-Route");
        route_set.reverse();
        Ok(Dialog {
            id,
            local,
            remote,
            local_cseq: invite.cseq().map_or(1, |(number, _)| number),
            remote_cseq: None,
            route_set,
            remote_target: response
                .contact()
                .map_or(fallback, |contact| contact.uri().clone()),
            owns_call_id: true,
        })
    }

    /// The callee's dialog, from the INVITE (RFC 3261 section 12.1.1).
    pub(crate) fn callee(invite: &Request, local_tag: &str) -> Result<Dialog, SignalingError> {
        let broken =
            |what: &str| SignalingError::PeerMisbehaved(format!("its INVITE has no usable {what}"));
        let remote = invite.from().ok_or_else(|| broken("From"))?;
        let local = invite.to().ok_or_else(|| broken("To"))?.with_tag(local_tag);
        let contact = invite.contact().ok_or_else(|| broken("Contact"))?;
        let id = DialogId {
            call_id: invite
                .call_id()
                .ok_or_else(|| broken("Call-ID"))?
                .to_owned(),
            local_tag: local_tag.to_owned(),
            remote_tag: remote.tag().unwrap_or_default().to_owned(),
        };
        Ok(Dialog {
            id,
            local,
            remote,
            local_cseq: 0,
            remote_cseq: invite.cseq().map(|(number, _)| number),
            route_set: name_addrs(&invite.headers, "Record-Route"),
            remote_target: contact.uri().clone(),
            owns_call_id: false,
        })
    }

    /// The 2xx of an early dialog: its target and route set hold from now on (RFC 3261 section 13.2.2.4).
    pub(crate) fn confirm(&mut self, response: &Response) {
        self.refresh_target(response.contact());
        let mut route_set = name_addrs(&response.headers, "Record-Route");
        route_set.reverse();
        self.route_set = route_set;
    }

    pub(crate) fn id(&self) -> &DialogId {
        &self.id
    }

    pub(crate) fn local(&self) -> &NameAddr {
        &self.local
    }

    pub(crate) fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    pub(crate) fn remote(&self) -> &NameAddr {
        &self.remote
    }

    pub(crate) fn owns_call_id(&self) -> bool {
        self.owns_call_id
    }

    /// The first number of this side's own requests, where the callee has sent none yet.
    pub(crate) fn start_cseq(&mut self, number: u32) {
        self.local_cseq = self.local_cseq.max(number);
    }

    /// The next request of this side (RFC 3261 section 12.2.1.1), without Via and Contact.
    pub(crate) fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.numbered(method, self.local_cseq)
    }

    /// The ACK of the 2xx to the INVITE with that number (RFC 3261 section 13.2.2.4).
    pub(crate) fn ack(&self, number: u32) -> Request {
        self.numbered(Method::Ack, number)
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let target = self.remote_target.to_request_uri();
        // RFC 3261 section 12.2.1.1: a first route without lr is a strict router, which wants to stand in the Request-URI.
        let (uri, routes) = match self.route_set.split_first() {
            Some((first, rest)) if !first.uri().params().contains("lr") => {
                let mut routes: Vec<String> = rest.iter().map(ToString::to_string).collect();
                routes.push(NameAddr::new(target).to_string());
                (first.uri().to_request_uri(), routes)
            }
            _ => (
                target,
                self.route_set.iter().map(ToString::to_string).collect(),
            ),
        };
        let mut request = Request::new(method.clone(), uri);
        for route in routes {
            request.headers.push_raw("Route", route);
        }
        request.headers.push_raw("Max-Forwards", "70");
        request.headers.push_raw("From", self.local.to_string());
        request.headers.push_raw("To", self.remote.to_string());
        request.headers.push_raw("Call-ID", self.id.call_id.clone());
        request
            .headers
            .push_raw("CSeq", format!("{number} {method}"));
        request
    }

    /// Where the next request goes: the first route, else the remote target.
    pub(crate) fn next_hop(&self) -> &Uri {
        self.route_set
            .first()
            .map_or(&self.remote_target, NameAddr::uri)
    }

    pub(crate) fn has_route(&self) -> bool {
        !self.route_set.is_empty()
    }

    /// Judges and notes the number of a request of the peer.
    pub(crate) fn accept_cseq(&mut self, number: u32) -> CseqOrder {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return CseqOrder::OutOfOrder;
        }
        self.remote_cseq = Some(number);
        CseqOrder::Next
    }

    /// A target refresh (RFC 3261 section 12.2.1.2): the Contact of a re-INVITE, an UPDATE or their 2xx.
    pub(crate) fn refresh_target(&mut self, contact: Option<NameAddr>) {
        if let Some(contact) = contact {
            self.remote_target = contact.uri().clone();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn invite() -> Request {
        Request::parse(b"INVITE sip:bob@b SIP/2.0\r\nFrom: <sip:alice@a>;tag=la\r\nTo: <sip:bob@b>\r\nCall-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:alice@10.0.0.1:5070>\r\nRecord-Route: <sip:p2;lr>, <sip:p1;lr>\r\n\r\n").unwrap()
    }

    fn ok(contact: &str, routes: &str) -> Response {
        let mut response = Response::to_request(&invite(), crate::StatusCode::OK, Some("rb"));
        response.headers.push_raw("Contact", contact);
        if !routes.is_empty() {
            response.headers.push_raw("Record-Route", routes);
        }
        response
    }

    #[test]
    fn callers_route_set_is_reversed_and_its_numbers_go_on() {
        let response = ok(
            "<sip:bob@192.0.2.4;transport=tcp>",
            "<sip:p1.example.com;lr>,<sip:p2.example.com;lr>",
        );
        let mut dialog = Dialog::caller(&invite(), &response, invite().uri).unwrap();
        assert_eq!(dialog.next_hop().host(), "p2.example.com");
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:bob@192.0.2.4;transport=tcp");
        assert_eq!(
            bye.headers.get_list("Route"),
            ["<sip:p2.example.com;lr>", "<sip:p1.example.com;lr>"]
        );
        assert_eq!(bye.cseq(), Some((8, Method::Bye)));
        assert_eq!(bye.to().unwrap().tag(), Some("rb"));
        assert_eq!(dialog.ack(7).cseq(), Some((7, Method::Ack)));
    }

    #[test]
    fn callees_route_set_keeps_its_order() {
        let mut dialog = Dialog::callee(&invite(), "lb").unwrap();
        assert_eq!(dialog.next_hop().host(), "p2");
        let bye = dialog.request(Method::Bye);
        assert_eq!(
            (bye.from().unwrap().tag(), bye.to().unwrap().tag()),
            (Some("lb"), Some("la"))
        );
        assert_eq!(bye.uri.to_string(), "sip:alice@10.0.0.1:5070");
    }

    #[test]
    fn strict_router_stands_in_the_request_uri() {
        let mut dialog = Dialog::caller(
            &invite(),
            &ok("<sip:bob@192.0.2.4>", "<sip:strict.example.com>"),
            invite().uri,
        )
        .unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri.to_string(), "sip:strict.example.com");
        assert_eq!(bye.headers.get_list("Route"), ["<sip:bob@192.0.2.4>"]);
    }

    #[test]
    fn numbers_of_the_peer_must_rise_and_may_leap() {
        let mut dialog = Dialog::callee(&invite(), "lb").unwrap();
        assert_eq!(dialog.accept_cseq(7), CseqOrder::OutOfOrder);
        assert_eq!(dialog.accept_cseq(900), CseqOrder::Next);
        assert_eq!(dialog.accept_cseq(8), CseqOrder::OutOfOrder);
    }

    #[test]
    fn answer_without_contact_still_makes_a_dialog() {
        let mut response = ok("", "");
        response.headers.remove("Contact");
        let dialog = Dialog::caller(&invite(), &response, invite().uri).unwrap();
        assert_eq!(dialog.next_hop().to_string(), "sip:bob@b");
        response.headers.set_raw("To", "<sip:bob@b>");
        assert!(Dialog::caller(&invite(), &response, invite().uri).is_err());
    }

    #[test]
    fn target_follows_the_contact() {
        let mut dialog = Dialog::callee(&invite(), "lb").unwrap();
        dialog.route_set.clear();
        dialog.refresh_target(Some(NameAddr::parse("<sip:alice@10.0.0.9>").unwrap()));
        dialog.refresh_target(None);
        assert_eq!(
            dialog.request(Method::Bye).uri.to_string(),
            "sip:alice@10.0.0.9"
        );
    }
}
