//! The values of options, each with a parser whose error says what is accepted.

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command};
use headless_sip::IpNet;

/// A password. It has no `Display`, and its `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl Password {
    /// The password itself, for the client that answers a challenge with it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// `NAME:PASSWORD` of a user of the embedded telephone system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PbxUser {
    /// The part before the @ of the address.
    pub name: String,
    /// What the user must know.
    pub password: Password,
}

/// clap repeats a value that it refuses; this one may hold a password, so its error must not.
#[derive(Debug, Clone)]
pub(super) struct PbxUserParser;

impl TypedValueParser for PbxUserParser {
    type Value = PbxUser;

    fn parse_ref(
        &self,
        command: &Command,
        _: Option<&Arg>,
        value: &OsStr,
    ) -> Result<PbxUser, clap::Error> {
        value
            .to_str()
            .ok_or_else(|| "it is not UTF-8".to_owned())
            .and_then(PbxUser::from_str)
            .map_err(|message| {
                let message = format!("invalid value for '--user <NAME:PASSWORD>': {message}");
                command.clone().error(ErrorKind::ValueValidation, message)
            })
    }
}

impl FromStr for PbxUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((name, password)) = text.split_once(':') else {
            return Err("a user is NAME:PASSWORD, for example alice:secret".into());
        };
        let name_is_plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
        if name.is_empty() || !name_is_plain {
            return Err("the NAME of NAME:PASSWORD takes letters, digits and - _ . +".into());
        }
        if password.is_empty() {
            return Err("the PASSWORD of NAME:PASSWORD is empty".into());
        }
        Ok(Self {
            name: name.into(),
            password: Password(password.into()),
        })
    }
}

/// A codec that the command can offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// G.711 u-law, 8 kHz.
    Pcmu,
    /// G.711 A-law, 8 kHz.
    Pcma,
    /// G.722, 16 kHz.
    G722,
    /// Plain 16-bit samples, 16 kHz.
    L16,
    /// Opus, 16 kHz.
    #[cfg(feature = "opus")]
    Opus,
}

impl Codec {
    /// Every codec that is compiled in. All but the last are offered by default, the best sounding first.
    const ALL: &[Self] = &[
        #[cfg(feature = "opus")]
        Self::Opus,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        Self::L16,
    ];

    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "pcmu",
            Self::Pcma => "pcma",
            Self::G722 => "g722",
            Self::L16 => "l16",
            #[cfg(feature = "opus")]
            Self::Opus => "opus",
        }
    }
}

/// Codecs in order of preference, each at most once, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CodecList(Vec<Codec>);

impl CodecList {
    /// The codecs, best first.
    #[cfg(test)]
    pub(crate) fn codecs(&self) -> &[Codec] {
        &self.0
    }
}

impl Default for CodecList {
    fn default() -> Self {
        let offered = Codec::ALL.iter().filter(|codec| **codec != Codec::L16);
        Self(offered.copied().collect())
    }
}

impl fmt::Display for CodecList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(|codec| codec.name()).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for CodecList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut codecs = Vec::new();
        for name in text.split(',').map(str::trim) {
            let codec = *Codec::ALL
                .iter()
                .find(|codec| codec.name().eq_ignore_ascii_case(name))
                .ok_or_else(|| {
                    format!(
                        "there is no codec '{name}'; take some of {}, best first",
                        Self(Codec::ALL.to_vec())
                    )
                })?;
            if codecs.contains(&codec) {
                return Err(format!("'{name}' stands twice in the list"));
            }
            codecs.push(codec);
        }
        Ok(Self(codecs))
    }
}

/// First and last UDP port for RTP and RTCP; holds at least one even port with the odd one after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PortRange(RangeInclusive<u16>);

impl PortRange {
    /// The ports, ends included.
    pub(crate) fn ports(&self) -> RangeInclusive<u16> {
        self.0.clone()
    }
}

impl Default for PortRange {
    fn default() -> Self {
        Self(16_384..=32_767)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.start(), self.0.end())
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let explain = || {
            "a port range is FIRST-LAST, for example 20000-20099, between 1024 and 65535".to_owned()
        };
        let (first, last) = text.split_once('-').ok_or_else(explain)?;
        let first: u16 = first.trim().parse().map_err(|_| explain())?;
        let last: u16 = last.trim().parse().map_err(|_| explain())?;
        if first < 1024 {
            return Err(explain());
        }
        // RFC 3550 section 11: RTP takes an even port and RTCP the odd one above it.
        let first_even = first.saturating_add(first % 2);
        if first_even >= last {
            return Err(format!(
                "{first}-{last} has no room for a call: each takes an even port and the next one"
            ));
        }
        Ok(Self(first..=last))
    }
}

/// A header of the user's own, `Name: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// The name, a token.
    pub name: String,
    /// The value, without line breaks.
    pub value: String,
}

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| "a header is 'Name: value'".to_owned())?;
        let (name, value) = (name.trim(), value.trim());
        // RFC 3261 section 25.1: token.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) {
            return Err(
                "the name of a header takes letters, digits and - . ! % * _ + ` ' ~".into(),
            );
        }
        if value.contains(['\r', '\n', '\0']) {
            return Err("the value of a header must not hold a line break or a NUL".into());
        }
        Ok(Self {
            name: name.into(),
            value: value.into(),
        })
    }
}

/// One step of what to press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DtmfStep {
    /// Press this key.
    Key(char),
    /// Wait one second.
    Wait,
}

/// Key presses to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dtmf(Vec<DtmfStep>);

impl Dtmf {
    /// What to press, in order.
    pub(crate) fn steps(&self) -> &[DtmfStep] {
        &self.0
    }
}

impl FromStr for Dtmf {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let steps: Result<Vec<_>, _> = text.chars().filter(|c| *c != ' ').map(dtmf_step).collect();
        match steps {
            Ok(steps) if steps.is_empty() => Err("there is no digit to send".into()),
            Ok(steps) => Ok(Self(steps)),
            Err(error) => Err(error),
        }
    }
}

fn dtmf_step(character: char) -> Result<DtmfStep, String> {
    match character.to_ascii_uppercase() {
        key @ ('0'..='9' | '*' | '#' | 'A'..='D') => Ok(DtmfStep::Key(key)),
        ',' => Ok(DtmfStep::Wait),
        other => Err(format!(
            "there is no key '{}'; a telephone has 0-9, *, #, A-D, and a comma waits one second",
            other.escape_default()
        )),
    }
}

/// A share in percent, 0 to 50.
pub(super) fn percent(text: &str) -> Result<f32, String> {
    number_in(text.trim_end_matches('%'), 0.0..=50.0)
        .ok_or_else(|| "a share in percent is 0 to 50".into())
}

/// A frequency in Hz, 20 to 20000.
pub(super) fn hertz(text: &str) -> Result<f32, String> {
    number_in(text, 20.0..=20_000.0).ok_or_else(|| "a frequency is 20 to 20000 Hz".into())
}

/// A duration in seconds, more than 0, at most 30 days; a fraction is allowed.
pub(super) fn seconds(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|number| *number > 0.0 && *number <= 30.0 * 86_400.0)
        .ok_or_else(|| "a duration is a number of seconds above 0, for example 10 or 2.5".into())
}

fn number_in(text: &str, range: RangeInclusive<f32>) -> Option<f32> {
    text.parse::<f32>()
        .ok()
        .filter(|number| range.contains(number))
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let single = text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or(single).map_err(|_| {
        "write it as ADDRESS/BITS, for example 192.0.2.0/24, or as an address".to_owned()
    })
}

/// An IP address with a port.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "it is an IP address and a port, for example 127.0.0.1:5060 or [::1]:5060; port 0 takes a free one".into())
}

/// Text that is not empty and holds no line break.
pub(super) fn non_empty(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty".into());
    }
    if text.contains(['\r', '\n', '\0']) {
        return Err("it must not hold a line break or a NUL".into());
    }
    Ok(text.trim().to_owned())
}

/// A SIP URI; `sip:` is put before a bare host.
pub(super) fn sip_uri(text: &str) -> Result<String, String> {
    let text = non_empty(text)?;
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("sip:") || lower.starts_with("sips:") {
        return Ok(text);
    }
    if lower.contains("://") || lower.starts_with("tel:") {
        return Err("a SIP address starts with sip: or sips:, for example sip:example.com".into());
    }
    Ok(format!("sip:{text}"))
}

/// The name of a WAV file to write.
pub(super) fn wav_path(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    let is_wav = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("wav"));
    if is_wav {
        Ok(path.to_owned())
    } else {
        Err("recordings are WAV: the name must end in .wav, or in .stereo.wav for received and sent side by side".into())
    }
}
