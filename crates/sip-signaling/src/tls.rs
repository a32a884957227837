//! What the program sets for TLS: whom it trusts and who it is.

use std::{fmt, path::Path};

use crate::SignalingError;

/// Settings of TLS and WSS. The default trusts the system's certificate authorities and shows no certificate.
///
/// The peer is always verified, by the rules of RFC 5922: the chain must end at a trusted authority, and the domain of the
/// URI must stand in the certificate's subjectAltName, as `sip:` URI or, where it has none, as DNS name. The common
/// name does not count and wildcards do not match. A URI with an IP address wants that address in the certificate.
///
/// ```
/// use sip_signaling::TlsConfig;
///
/// # fn run() -> Result<(), sip_signaling::SignalingError> {
/// let tls = TlsConfig {
///     ca: Some(TlsConfig::read("/etc/pbx/ca.pem")?),
///     ..TlsConfig::default()
/// };
/// # let _ = tls;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct TlsConfig {
    /// The certificate authorities that are trusted, in PEM; `None`: those of the system.
    pub ca: Option<Vec<u8>>,
    /// Our certificate: needed to listen, and to call a server that demands one.
    pub identity: Option<TlsIdentity>,
    /// Connections that come in must show a certificate of a trusted authority. Default false.
    pub require_client_certificate: bool,
}

impl TlsConfig {
    /// The contents of a PEM file.
    ///
    /// # Errors
    /// `Config` with the file's name if it cannot be read.
    pub fn read(file: impl AsRef<Path>) -> Result<Vec<u8>, SignalingError> {
        let file = file.as_ref();
        std::fs::read(file)
            .map_err(|error| SignalingError::Config(format!("{}: {error}", file.display())))
    }
}

/// A certificate with its private key. The key is shown nowhere.
#[derive(Clone)]
#[cfg_attr(not(feature = "tls"), allow(dead_code))]
pub struct TlsIdentity {
    pub(crate) certificates: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

impl TlsIdentity {
    /// From PEM: the certificate, then those that lead to the authority, and its key (PKCS#8, PKCS#1 or SEC1). They are
    /// looked at when the user agent opens its sockets.
    pub fn from_pem(certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> TlsIdentity {
        TlsIdentity {
            certificates: certificates.into(),
            key: key.into(),
        }
    }
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity(***)")
    }
}
