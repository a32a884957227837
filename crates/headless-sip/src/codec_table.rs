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
    /// Every codec that was compiled in, the best sounding first: Opus, PCMU, PCMA.
    fn default() -> Self {
        let mut table = Self::empty();
        #[cfg(feature = "opus")]
        table.push(Arc::new(audio_codecs::Opus::default()));
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

    /// The named codecs in this order, from a list such as `pcmu,pcma,opus` (case does not matter).
    ///
    /// # Errors
    ///
    /// [`Error::Config`] for a name that is not compiled in, and for an empty list.
    pub fn from_names(list: &str) -> Result<Self, Error> {
        let known = Self::default();
        let mut table = Self::empty();
        for name in list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
        {
            let codec = known
                .rows
                .iter()
                .find(|codec| codec.encoding_name().eq_ignore_ascii_case(name))
                .ok_or_else(|| {
                    let names: Vec<_> = known.names().map(str::to_lowercase).collect();
                    Error::Config(format!(
                        "codec {name:?} is not known; choose from {}",
                        names.join(", ")
                    ))
                })?;
            if !table
                .rows
                .iter()
                .any(|row| row.encoding_name() == codec.encoding_name())
            {
                table.rows.push(Arc::clone(codec));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_the_order_of_preference_and_repeats_count_once() {
        let table = CodecTable::from_names("PCMA, pcmu,pcma").unwrap();
        assert_eq!(table.names().collect::<Vec<_>>(), ["PCMA", "PCMU"]);
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
        let error = CodecTable::from_names("g729").unwrap_err().to_string();
        assert!(error.contains("g729") && error.contains("pcmu"), "{error}");
    }
}
