//! An ordered, case-insensitive list of headers.

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::fmt;

use super::text::{has_control, is_token, split_outside_quotes};
use crate::SignalingError;

/// RFC 3261 section 7.3.3 and the registrations since.
const COMPACT: [(&str, &str); 20] = [
    ("a", "Accept-Contact"),
    ("b", "Referred-By"),
    ("c", "Content-Type"),
    ("d", "Request-Disposition"),
    ("e", "Content-Encoding"),
    ("f", "From"),
    ("i", "Call-ID"),
    ("j", "Reject-Contact"),
    ("k", "Supported"),
    ("l", "Content-Length"),
    ("m", "Contact"),
    ("o", "Event"),
    ("r", "Refer-To"),
    ("s", "Subject"),
    ("t", "To"),
    ("u", "Allow-Events"),
    ("v", "Via"),
    ("x", "Session-Expires"),
    ("y", "Identity"),
    ("n", "Identity-Info"),
];

/// Headers in order. Names compare without case, and a compact form equals its long form.
///
/// No name or value in the list ever holds CR, LF or NUL, so no header can be smuggled in through a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderList {
    /// Names are long forms.
    entries: Vec<(String, String)>,
}

impl HeaderList {
    /// An empty list.
    pub fn new() -> HeaderList {
        HeaderList::default()
    }

    /// Appends a header.
    ///
    /// # Errors
    /// `InvalidInput` if `name` is no token or `value` holds a control character (CR, LF, NUL).
    pub fn push(&mut self, name: &str, value: impl Into<String>) -> Result<(), SignalingError> {
        let value = value.into();
        check(name, &value)?;
        self.push_raw(name, value);
        Ok(())
    }

    /// Replaces all headers of that name by one, at the place of the first.
    ///
    /// # Errors
    /// As [`HeaderList::push`].
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), SignalingError> {
        let value = value.into();
        check(name, &value)?;
        self.set_raw(name, value);
        Ok(())
    }

    /// Puts a header before all others (Via of a proxy).
    ///
    /// # Errors
    /// As [`HeaderList::push`].
    pub fn push_front(
        &mut self,
        name: &str,
        value: impl Into<String>,
    ) -> Result<(), SignalingError> {
        let value = value.into();
        check(name, &value)?;
        self.entries
            .insert(0, (long_name(name).to_owned(), value.trim().to_owned()));
        Ok(())
    }

    /// For values that this crate made; control characters become spaces.
    pub(crate) fn push_raw(&mut self, name: &str, value: impl Into<String>) {
        self.entries
            .push((long_name(name).to_owned(), cleaned(value.into())));
    }

    /// As [`HeaderList::push_raw`].
    pub(crate) fn set_raw(&mut self, name: &str, value: impl Into<String>) {
        let value = cleaned(value.into());
        let place = self
            .entries
            .iter()
            .position(|(key, _)| key.eq_ignore_ascii_case(long_name(name)));
        self.remove(name);
        let entry = (long_name(name).to_owned(), value);
        match place {
            Some(at) => self.entries.insert(at, entry),
            None => self.entries.push(entry),
        }
    }

    /// The first value of that name, as written.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// All values of that name in order, one per header line.
    pub fn get_all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let name = long_name(name);
        self.entries
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// All elements of a comma-separated header (Via, Route, Contact, Allow, Supported), over all its lines.
    /// Not for `WWW-Authenticate` and its like, whose commas separate parameters.
    pub fn get_list(&self, name: &str) -> Vec<&str> {
        self.get_all(name)
            .flat_map(|value| split_outside_quotes(value, ','))
            .collect()
    }

    /// True if a comma-separated header holds this token, without case.
    pub fn has_token(&self, name: &str, token: &str) -> bool {
        self.get_list(name)
            .iter()
            .any(|have| have.eq_ignore_ascii_case(token))
    }

    /// True if the header stands there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Removes all headers of that name; true if there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        let (before, name) = (self.entries.len(), long_name(name));
        self.entries
            .retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        before != self.entries.len()
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Number of header lines.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn extend(&mut self, other: &HeaderList) {
        self.entries.extend(other.entries.iter().cloned());
    }
}

fn check(name: &str, value: &str) -> Result<(), SignalingError> {
    if !is_token(name) {
        return Err(SignalingError::input("header name", "it is no token"));
    }
    if has_control(value) {
        return Err(SignalingError::input(
            "header value",
            "it holds a control character (CR, LF or NUL)",
        ));
    }
    Ok(())
}

fn cleaned(value: String) -> String {
    if has_control(&value) {
        value
            .replace(|c: char| c.is_control() && c != '\t', " ")
            .trim()
            .to_owned()
    } else if value.trim().len() == value.len() {
        value
    } else {
        value.trim().to_owned()
    }
}

/// The long form of a compact name; any other name as it is.
pub(crate) fn long_name(name: &str) -> &str {
    if name.len() != 1 {
        return name;
    }
    COMPACT
        .iter()
        .find(|(compact, _)| compact.eq_ignore_ascii_case(name))
        .map_or(name, |(_, long)| long)
}

impl fmt::Display for HeaderList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.entries {
            write!(f, "{name}: {value}\r\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_compact_forms_are_long_forms() {
        let mut headers = HeaderList::new();
        headers.push("v", "one").unwrap();
        headers.push("VIA", "two, three").unwrap();
        assert_eq!(headers.get("Via"), Some("one"));
        assert_eq!(headers.get_list("v"), ["one", "two", "three"]);
        headers.set("via", "four").unwrap();
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn line_breaks_and_nul_are_refused() {
        let mut headers = HeaderList::new();
        for (name, value) in [
            ("X", "a\r\nB: c"),
            ("X", "a\nb"),
            ("X", "a\0"),
            ("X\r\nY", "a"),
            ("X:", "a"),
            ("", "a"),
            ("X Y", "a"),
        ] {
            assert!(headers.push(name, value).is_err(), "{name:?} {value:?}");
            assert!(headers.set(name, value).is_err());
            assert!(headers.push_front(name, value).is_err());
        }
        assert!(headers.is_empty());
    }
}
