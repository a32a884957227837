//! The one place where SDP formats and codecs meet.

use std::sync::Arc;

use audio_codecs::Codec;
use sdp_negotiation::AudioFormat;

use crate::Error;

/// The codecs that a client offers and accepts, in order of preference.
///
/// A codec of your own is a type that implements [`Codec`] and one [`push`](Self::push):
///
/// ```
/// use std::sync::Arc;
/// use headless_sip::{CodecTable, codecs::Pcmu};
///
/// let mut table = CodecTable::empty();
/// table.push(Arc::new(Pcmu));
/// assert_eq!(table.names().collect::<Vec<_>>(), ["PCMU"]);
/// ```
#[derive(Clone, Debug)]
pub struct CodecTable {
    rows: Vec<Arc<dyn Codec>>,
}

impl Default for CodecTable {
    /// The best sounding first: Opus (where compiled in), G722, PCMU, PCMA.
    ///
    /// L16 is left to those who name it: it sounds like G722 or Opus for four times the bandwidth and more.
    fn default() -> Self {
        let mut table = Self::empty();
        #[cfg(feature = "opus")]
        table.push(Arc::new(audio_codecs::Opus::default()));
        table.push(Arc::new(audio_codecs::G722));
        table.push(Arc::new(audio_codecs::Pcmu));
        table.push(Arc::new(audio_codecs::Pcma));
        table
    }
}

impl CodecTable {
    /// A table without codecs; a call needs at least one.
    pub fn empty() -> Self {
        Self { rows: Vec::new() }
    }

    /// The named codecs in this order, from a list such as `g722,pcmu,l16` (case does not matter). Beside
    /// the codecs of the default table there is `l16` at 16 kHz, also as `l16/8000` and `l16/44100`.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a name that is not compiled in, and for an empty list.
    pub fn from_names(list: &str) -> Result<Self, Error> {
        let mut table = Self::empty();
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let codec = by_name(name).ok_or_else(|| {
                let names: Vec<_> = Self::default().names().map(str::to_lowercase).collect();
                Error::Config(format!(
                    "codec {name:?} is not known; choose from {}, l16",
                    names.join(", ")
                ))
            })?;
            let known = |row: &Arc<dyn Codec>| {
                row.encoding_name() == codec.encoding_name()
                    && row.clock_rate() == codec.clock_rate()
            };
            if !table.rows.iter().any(known) {
                table.rows.push(codec);
            }
        }
        if table.rows.is_empty() {
            return Err(Error::Config(
                "the list of codecs is empty; name at least one".into(),
            ));
        }
        Ok(table)
    }

    /// Adds a codec behind those that are there.
    pub fn push(&mut self, codec: Arc<dyn Codec>) -> &mut Self {
        self.rows.push(codec);
        self
    }

    /// Adds a codec before those that are there.
    pub fn prefer(&mut self, codec: Arc<dyn Codec>) -> &mut Self {
        self.rows.insert(0, codec);
        self
    }

    /// The encoding names (RFC 8866 `a=rtpmap`), in order of preference.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|codec| codec.encoding_name())
    }

    /// Whether there is no codec in it.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The codec of a row; rows are numbered as in [`formats`](Self::formats).
    pub(crate) fn row(&self, index: usize) -> Option<&Arc<dyn Codec>> {
        self.rows.get(index)
    }

    /// The table as SDP states it, one format a row in the same order.
    pub(crate) fn formats(&self) -> Vec<AudioFormat> {
        self.rows
            .iter()
            .map(|codec| AudioFormat {
                encoding_name: codec.encoding_name().to_owned(),
                clock_rate: codec.clock_rate(),
                channels: codec.rtp_channels(),
                payload_type: codec.static_payload_type(),
                fmtp: codec.fmtp(),
            })
            .collect()
    }
}

fn by_name(name: &str) -> Option<Arc<dyn Codec>> {
    let l16_rate = match name.to_ascii_lowercase().as_str() {
        "l16" | "l16/16000" => Some(16_000),
        "l16/8000" => Some(8000),
        "l16/44100" => Some(44_100),
        _ => None,
    };
    if let Some(rate) = l16_rate {
        return Some(Arc::new(audio_codecs::L16::new(rate)));
    }
    let known = CodecTable::default().rows;
    known
        .into_iter()
        .find(|codec| codec.encoding_name().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_order_of_preference_and_repeats_count_once() {
        let table = CodecTable::from_names("PCMA, pcmu,pcma").unwrap();
        assert_eq!(table.names().collect::<Vec<_>>(), ["PCMA", "PCMU"]);
    }

    #[test]
    fn the_best_sounding_codec_comes_first() {
        let table = CodecTable::default();
        let names: Vec<_> = table.names().filter(|name| *name != "opus").collect();
        assert_eq!(names, ["G722", "PCMU", "PCMA"]);
        let first = if cfg!(feature = "opus") {
            "opus"
        } else {
            "G722"
        };
        assert_eq!(table.names().next(), Some(first));
    }

    #[test]
    fn l16_is_there_for_who_names_it_at_each_rate_once() {
        let table = CodecTable::from_names("l16,L16/8000,l16/16000,l16/44100").unwrap();
        let formats = table.formats();
        let rates: Vec<_> = formats.iter().map(|format| format.clock_rate).collect();
        assert_eq!(rates, [16_000, 8000, 44_100]);
        assert_eq!(formats[2].payload_type, Some(11));
        assert!(CodecTable::from_names("l16/7000").is_err());
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let error = CodecTable::from_names("g729").unwrap_err().to_string();
        assert!(error.contains("g729") && error.contains("pcmu"), "{error}");
    }
}
