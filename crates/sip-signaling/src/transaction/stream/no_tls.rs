//! In place of TLS where the feature `tls` is off.

use std::{io, net::IpAddr};

use tokio::net::TcpStream;

use super::wire::Io;
use crate::{SignalingError, TlsConfig, session::PeerIdentity};

const OFF: &str = "this build has no TLS; build it with the feature `tls`";

/// TLS that cannot be.
pub(super) struct Tls;

/// A connection whose peer may have shown a certificate.
pub(super) struct Secured {
    pub(super) io: Box<dyn Io>,
    pub(super) identity: Option<PeerIdentity>,
}

impl Tls {
    pub(super) fn new(_: TlsConfig) -> Result<Tls, SignalingError> {
        Ok(Tls)
    }

    pub(super) fn check_listening(&self) -> Result<(), SignalingError> {
        Err(SignalingError::Config(OFF.into()))
    }

    pub(super) async fn connect(&self, _: TcpStream, _: &str) -> Result<Secured, SignalingError> {
        Err(SignalingError::Config(OFF.into()))
    }

    pub(super) async fn accept(&self, _: TcpStream, _: IpAddr) -> Result<Secured, String> {
        Err(OFF.into())
    }
}

/// The system's words.
pub(super) fn explain(error: &io::Error, _: &str) -> String {
    error.to_string()
}
