//! `;name=value` parameters of URIs and headers, in order.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use super::text::{has_control, split_outside_quotes, unquote};
use crate::SignalingError;

/// Ordered parameters; names compare without case. Values are kept as written, quotes included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Params(Vec<(String, Option<String>)>);

impl Params {
    pub(crate) fn parse(text: &str) -> Params {
        Params(
            split_outside_quotes(text, ';')
                .into_iter()
                .map(|part| match part.split_once('=') {
                    Some((name, value)) => (name.trim().to_owned(), Some(value.trim().to_owned())),
                    None => (part.to_owned(), None),
                })
                .filter(|(name, _)| !name.is_empty())
                .collect(),
        )
    }

    /// The value as written; `Some("")` for a parameter without value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_deref().unwrap_or(""))
    }

    /// The value without quotes and escapes.
    pub fn get_unquoted(&self, name: &str) -> Option<String> {
        self.get(name).map(unquote)
    }

    /// True if the parameter stands there, with or without value.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Sets or replaces a parameter.
    ///
    /// # Errors
    /// `InvalidInput` for anything that would end the parameter or the line: control characters, spaces,
    /// separators outside a quoted string.
    pub fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), SignalingError> {
        let breaks = |text: &str| {
            has_control(text)
                || text.contains(|c: char| c.is_whitespace() || ";,<>?\"".contains(c))
                || text.is_empty()
        };
        let quoted = |text: &str| {
            text.len() >= 2
                && super::text::split_quoted(text)
                    .is_some_and(|(head, tail)| head.starts_with('"') && tail.is_empty())
                && !has_control(text)
        };
        if breaks(name)
            || name.contains('=')
            || value.is_some_and(|value| breaks(value) && !quoted(value))
        {
            return Err(SignalingError::input(
                "parameter",
                "it holds a separator or a control character",
            ));
        }
        self.set_raw(name, value);
        Ok(())
    }

    /// For values that this crate made or has parsed.
    pub(crate) fn set_raw(&mut self, name: &str, value: Option<&str>) {
        self.remove(name);
        self.0.push((name.to_owned(), value.map(str::to_owned)));
    }

    /// Removes a parameter; true if it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        before != self.0.len()
    }

    /// All parameters in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.0 {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}
