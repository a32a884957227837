//! A certificate authority and the certificates that it signs, as PEM.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, date_time_ymd,
};
use sip_signaling::{TlsConfig, TlsIdentity};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(
            DnType::CommonName,
            format!("Test CA {}", crate::peer::unique()),
        );
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate for these identities: `sip:…` URIs, addresses, and DNS names.
    pub(crate) fn issue(&self, names: &[&str]) -> TlsIdentity {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_expired(&self, names: &[&str]) -> TlsIdentity {
        self.issue_with(names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    /// A certificate that says its name in the subject only.
    pub(crate) fn issue_common_name(&self, name: &str) -> TlsIdentity {
        self.issue_with(&[], |params| {
            params.distinguished_name.push(DnType::CommonName, name)
        })
    }

    fn issue_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> TlsIdentity {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains(':') => SanType::URI((*name).try_into().unwrap()),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        TlsIdentity::from_pem(certificate.pem(), key.serialize_pem())
    }

    /// Trusts this authority alone.
    pub(crate) fn trusted(&self) -> TlsConfig {
        TlsConfig {
            ca: Some(self.pem.clone().into_bytes()),
            ..TlsConfig::default()
        }
    }

    /// Trusts this authority, and shows a certificate for these names.
    pub(crate) fn identity(&self, names: &[&str]) -> TlsConfig {
        TlsConfig {
            identity: Some(self.issue(names)),
            ..self.trusted()
        }
    }
}
