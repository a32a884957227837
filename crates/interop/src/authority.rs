//! Certificates for peers that speak TLS.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};

/// An authority that signs certificates.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

/// A certificate and its key, in PEM.
#[derive(Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    #[must_use]
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Interop CA");
        let key = KeyPair::generate().expect("make a key");
        let pem = params.self_signed(&key).expect("sign").pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Its own certificate, in PEM.
    #[must_use]
    pub fn pem(&self) -> Vec<u8> {
        self.pem.clone().into_bytes()
    }

    /// A certificate for these addresses and DNS names.
    ///
    /// # Panics
    ///
    /// When a name is none.
    #[must_use]
    pub fn issue(&self, names: &[&str]) -> Certificate {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName((*name).try_into().expect("a DNS name")),
            })
            .collect();
        let key = KeyPair::generate().expect("make a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("sign");
        Certificate {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Authority::new()
    }
}

impl Certificate {
    /// Writes both into a folder; the files' names.
    ///
    /// # Panics
    ///
    /// When they cannot be written.
    #[must_use]
    pub fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (file, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
        std::fs::write(&file, &self.certificate).expect("write the certificate");
        std::fs::write(&key, &self.key).expect("write the key");
        (file, key)
    }
}
