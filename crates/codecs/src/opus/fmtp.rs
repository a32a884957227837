//! The `a=fmtp` parameters of Opus (RFC 7587 section 6.1).
#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::Opus;

/// What a peer wants to receive. Unknown and unreadable parameters are passed
/// over, as RFC 4855 section 3 has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fmtp {
    pub(super) max_average_bitrate: Option<u32>,
    pub(super) max_playback_rate: Option<u32>,
    pub(super) use_inband_fec: bool,
    /// `None` where the peer does not say.
    pub(super) use_dtx: Option<bool>,
    pub(super) constant_bitrate: bool,
    pub(super) stereo: bool,
    /// In ms.
    pub(super) min_ptime: Option<u32>,
    pub(super) ptime: Option<u32>,
    pub(super) max_ptime: Option<u32>,
}

impl Fmtp {
    pub(super) fn parse(text: &str) -> Self {
        let mut fmtp = Fmtp::default();
        for parameter in text.split(';') {
            let Some((name, value)) = parameter.split_once('=') else {
                continue;
            };
            let Ok(value) = value.trim().parse::<u32>() else {
                continue;
            };
            match name.trim().to_ascii_lowercase().as_str() {
                "maxaveragebitrate" => fmtp.max_average_bitrate = Some(value),
                "maxplaybackrate" => fmtp.max_playback_rate = Some(value),
                "useinbandfec" => fmtp.use_inband_fec = value == 1,
                "usedtx" => fmtp.use_dtx = Some(value == 1),
                "cbr" => fmtp.constant_bitrate = value == 1,
                "stereo" => fmtp.stereo = value == 1,
                "minptime" => fmtp.min_ptime = Some(value),
                // Of the session's attributes by right, of ours with some peers.
                "ptime" => fmtp.ptime = Some(value),
                "maxptime" => fmtp.max_ptime = Some(value),
                _ => {}
            }
        }
        fmtp
    }
}

/// Our own parameters: what we want to receive.
pub(super) fn of(opus: &Opus) -> String {
    let mut text = format!("minptime=10;useinbandfec={}", u8::from(opus.fec));
    if opus.sample_rate < super::CLOCK_RATE {
        // What lies above half of our rate would be thrown away; and what we
        // send has no more than that either.
        text += &format!(
            ";maxplaybackrate={0};sprop-maxcapturerate={0}",
            opus.sample_rate
        );
    }
    if let Some(bitrate) = opus.bitrate {
        text += &format!(";maxaveragebitrate={bitrate}");
    }
    if opus.dtx {
        text += ";usedtx=1";
    }
    if opus.constant_bitrate {
        text += ";cbr=1";
    }
    if opus.channels == 2 {
        text += ";stereo=1;sprop-stereo=1";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_in_any_order_case_and_spacing() {
        assert_eq!(
            Fmtp::parse(
                " UseInbandFec=1; maxaveragebitrate = 20000 ;stereo=1;usedtx=0;cbr=1;maxplaybackrate=16000; minptime=10;maxptime=60"
            ),
            Fmtp {
                max_average_bitrate: Some(20_000),
                max_playback_rate: Some(16_000),
                use_inband_fec: true,
                use_dtx: Some(false),
                constant_bitrate: true,
                stereo: true,
                min_ptime: Some(10),
                ptime: None,
                max_ptime: Some(60),
            }
        );
    }

    #[test]
    fn what_cannot_be_read_is_passed_over() {
        let nothing = Fmtp::default();
        for text in [
            "",
            ";;;",
            "useinbandfec",
            "=1",
            "maxaveragebitrate=-5",
            "cbr=x;é=1",
        ] {
            assert_eq!(Fmtp::parse(text), nothing, "{text}");
        }
    }

    #[test]
    fn our_own_parameters_say_what_we_can_use() {
        assert_eq!(
            of(&Opus::default()),
            "minptime=10;useinbandfec=1;maxplaybackrate=16000;sprop-maxcapturerate=16000"
        );
        let opus = Opus {
            sample_rate: 48_000,
            bitrate: Some(64_000),
            fec: false,
            dtx: true,
            constant_bitrate: true,
            channels: 2,
            ..Opus::default()
        };
        assert_eq!(
            of(&opus),
            "minptime=10;useinbandfec=0;maxaveragebitrate=64000;usedtx=1;cbr=1;stereo=1;sprop-stereo=1"
        );
    }
}
