//! The telephone system of the demo, with the bad network in it that was asked for.

use std::net::SocketAddr;

use headless_sip::ClientConfig;
use sip_testkit::network::ImpairmentConfig;
use sip_testkit::pbx::{Pbx, PbxEvent, PbxEvents};

use super::ladder::Seen;
use crate::args::DemoArgs;
use crate::exit::Failure;

/// Password of both users; nobody but the demo can reach them.
const PASSWORD: &str = "secret";

/// A telephone system on a free port of this machine, known to alice and bob.
pub(super) struct Exchange {
    pbx: Pbx,
    events: PbxEvents,
}

impl Exchange {
    /// Starts it.
    ///
    /// # Errors
    /// A [`Failure`] when this machine gives no port.
    pub(super) async fn open(args: &DemoArgs) -> Result<Self, Failure> {
        let mut builder = Pbx::builder()
            .user("alice", PASSWORD)
            .user("bob", PASSWORD)
            .extensions(false);
        if args.loss > 0.0 || args.jitter > 0 {
            let network = ImpairmentConfig::loss_and_jitter(args.loss.into(), args.jitter.into());
            builder = builder.impairment(network);
        }
        let pbx = builder.start().await.map_err(|error| {
            Failure::other(format!("the telephone system does not start: {error}"))
        })?;
        let events = pbx.events();
        Ok(Self { pbx, events })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.pbx.addr()
    }

    /// The address of one of its users.
    pub(super) fn uri(&self, name: &str) -> String {
        self.pbx.user_uri(name)
    }

    /// The account of one of its users, on this machine.
    pub(super) fn account(&self, name: &str) -> ClientConfig {
        ClientConfig {
            local_sip_addr: SocketAddr::from(([127, 0, 0, 1], 0)),
            ..ClientConfig::account(name, PASSWORD, &self.pbx.uri())
        }
    }

    /// Ends it; every SIP message that it saw.
    pub(super) async fn close(mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some(event) = self.events.try_recv() {
            if let PbxEvent::Message(message) = event {
                seen.push(Seen {
                    at: message.at,
                    sent: message.sent,
                    peer: message.peer,
                    start_line: message.start_line,
                    method: message.method,
                    call_id: message.call_id,
                });
            }
        }
        self.pbx.shutdown().await;
        seen
    }
}
