//! `Digest name=value, …` text.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::DigestError;
use crate::message::text::{split_outside_quotes, unquote};

/// Names and unquoted values after the word `Digest`.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn parse(text: &str) -> Result<Fields, DigestError> {
        let (scheme, rest) = text
            .trim()
            .split_once(char::is_whitespace)
            .ok_or(DigestError::NotDigest)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::NotDigest);
        }
        let fields = split_outside_quotes(rest, ',')
            .into_iter()
            .filter_map(|field| field.split_once('='));
        Ok(Fields(
            fields
                .map(|(name, value)| (name.trim().to_owned(), unquote(value)))
                .collect(),
        ))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn required(&self, name: &'static str) -> Result<String, DigestError> {
        self.get(name)
            .map(str::to_owned)
            .ok_or(DigestError::Field(name))
    }
}
