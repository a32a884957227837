//! Who is where (RFC 3261 section 10).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::flow::{Flow, host_ip};
use super::settings::Settings;
use sip_signaling::{NameAddr, Request, StatusCode, Uri};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// One contact of a user.
#[derive(Debug, Clone)]
pub(super) struct Binding {
    contact: NameAddr,
    /// Where the REGISTER came from.
    source: Flow,
    expires_at: Instant,
    call_id: String,
    cseq: u32,
}

impl Binding {
    /// The URI to call.
    pub(super) fn uri(&self) -> &Uri {
        self.contact.uri()
    }

    /// Where to send a request for it: the contact, or the source of the registration where the
    /// contact lies behind an address translation or a name that the PBX cannot resolve.
    pub(super) fn target(&self) -> Flow {
        match (Flow::to_uri(self.uri()), host_ip(self.uri().host())) {
            (Some(flow), Some(ip)) if ip == self.source.peer.ip() => flow,
            _ => self.source,
        }
    }

    fn preference(&self) -> u16 {
        let q = self
            .contact
            .params()
            .get("q")
            .and_then(|q| q.parse::<f32>().ok())
            .unwrap_or(1.0);
        (q.clamp(0.0, 1.0) * 1000.0) as u16
    }

    fn seconds_left(&self, now: Instant) -> u64 {
        let left = self.expires_at.saturating_duration_since(now);
        left.as_secs()
            .saturating_add(u64::from(left.subsec_nanos() > 0))
    }
}

/// What a REGISTER changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    Added { contact: String, expires: u32 },
    Removed { contact: String },
}

/// Why a REGISTER is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) reason: Option<&'static str>,
}

/// All contacts of all users.
#[derive(Debug, Default)]
pub(super) struct Location {
    users: HashMap<String, Vec<Binding>>,
}

impl Location {
    /// Carries out a REGISTER that was authorised. All of it or nothing (RFC 3261 section 10.3).
    pub(super) fn register(
        &mut self,
        now: Instant,
        settings: &Settings,
        user: &str,
        source: Flow,
        request: &Request,
    ) -> Result<Vec<Change>, Refusal> {
        let bad = |reason| Refusal {
            status: StatusCode::BAD_REQUEST,
            reason: Some(reason),
        };
        let call_id = request.call_id().ok_or(bad("Call-ID missing"))?;
        let (cseq, _) = request.cseq().ok_or(bad("CSeq missing"))?;
        let header_expires = request.headers.get("Expires").map(parse_expires);
        let contacts = request.headers.get_list("Contact");
        let mut bindings = self.live(now, user);
        if contacts.contains(&"*") {
            if contacts.len() != 1 || header_expires != Some(Some(0)) {
                return Err(bad("Contact * needs Expires 0 and no other contact"));
            }
            check_order(bindings.iter(), call_id, cseq)?;
            self.users.remove(user);
            return Ok(bindings
                .iter()
                .map(|b| Change::Removed {
                    contact: b.uri().to_string(),
                })
                .collect());
        }
        let mut changes = Vec::new();
        for contact in contacts {
            let contact = NameAddr::parse(contact).map_err(|_| bad("Contact malformed"))?;
            let asked = contact
                .params()
                .get("expires")
                .map(parse_expires)
                .or(header_expires);
            let expires = granted(
                asked.flatten().unwrap_or(settings.default_expires),
                settings,
            )?;
            let same = |binding: &&Binding| binding.uri().is_equivalent(contact.uri());
            check_order(bindings.iter().filter(same), call_id, cseq)?;
            let known = bindings.iter().any(|binding| same(&binding));
            bindings.retain(|binding| !same(&binding));
            let text = contact.uri().to_string();
            if expires > 0 {
                let expires_at = now
                    .checked_add(Duration::from_secs(expires.into()))
                    .unwrap_or(now);
                bindings.push(Binding {
                    contact,
                    source,
                    expires_at,
                    call_id: call_id.to_owned(),
                    cseq,
                });
                changes.push(Change::Added {
                    contact: text,
                    expires,
                });
            } else if known {
                changes.push(Change::Removed { contact: text });
            }
        }
        self.users.insert(user.to_owned(), bindings);
        Ok(changes)
    }

    /// The values of the Contact headers of a 200: all current contacts with what is left of them.
    pub(super) fn contact_headers(&self, now: Instant, user: &str) -> Vec<String> {
        let print = |binding: &Binding| {
            let mut contact = binding.contact.clone();
            contact.params_mut().remove("expires");
            format!("{contact};expires={}", binding.seconds_left(now))
        };
        self.live(now, user).iter().map(print).collect()
    }

    /// Current contacts, the preferred first: the highest q, then the newest.
    pub(super) fn contacts(&self, now: Instant, user: &str) -> Vec<Binding> {
        let mut bindings = self.live(now, user);
        bindings.reverse();
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.preference()));
        bindings
    }

    fn live(&self, now: Instant, user: &str) -> Vec<Binding> {
        let all = self.users.get(user).map(Vec::as_slice).unwrap_or_default();
        all.iter()
            .filter(|binding| binding.expires_at > now)
            .cloned()
            .collect()
    }
}

/// A malformed value counts as absent (RFC 3261 section 10.3, step 7: "the default").
fn parse_expires(text: &str) -> Option<u32> {
    text.trim().parse().ok()
}

fn granted(asked: u32, settings: &Settings) -> Result<u32, Refusal> {
    if asked > 0 && asked < settings.min_expires {
        return Err(Refusal {
            status: StatusCode::INTERVAL_TOO_BRIEF,
            reason: None,
        });
    }
    Ok(asked.min(settings.max_expires))
}

/// RFC 3261 section 10.3, step 7: within one Call-ID, the CSeq must grow.
fn check_order<'a>(
    bindings: impl Iterator<Item = &'a Binding>,
    call_id: &str,
    cseq: u32,
) -> Result<(), Refusal> {
    let mut bindings = bindings;
    if bindings.any(|binding| binding.call_id == call_id && cseq <= binding.cseq) {
        return Err(Refusal {
            status: StatusCode::SERVER_INTERNAL_ERROR,
            reason: Some("CSeq out of order"),
        });
    }
    Ok(())
}
