//! Trunk mode: who may call without being registered anywhere, by address or by password, and how often.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    hash::{BuildHasher, RandomState},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use ipnet::IpNet;

use super::rate_limit::{RateLimit, RateLimiter, RateStep};
use crate::{
    Method, Request, SignalingError, StatusCode,
    digest::{DigestRefusal, DigestServer},
};

/// An INVITE that was let in may be sent again for so long (timer B), which is no second call.
const REPEATED: Duration = Duration::from_secs(32);

/// Who may call without a registration, and how often; everybody else is refused before anything is kept of the call.
///
/// It holds for requests outside calls: INVITE, MESSAGE and the like. OPTIONS, which trunks send to see that we are there, needs the
/// address alone. A registrar that our own registration stands at is let in as well.
#[derive(Debug, Clone)]
pub struct TrunkConfig {
    /// The peers; the first that fits counts.
    pub peers: Vec<TrunkPeer>,
    /// The realm of our challenges, default `headless-sip`.
    pub realm: String,
    /// How long a nonce may be answered, default 5 min.
    pub nonce_lifetime: Duration,
    /// INVITEs of each address, those with the answer to a challenge and those of strangers included.
    pub rate: RateLimit,
}

impl Default for TrunkConfig {
    fn default() -> Self {
        TrunkConfig {
            peers: Vec::new(),
            realm: "headless-sip".to_owned(),
            nonce_lifetime: Duration::from_secs(300),
            rate: RateLimit::default(),
        }
    }
}

/// One peer of a trunk.
#[derive(Debug, Clone)]
pub struct TrunkPeer {
    /// What the program calls it.
    pub name: String,
    /// Its addresses; none: any address, which then needs `passwords`.
    pub networks: Vec<IpNet>,
    /// Its users must know their passwords (401, SHA-256 and MD5, `qop=auth`); `None`: its address is enough.
    pub passwords: Option<Passwords>,
}

/// Where the passwords of users are: a table, or a function that looks them up. `Debug` shows none.
#[derive(Clone)]
pub struct Passwords(Arc<Lookup>);

type Lookup = dyn Fn(&str) -> Option<String> + Send + Sync;

impl Passwords {
    /// Users and their passwords.
    pub fn table<U: Into<String>, P: Into<String>>(
        users: impl IntoIterator<Item = (U, P)>,
    ) -> Passwords {
        let table: HashMap<String, String> = users
            .into_iter()
            .map(|(user, password)| (user.into(), password.into()))
            .collect();
        Passwords::by(move |user| table.get(user).cloned())
    }

    /// A function from user to password. It runs while other messages wait: it must not block.
    pub fn by(lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Passwords {
        Passwords(Arc::new(lookup))
    }

    fn of(&self, user: &str) -> Option<String> {
        (self.0)(user)
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(***)")
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Admission {
    Pass,
    /// 401 with these values of `WWW-Authenticate`.
    Challenge(Vec<String>),
    /// 403.
    Forbidden,
    /// 503, and after how many seconds it is worth trying again.
    Busy(u64),
    Drop,
}

/// The gatekeeper: looks at each request before a transaction is made of it.
#[derive(Debug)]
pub(crate) struct Trunk {
    peers: Vec<TrunkPeer>,
    digest: DigestServer,
    rate: RateLimiter,
    /// Registrars that our registrations stand at.
    registrars: HashSet<IpAddr>,
    admitted: VecDeque<Admitted>,
    hasher: RandomState,
}

/// An INVITE that was let in.
#[derive(Debug)]
struct Admitted {
    at: Instant,
    key: u64,
    /// Its peer, by number; `None` for a registrar.
    peer: Option<usize>,
    /// A call was made of it.
    begun: bool,
}

impl Trunk {
    /// `secret` is random text.
    ///
    /// # Errors
    /// `Config` for a peer without addresses and passwords: everybody would be let in. `InvalidInput` for the realm.
    pub(crate) fn new(
        config: &TrunkConfig,
        secret: &str,
        now: Instant,
    ) -> Result<Trunk, SignalingError> {
        for peer in &config.peers {
            if peer.networks.is_empty() && peer.passwords.is_none() {
                return Err(SignalingError::Config(format!(
                    "the trunk peer {:?} has neither networks nor passwords, so anybody could call; give it one of them (0.0.0.0/0 if anybody may)",
                    peer.name
                )));
            }
        }
        Ok(Trunk {
            peers: config.peers.clone(),
            digest: DigestServer::new(&config.realm, secret, config.nonce_lifetime, now)?,
            rate: RateLimiter::new(config.rate),
            registrars: HashSet::new(),
            admitted: VecDeque::new(),
            hasher: RandomState::new(),
        })
    }

    /// Our registration stands at a registrar with this address.
    pub(crate) fn trust(&mut self, registrar: IpAddr) {
        self.registrars.insert(registrar.to_canonical());
    }

    /// Looks at a request of `source`; `fresh` is random text for a nonce.
    pub(crate) fn admit(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
        fresh: &str,
    ) -> Admission {
        // What belongs to a call, or to none at all, is judged by who knows the calls.
        let within = matches!(request.method, Method::Ack | Method::Cancel)
            || request.to().is_some_and(|to| to.tag().is_some());
        if within {
            return Admission::Pass;
        }
        let source = source.to_canonical();
        let call = request.method == Method::Invite;
        let key = self.key(source, request);
        self.forget(now);
        if call && self.admitted.iter().any(|known| known.key == key) {
            return Admission::Pass;
        }
        if call {
            match self.rate.draw(now, source) {
                RateStep::Pass => {}
                RateStep::Busy(wait) => {
                    return Admission::Busy(wait.as_secs_f64().ceil().max(1.0) as u64);
                }
                RateStep::Drop => return Admission::Drop,
            }
        }
        let peer = match self.judge(now, source, request, fresh) {
            Ok(peer) => peer,
            Err(refusal) => return refusal,
        };
        if call {
            self.admitted.push_back(Admitted {
                at: now,
                key,
                peer,
                begun: false,
            });
        }
        Admission::Pass
    }

    /// The peer of a request, `None` for a registrar; or what refuses it.
    fn judge(
        &mut self,
        now: Instant,
        source: IpAddr,
        request: &Request,
        fresh: &str,
    ) -> Result<Option<usize>, Admission> {
        if self.registrars.contains(&source) {
            return Ok(None);
        }
        let near = |peer: &TrunkPeer| {
            peer.networks.is_empty() || peer.networks.iter().any(|net| net.contains(&source))
        };
        let near: Vec<(usize, &TrunkPeer)> = self
            .peers
            .iter()
            .enumerate()
            .filter(|(_, peer)| near(peer))
            .collect();
        let Some((first, _)) = near.first() else {
            return Err(Admission::Forbidden);
        };
        if request.method == Method::Options {
            return Ok(Some(*first));
        }
        if let Some((open, _)) = near.iter().find(|(_, peer)| peer.passwords.is_none()) {
            return Ok(Some(*open));
        }
        let mut whose = None;
        let lookup = |user: &str| {
            near.iter().find_map(|(at, peer)| {
                let password = peer.passwords.as_ref()?.of(user)?;
                whose = Some(*at);
                Some(password)
            })
        };
        let answers = request.headers.get_all("Authorization");
        let method = request.method.as_str();
        match self
            .digest
            .check(now, method, &request.uri, answers, lookup)
        {
            Ok(_) => Ok(whose),
            Err(refusal) => {
                let stale = refusal == DigestRefusal::Stale;
                let challenges = self.digest.challenges(now, fresh, stale);
                let challenges = challenges.iter().map(ToString::to_string).collect();
                Err(Admission::Challenge(challenges))
            }
        }
    }

    /// A call is made of an INVITE that was let in: the name of its peer, if it has one.
    ///
    /// # Errors
    /// A status: an INVITE that has been a call before is one that somebody sends again.
    pub(crate) fn begin(
        &mut self,
        source: IpAddr,
        request: &Request,
    ) -> Result<Option<&str>, StatusCode> {
        let key = self.key(source.to_canonical(), request);
        let known = self
            .admitted
            .iter_mut()
            .find(|known| known.key == key && !known.begun)
            .ok_or(StatusCode::FORBIDDEN)?;
        known.begun = true;
        let peer = known.peer.and_then(|at| self.peers.get(at));
        Ok(peer.map(|peer| peer.name.as_str()))
    }

    fn forget(&mut self, now: Instant) {
        let old = |known: &Admitted| now.saturating_duration_since(known.at) > REPEATED;
        while self.admitted.front().is_some_and(old) {
            self.admitted.pop_front();
        }
    }

    /// The same for an INVITE that is sent again, and for no other.
    fn key(&self, source: IpAddr, request: &Request) -> u64 {
        let via = request.via();
        let branch = via.as_ref().and_then(|via| via.branch());
        let number = request.cseq().map(|(number, _)| number);
        self.hasher
            .hash_one((source, branch, request.call_id(), number))
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]
mod tests {
    use super::*;
    use crate::{Credentials, Uri, digest::DigestClient};

    fn peer(name: &str, network: Option<&str>, passwords: Option<Passwords>) -> TrunkPeer {
        TrunkPeer {
            name: name.to_owned(),
            networks: network
                .map(|net| net.parse().unwrap())
                .into_iter()
                .collect(),
            passwords,
        }
    }

    fn trunk(now: Instant) -> Trunk {
        let config = TrunkConfig {
            peers: vec![
                peer("carrier", Some("192.0.2.0/24"), None),
                peer(
                    "office",
                    Some("2001:db8::/32"),
                    Some(Passwords::table([("pbx", "secret")])),
                ),
            ],
            rate: RateLimit {
                per_second: 1,
                burst: 3,
                drop_above: 6,
            },
            ..TrunkConfig::default()
        };
        Trunk::new(&config, "secret of the server", now).unwrap()
    }

    fn request(method: Method, branch: &str) -> Request {
        let uri = Uri::parse("sip:bob@203.0.113.1").unwrap();
        let mut request = Request::new(method.clone(), uri);
        let via = format!("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{branch}");
        for (name, value) in [
            ("Via", via.as_str()),
            ("From", "<sip:a@b>;tag=1"),
            ("To", "<sip:bob@b>"),
            ("Call-ID", branch),
            ("CSeq", &format!("1 {method}")),
        ] {
            request.headers.push(name, value).unwrap();
        }
        request
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn address_lets_in_and_strangers_are_forbidden() {
        let now = crate::agent::now();
        let mut trunk = trunk(now);
        let invite = request(Method::Invite, "1");
        for carrier in ["192.0.2.7", "::ffff:192.0.2.8"] {
            let source = ip(carrier);
            assert_eq!(trunk.admit(now, source, &invite, "f"), Admission::Pass);
            assert_eq!(trunk.begin(source, &invite), Ok(Some("carrier")));
        }
        let stranger = ip("198.51.100.1");
        for method in [Method::Invite, Method::Message, Method::Options] {
            let asked = request(method, "2");
            let admission = trunk.admit(now, stranger, &asked, "f");
            assert_eq!(admission, Admission::Forbidden);
        }
        trunk.trust(stranger);
        let invite = request(Method::Invite, "3");
        assert_eq!(trunk.admit(now, stranger, &invite, "f"), Admission::Pass);
        assert_eq!(trunk.begin(stranger, &invite), Ok(None));
    }

    #[test]
    fn password_lets_in_once_for_each_answer() {
        let now = crate::agent::now();
        let mut trunk = trunk(now);
        let office = ip("2001:db8::5");
        let options = request(Method::Options, "0");
        assert_eq!(trunk.admit(now, office, &options, "f"), Admission::Pass);
        let mut invite = request(Method::Invite, "1");
        let Admission::Challenge(challenges) = trunk.admit(now, office, &invite, "f") else {
            panic!("let in")
        };
        assert!(challenges[0].contains("algorithm=SHA-256") && challenges[0].contains("qop"));
        let mut client = DigestClient::new(Credentials::new("pbx", "secret"));
        let answer = client.answer(&challenges, "INVITE", &invite.uri.to_string(), b"", "c");
        invite = request(Method::Invite, "2");
        invite
            .headers
            .push("Authorization", answer.unwrap())
            .unwrap();
        assert_eq!(trunk.admit(now, office, &invite, "f"), Admission::Pass);
        // Sent again by the peer: one call.
        assert_eq!(trunk.admit(now, office, &invite, "f"), Admission::Pass);
        assert_eq!(trunk.begin(office, &invite), Ok(Some("office")));
        assert_eq!(trunk.begin(office, &invite), Err(StatusCode::FORBIDDEN));
        // Sent again by somebody who has heard it: challenged anew.
        let later = now + REPEATED + Duration::from_secs(1);
        let Admission::Challenge(challenges) = trunk.admit(later, office, &invite, "f") else {
            panic!("let in twice")
        };
        assert!(challenges[0].contains("stale=true"));
    }

    #[test]
    fn too_many_calls_are_put_off_and_far_too_many_are_dropped() {
        let now = crate::agent::now();
        let mut trunk = trunk(now);
        let carrier = ip("192.0.2.7");
        let mut admissions = Vec::new();
        for number in 0..8 {
            let invite = request(Method::Invite, &number.to_string());
            admissions.push(trunk.admit(now, carrier, &invite, "f"));
        }
        let busy = Admission::Busy(1);
        let expected = [
            Admission::Pass,
            Admission::Pass,
            Admission::Pass,
            busy.clone(),
            busy.clone(),
            busy,
            Admission::Drop,
            Admission::Drop,
        ];
        assert_eq!(admissions, expected);
        // One that was let in may be sent again whatever the rate.
        let again = request(Method::Invite, "0");
        assert_eq!(trunk.admit(now, carrier, &again, "f"), Admission::Pass);
        assert_eq!(trunk.admitted.len(), 3);
    }

    #[test]
    fn peer_that_would_let_anybody_in_is_an_error() {
        let config = TrunkConfig {
            peers: vec![peer("open", None, None)],
            ..TrunkConfig::default()
        };
        let error = Trunk::new(&config, "s", crate::agent::now()).unwrap_err();
        assert!(error.to_string().contains("anybody could call"));
        let shown = format!("{:?}", Passwords::table([("pbx", "hunter2")]));
        assert!(!shown.contains("hunter2"));
    }
}
