//! Who calls, how the call came here, why it ended: the headers that say so, typed.

use super::{
    HeaderList, NameAddr,
    text::{split_outside_quotes, unquote},
    uri::Uri,
};

/// `Reason` (RFC 3326): why a call ended, from the protocol that knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `SIP`, `Q.850` or another protocol.
    pub protocol: String,
    /// The cause: a SIP status, or a Q.850 cause from 1 to 127.
    pub cause: Option<u16>,
    /// The cause in words; may be empty.
    pub text: String,
}

/// One hop of a diverted call (`Diversion`, RFC 5806), the last one first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// Who diverted.
    pub by: NameAddr,
    /// Why: `user-busy`, `no-answer`, `unconditional` and others; empty if not told.
    pub reason: String,
    /// How many diversions this stands for.
    pub count: u32,
}

/// One entry of `History-Info` (RFC 7044).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// Who was aimed at.
    pub target: NameAddr,
    /// Its place, such as `1.2`.
    pub index: String,
    /// Why the call left this target, from the `Reason` within the URI.
    pub reason: Option<Reason>,
}

/// `User-to-User` (RFC 7433): data of one application for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserToUser {
    /// The data as it stands there.
    pub data: String,
    /// How the data is written, usually `hex`; empty if not told.
    pub encoding: String,
}

/// One entry of `Call-Info` (RFC 3261 section 20.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallInfo {
    /// Where the information is.
    pub uri: String,
    /// What it is: `icon`, `info`, `card`, `answer-after` and others; empty if not told.
    pub purpose: String,
}

/// Typed reading of headers about identity and routing. What cannot be read is left out; a peer's word is verified by nobody.
impl HeaderList {
    /// `P-Asserted-Identity` (RFC 3325): trustworthy only from a network that is trusted.
    pub fn asserted_identities(&self) -> Vec<NameAddr> {
        self.addresses("P-Asserted-Identity")
    }

    /// `Privacy` (RFC 3323): `id`, `header`, `session`, `user`, `none`, `critical`.
    pub fn privacy(&self) -> Vec<String> {
        let values = self
            .get_all("Privacy")
            .flat_map(|value| value.split([';', ',']));
        values
            .map(|value| value.trim().to_ascii_lowercase())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// `Diversion`, the last one first.
    pub fn diversions(&self) -> Vec<Diversion> {
        let diversion = |by: NameAddr| Diversion {
            reason: by.params().get_unquoted("reason").unwrap_or_default(),
            count: by
                .params()
                .get("counter")
                .and_then(|count| count.parse().ok())
                .unwrap_or(1),
            by,
        };
        self.addresses("Diversion")
            .into_iter()
            .map(diversion)
            .collect()
    }

    /// `History-Info`, oldest first.
    pub fn history(&self) -> Vec<HistoryEntry> {
        let entry = |target: NameAddr| HistoryEntry {
            index: target.params().get("index").unwrap_or_default().to_owned(),
            reason: super::refer::uri_header(target.uri(), "Reason")
                .and_then(|text| Reason::parse(&text)),
            target,
        };
        self.addresses("History-Info")
            .into_iter()
            .map(entry)
            .collect()
    }

    /// `Reason`, one for each protocol.
    pub fn reasons(&self) -> Vec<Reason> {
        self.get_list("Reason")
            .into_iter()
            .filter_map(Reason::parse)
            .collect()
    }

    /// The cause of ISDN and the telephone network (ITU-T Q.850), 1 to 127, where a `Reason` names one.
    pub fn q850_cause(&self) -> Option<u8> {
        let reasons = self.reasons();
        let q850 = reasons
            .iter()
            .find(|reason| reason.protocol.eq_ignore_ascii_case("Q.850"))?;
        u8::try_from(q850.cause?)
            .ok()
            .filter(|cause| (1..=127).contains(cause))
    }

    /// `User-to-User`.
    pub fn user_to_user(&self) -> Vec<UserToUser> {
        let value = |text: &str| {
            let mut parts = split_outside_quotes(text, ';').into_iter();
            let data = unquote(parts.next()?.trim());
            let encoding = parts
                .filter_map(|part| part.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("encoding"))
                .map(|(_, value)| value.trim().to_owned());
            (!data.is_empty()).then(|| UserToUser {
                data,
                encoding: encoding.unwrap_or_default(),
            })
        };
        self.get_list("User-to-User")
            .into_iter()
            .filter_map(value)
            .collect()
    }

    /// `Call-Info`; its URIs may be of any scheme.
    pub fn call_info(&self) -> Vec<CallInfo> {
        let entry = |text: &str| {
            let (uri, params) = text.trim().strip_prefix('<')?.split_once('>')?;
            let params = super::Params::parse(params.trim_start_matches([' ', ';']));
            Some(CallInfo {
                uri: uri.to_owned(),
                purpose: params.get_unquoted("purpose").unwrap_or_default(),
            })
        };
        self.get_list("Call-Info")
            .into_iter()
            .filter_map(entry)
            .collect()
    }

    fn addresses(&self, name: &str) -> Vec<NameAddr> {
        self.get_list(name)
            .into_iter()
            .filter_map(|text| NameAddr::parse(text).ok())
            .collect()
    }
}

impl Reason {
    /// A Q.850 cause, as it stands in a `Reason` header.
    pub fn q850(cause: u8) -> Reason {
        Reason {
            protocol: "Q.850".to_owned(),
            cause: Some(cause.into()),
            text: String::new(),
        }
    }

    fn parse(text: &str) -> Option<Reason> {
        let mut parts = split_outside_quotes(text, ';').into_iter();
        let protocol = parts.next()?.trim().to_owned();
        let mut reason = Reason {
            protocol,
            cause: None,
            text: String::new(),
        };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "cause" => reason.cause = value.trim().parse().ok(),
                "text" => reason.text = unquote(value.trim()),
                _ => {}
            }
        }
        (!reason.protocol.is_empty()).then_some(reason)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, ";cause={cause}")?;
        }
        if !self.text.is_empty() {
            write!(f, ";text={}", super::text::quote(&self.text))?;
        }
        Ok(())
    }
}

impl Diversion {
    /// The user part of who diverted, usually the number that was called first.
    pub fn user(&self) -> Option<&str> {
        let uri: &Uri = self.by.uri();
        uri.user()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn header(name: &str, values: &[&str]) -> HeaderList {
        let mut headers = HeaderList::new();
        for value in values {
            headers.push(name, *value).unwrap();
        }
        headers
    }

    #[test]
    fn asserted_identity_may_be_sip_and_tel() {
        let headers = header(
            "P-Asserted-Identity",
            &["\"Cullen, J\" <sip:fluffy@cisco.com>, tel:+14085264000"],
        );
        let identities = headers.asserted_identities();
        assert_eq!(identities.len(), 2);
        assert_eq!(identities[0].display_name(), Some("Cullen, J"));
        assert_eq!(
            header("Privacy", &["id; Critical", "user"]).privacy(),
            ["id", "critical", "user"]
        );
    }

    #[test]
    fn diversions_are_told_last_first() {
        let headers = header(
            "Diversion",
            &[
                "<sip:+19195551002@b>;reason=no-answer;counter=2",
                "\"A\" <sip:a@b>;reason=\"user-busy\", broken<",
            ],
        );
        let told: Vec<_> = headers
            .diversions()
            .iter()
            .map(|hop| {
                (
                    hop.user().unwrap().to_owned(),
                    hop.reason.clone(),
                    hop.count,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("+19195551002".to_owned(), "no-answer".to_owned(), 2),
                ("a".to_owned(), "user-busy".to_owned(), 1)
            ]
        );
    }

    #[test]
    fn history_tells_why_a_target_was_left() {
        let headers = header(
            "History-Info",
            &["<sip:bob@b?Reason=SIP%3Bcause%3D302>;index=1, <sip:office@b>;index=1.1;mp=1"],
        );
        let history = headers.history();
        assert_eq!(history[0].reason.as_ref().unwrap().cause, Some(302));
        assert_eq!(
            (history[1].index.as_str(), &history[1].reason),
            ("1.1", &None)
        );
    }

    #[test]
    fn causes_of_both_protocols_are_told_apart() {
        let headers = header(
            "Reason",
            &["SIP ;cause=600 ;text=\"Busy; Everywhere\", Q.850;cause=16;text=\"Terminated\""],
        );
        let reasons = headers.reasons();
        assert_eq!(reasons[0].text, "Busy; Everywhere");
        assert_eq!(headers.q850_cause(), Some(16));
        assert_eq!(reasons[1].to_string(), "Q.850;cause=16;text=\"Terminated\"");
        assert_eq!(Reason::q850(17).to_string(), "Q.850;cause=17");
        for odd in [
            "Q.850",
            "Q.850;cause=0",
            "Q.850;cause=900",
            "SIP;cause=16",
            "",
        ] {
            assert_eq!(header("Reason", &[odd]).q850_cause(), None, "{odd}");
        }
    }

    #[test]
    fn data_and_pointers_are_read() {
        let headers = header(
            "User-to-User",
            &["56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui"],
        );
        let data = &headers.user_to_user()[0];
        assert_eq!(
            (data.data.as_str(), data.encoding.as_str()),
            ("56a390f3d2b7310023a2", "hex")
        );
        let headers = header(
            "Call-Info",
            &["<http://a.example/p.jpg> ;purpose=icon, <sip:a@b>;answer-after=0, junk"],
        );
        let info = headers.call_info();
        assert_eq!(info.len(), 2);
        assert_eq!(
            (info[0].uri.as_str(), info[0].purpose.as_str()),
            ("http://a.example/p.jpg", "icon")
        );
    }
}
