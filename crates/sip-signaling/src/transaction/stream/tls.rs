//! TLS by rustls, with the identities of RFC 5922.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    ServerConfig, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
    server::{ParsedCertificate, WebPkiClientVerifier},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::wire::Io;
use crate::{SignalingError, TlsConfig, session::PeerIdentity};

/// What TLS needs, put together from [`TlsConfig`].
pub(super) struct Tls {
    config: TlsConfig,
    provider: Arc<CryptoProvider>,
    /// Made when it is first wanted where it is the system's authorities that are trusted: they take a while to read.
    client: OnceLock<Result<Arc<ClientConfig>, String>>,
    server: Option<Arc<ServerConfig>>,
}

/// A connection whose peer may have shown a certificate.
pub(super) struct Secured {
    pub(super) io: Box<dyn Io>,
    pub(super) identity: Option<PeerIdentity>,
}

impl Tls {
    /// # Errors
    /// `Config` for PEM that cannot be used.
    pub(super) fn new(config: TlsConfig) -> Result<Tls, SignalingError> {
        let mut tls = Tls {
            provider: Arc::new(rustls::crypto::ring::default_provider()),
            client: OnceLock::new(),
            server: None,
            config,
        };
        if tls.config.identity.is_some() {
            tls.server = Some(tls.server_config().map_err(SignalingError::Config)?);
        }
        if tls.config.identity.is_some() || tls.config.ca.is_some() {
            tls.client_config().map_err(SignalingError::Config)?;
        }
        Ok(tls)
    }

    /// # Errors
    /// `Config` where there is no certificate to listen with.
    pub(super) fn check_listening(&self) -> Result<(), SignalingError> {
        match &self.server {
            Some(_) => Ok(()),
            None => Err(SignalingError::Config(
                "listening for TLS or WSS needs a certificate and its key; set TlsConfig::identity"
                    .into(),
            )),
        }
    }

    /// Makes a connection that is open safe, if its peer proves to be `host`.
    ///
    /// # Errors
    /// `Certificate` where the peer's is not accepted, or it does not accept ours, else `Transport`.
    pub(super) async fn connect(
        &self,
        stream: TcpStream,
        host: &str,
    ) -> Result<Secured, SignalingError> {
        let address = stream.peer_addr().ok().map(|addr| addr.ip());
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            SignalingError::Config(format!("\"{host}\" is no name for a certificate"))
        })?;
        let config = self.client_config().map_err(SignalingError::Config)?;
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| {
                let why = explain(&error, host);
                match tls_error(&error) {
                    Some(rustls::Error::InvalidCertificate(_)) => SignalingError::Certificate {
                        peer: host.to_owned(),
                        why,
                    },
                    _ => SignalingError::Transport {
                        peer: host.to_owned(),
                        why,
                    },
                }
            })?;
        let (_, connection) = stream.get_ref();
        let addresses = [address, host.parse().ok()];
        let identity = connection
            .peer_certificates()
            .and_then(|chain| identity(chain.first()?, addresses.into_iter().flatten()));
        Ok(Secured {
            io: Box::new(stream),
            identity,
        })
    }

    /// Takes a connection of a peer.
    pub(super) async fn accept(&self, stream: TcpStream, peer: IpAddr) -> Result<Secured, String> {
        let server = self.server.clone().ok_or("no certificate to listen with")?;
        let stream = TlsAcceptor::from(server)
            .accept(stream)
            .await
            .map_err(|error| explain(&error, ""))?;
        let (_, connection) = stream.get_ref();
        let identity = connection
            .peer_certificates()
            .and_then(|chain| identity(chain.first()?, std::iter::once(peer)));
        Ok(Secured {
            io: Box::new(stream),
            identity,
        })
    }

    fn client_config(&self) -> Result<Arc<ClientConfig>, String> {
        self.client
            .get_or_init(|| self.make_client_config().map(Arc::new))
            .clone()
    }

    fn make_client_config(&self) -> Result<ClientConfig, String> {
        let verifier = DomainVerifier {
            roots: self.roots()?,
            algorithms: self.provider.signature_verification_algorithms,
        };
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            // "Dangerous" is rustls's word for any verifier that is not its own: ours checks the chain as rustls does, and the name
            // more strictly.
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        match self.own_certificate()? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| format!("certificate and key: {error}")),
            None => Ok(builder.with_no_client_auth()),
        }
    }

    fn server_config(&self) -> Result<Arc<ServerConfig>, String> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = if self.config.require_client_certificate {
            let verifier = WebPkiClientVerifier::builder_with_provider(
                Arc::new(self.roots()?),
                self.provider.clone(),
            );
            builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
        } else {
            builder.with_no_client_auth()
        };
        let (chain, key) = self.own_certificate()?.ok_or("no certificate")?;
        builder
            .with_single_cert(chain, key)
            .map(Arc::new)
            .map_err(|error| format!("certificate and key: {error}"))
    }

    fn roots(&self) -> Result<RootCertStore, String> {
        let mut roots = RootCertStore::empty();
        match &self.config.ca {
            Some(pem) => {
                for certificate in certificates(pem, "the CA file")? {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("the CA file: {error}"))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
        }
        if roots.is_empty() {
            return Err("no certificate authority to trust was found; name the one that signed the server's certificate (TlsConfig::ca, --ca FILE)".into());
        }
        Ok(roots)
    }

    fn own_certificate(&self) -> Result<Option<OwnCertificate>, String> {
        let Some(identity) = &self.config.identity else {
            return Ok(None);
        };
        let chain = certificates(&identity.certificates, "the certificate file")?;
        let key = PrivateKeyDer::from_pem_slice(&identity.key)
            .map_err(|error| format!("the key file: {}", explain_pem(&error)))?;
        Ok(Some((chain, key)))
    }
}

type OwnCertificate = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{what}: {}", explain_pem(&error)))?;
    if found.is_empty() {
        return Err(format!("{what}: no certificate in PEM in it"));
    }
    Ok(found)
}

/// Without what the file holds, which may be a secret.
fn explain_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "no private key in PEM in it",
        _ => "it is no sound PEM",
    }
}

/// The chain as rustls checks it, the name as RFC 5922 wants it.
#[derive(Debug)]
struct DomainVerifier {
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for DomainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &self.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        let host = server_name.to_str();
        let identity = identity(end_entity, host.parse::<IpAddr>().into_iter())
            .ok_or(CertificateError::BadEncoding)?;
        if identity.covers(&host) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::NotValidForNameContext {
            expected: server_name.to_owned(),
            presented: identity.names(),
        }
        .into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The identities of a certificate; of addresses, those asked for that stand in it.
fn identity(
    certificate: &CertificateDer<'_>,
    addresses: impl Iterator<Item = IpAddr>,
) -> Option<PeerIdentity> {
    let parsed = webpki::EndEntityCert::try_from(certificate).ok()?;
    let addresses = addresses
        .filter(|address| {
            let name = ServerName::IpAddress((*address).into());
            parsed.verify_is_valid_for_subject_name(&name).is_ok()
        })
        .collect();
    Some(PeerIdentity::new(
        parsed.valid_uri_names(),
        parsed.valid_dns_names(),
        addresses,
    ))
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// What went wrong with the connection to `host`, and what helps.
pub(super) fn explain(error: &io::Error, host: &str) -> String {
    let Some(error) = tls_error(error) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "the peer closed the connection".into(),
            _ => error.to_string(),
        };
    };
    match error {
        rustls::Error::InvalidCertificate(problem) => explain_certificate(problem, host),
        rustls::Error::AlertReceived(
            AlertDescription::CertificateRequired | AlertDescription::AccessDenied,
        ) => "it demands a certificate of ours; set one (TlsConfig::identity, --cert FILE --key FILE)".into(),
        rustls::Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::UnsupportedCertificate,
        ) => format!("it does not accept our certificate ({error})"),
        rustls::Error::InvalidMessage(_) => format!("it does not speak TLS there ({error})"),
        rustls::Error::NoCertificatesPresented => "it shows no certificate".into(),
        other => other.to_string(),
    }
}

fn explain_certificate(problem: &CertificateError, host: &str) -> String {
    match problem {
        // A bad signature: an authority of the same name, but not the same one.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "no authority that is trusted here has signed it; name the one that has (TlsConfig::ca, --ca FILE)".into(),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => format!(
            "it names no host in its subjectAltName (the common name does not count), and not {host}; it must name {host} there"
        ),
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "it is for {}, not for {host}; call the server by a name of its certificate (wildcards do not count)",
            presented.join(", ")
        ),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired; renew it, or set this machine's clock".into()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; set this machine's clock".into()
        }
        other => other.to_string(),
    }
}
