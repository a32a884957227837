//! The media of calls on their way through a bad network.
//!
//! The PBX rewrites the addresses in the SDP that passes, so that each side sends its RTP and RTCP
//! to a [`LossyLink`] instead of to the other side: what a session border controller does.
//!
//! ```text
//!  caller ── RTP ──> link.for_a │ loss, delay │ link.for_b ── RTP ──> callee
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::sdp::{MediaAddress, SdpText};
use crate::network::{ImpairmentConfig, ImpairmentStats, LinkStats, LossyLink, LossyLinkConfig};
use sip_signaling::{HeaderList, Method, NameAddr, Request, Response};
use std::collections::HashMap;
use std::net::IpAddr;

/// More calls than this at once and the oldest loses its relay; nobody tests a thousand calls
/// over one bad network, but BYEs get lost.
const MAX_CALLS: usize = 1000;

/// A side of a call: the one that sent the first INVITE, or the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Caller,
    Callee,
}

impl Side {
    fn other(self) -> Side {
        match self {
            Side::Caller => Side::Callee,
            Side::Callee => Side::Caller,
        }
    }
}

/// One media line of one call: RTP and RTCP.
#[derive(Debug)]
struct Relay {
    rtp: LossyLink,
    rtcp: LossyLink,
}

#[derive(Debug)]
struct RelayedCall {
    number: u64,
    caller_tag: String,
    answered: bool,
    relays: Vec<Relay>,
}

/// The relays of all calls.
#[derive(Debug)]
pub(super) struct MediaRelays {
    ip: IpAddr,
    towards_callee: ImpairmentConfig,
    towards_caller: ImpairmentConfig,
    calls: HashMap<String, RelayedCall>,
    calls_so_far: u64,
    /// Figures of the calls that are over.
    past: LinkStats,
}

impl MediaRelays {
    /// Relays on `ip`; the first impairment is for what the caller sends.
    pub(super) fn new(
        ip: IpAddr,
        towards_callee: ImpairmentConfig,
        towards_caller: ImpairmentConfig,
    ) -> Self {
        Self {
            ip,
            towards_callee,
            towards_caller,
            calls: HashMap::new(),
            calls_so_far: 0,
            past: LinkStats::default(),
        }
    }

    /// A request that is passed on.
    pub(super) fn pass_request(&mut self, request: &mut Request) {
        let Some(call_id) = request.call_id().map(str::to_owned) else {
            return;
        };
        let Some(from_tag) = tag(&request.headers, "From") else {
            return;
        };
        if request.method == Method::Invite && tag(&request.headers, "To").is_none() {
            self.open(&call_id, &from_tag);
        }
        let Some(call) = self.calls.get(&call_id) else {
            return;
        };
        let sender = if call.caller_tag == from_tag {
            Side::Caller
        } else {
            Side::Callee
        };
        self.rewrite(&call_id, sender, &request.headers, &mut request.body);
    }

    /// A response that is passed on.
    pub(super) fn pass_response(&mut self, response: &mut Response) {
        let Some(call_id) = response.call_id().map(str::to_owned) else {
            return;
        };
        let Some(call) = self.calls.get_mut(&call_id) else {
            return;
        };
        let from_tag = tag(&response.headers, "From");
        let asked = if Some(&call.caller_tag) == from_tag.as_ref() {
            Side::Caller
        } else {
            Side::Callee
        };
        let method = response.cseq().map(|(_, method)| method);
        if method == Some(Method::Invite) && response.status.is_success() {
            call.answered = true;
        }
        let over = match method {
            Some(Method::Bye) => response.status.is_final(),
            Some(Method::Invite) => response.status.is_final() && !call.answered,
            _ => false,
        };
        self.rewrite(
            &call_id,
            asked.other(),
            &response.headers,
            &mut response.body,
        );
        if over {
            self.close(&call_id);
        }
    }

    /// What passed all relays, past calls included. `a_to_b` is what callers sent.
    pub(super) fn stats(&self) -> LinkStats {
        let open = self.calls.values().flat_map(|call| &call.relays);
        open.fold(self.past, |sum, relay| {
            add(add(sum, relay.rtp.stats()), relay.rtcp.stats())
        })
    }

    fn open(&mut self, call_id: &str, caller_tag: &str) {
        if self.calls.contains_key(call_id) {
            return;
        }
        if self.calls.len() >= MAX_CALLS {
            let oldest = self
                .calls
                .iter()
                .min_by_key(|(_, call)| call.number)
                .map(|(call_id, _)| call_id.clone());
            oldest.inspect(|call_id| self.close(call_id));
        }
        let (number, caller_tag) = (self.calls_so_far, caller_tag.to_owned());
        self.calls.insert(
            call_id.to_owned(),
            RelayedCall {
                number,
                caller_tag,
                answered: false,
                relays: Vec::new(),
            },
        );
        self.calls_so_far = self.calls_so_far.wrapping_add(1);
    }

    fn close(&mut self, call_id: &str) {
        if let Some(call) = self.calls.remove(call_id) {
            for relay in call.relays {
                self.past = add(add(self.past, relay.rtp.stats()), relay.rtcp.stats());
            }
        }
    }

    fn rewrite(&mut self, call_id: &str, sender: Side, headers: &HeaderList, body: &mut Vec<u8>) {
        let is_sdp = headers.get("Content-Type").is_some_and(|kind| {
            kind.split(';')
                .next()
                .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/sdp"))
        });
        if !is_sdp {
            return;
        }
        let Some(mut sdp) = SdpText::parse(body) else {
            return;
        };
        for index in 0..sdp.media_count() {
            let Some(address) = sdp.media_address(index) else {
                continue;
            };
            if let Some(instead) = self.relay(call_id, index, sender, address) {
                sdp.set_media_address(index, instead);
            }
        }
        *body = sdp.to_bytes();
    }

    /// Tells the relay of this media line where `sender` receives; answers where the other side
    /// shall send to.
    fn relay(
        &mut self,
        call_id: &str,
        index: usize,
        sender: Side,
        address: MediaAddress,
    ) -> Option<MediaAddress> {
        let config = self.link_config(self.calls.get(call_id)?.number, index);
        let call = self.calls.get_mut(call_id)?;
        while call.relays.len() <= index {
            let (rtp, rtcp) = LossyLink::start_rtp_pair(config)
                .inspect_err(|error| tracing::warn!(%error, "no relay for the media of a call"))
                .ok()?;
            call.relays.push(Relay { rtp, rtcp });
        }
        let Relay { rtp, rtcp } = call.relays.get(index)?;
        Some(match sender {
            Side::Caller => {
                rtp.set_a(address.rtp);
                rtcp.set_a(address.rtcp);
                MediaAddress {
                    rtp: rtp.for_b(),
                    rtcp: rtcp.for_b(),
                }
            }
            Side::Callee => {
                rtp.set_b(address.rtp);
                rtcp.set_b(address.rtcp);
                MediaAddress {
                    rtp: rtp.for_a(),
                    rtcp: rtcp.for_a(),
                }
            }
        })
    }

    /// Every call and media line loses packets of its own.
    fn link_config(&self, call: u64, index: usize) -> LossyLinkConfig {
        let seed = |config: ImpairmentConfig| {
            let own = call
                .wrapping_mul(1000)
                .wrapping_add(10_u64.wrapping_mul(index as u64));
            config.with_seed(config.seed.wrapping_add(own))
        };
        LossyLinkConfig {
            ip: self.ip,
            a_to_b: seed(self.towards_callee),
            b_to_a: seed(self.towards_caller),
        }
    }
}

fn tag(headers: &HeaderList, name: &str) -> Option<String> {
    NameAddr::parse(headers.get(name)?)
        .ok()?
        .tag()
        .map(str::to_owned)
}

fn add(sum: LinkStats, more: LinkStats) -> LinkStats {
    let direction = |a: ImpairmentStats, b: ImpairmentStats| ImpairmentStats {
        offered: a.offered.saturating_add(b.offered),
        lost: a.lost.saturating_add(b.lost),
        duplicated: a.duplicated.saturating_add(b.duplicated),
        reordered: a.reordered.saturating_add(b.reordered),
    };
    LinkStats {
        a_to_b: direction(sum.a_to_b, more.a_to_b),
        b_to_a: direction(sum.b_to_a, more.b_to_a),
        undeliverable: sum.undeliverable.saturating_add(more.undeliverable),
    }
}
