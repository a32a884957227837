//! `"Name" <uri>;params`: From, To, Contact, Route and their like (RFC 3261 section 20.10).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::{fmt, str::FromStr};

use super::{
    HeaderList,
    params::Params,
    text::{has_control, quote, split_quoted, unquote},
    uri::{Uri, UriError},
};
use crate::SignalingError;

/// A display name, a URI and header parameters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NameAddr {
    display_name: Option<String>,
    uri: Uri,
    params: Params,
}

impl NameAddr {
    /// `<uri>`.
    pub fn new(uri: Uri) -> NameAddr {
        NameAddr {
            display_name: None,
            uri,
            params: Params::default(),
        }
    }

    /// The same with a display name.
    ///
    /// # Errors
    /// `InvalidInput` for control characters (CR, LF, NUL).
    pub fn with_display_name(mut self, name: &str) -> Result<NameAddr, SignalingError> {
        if has_control(name) {
            return Err(SignalingError::input(
                "display name",
                "it holds a control character (CR, LF or NUL)",
            ));
        }
        self.display_name = Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(self)
    }

    /// Parses both forms: with angle brackets, and a bare URI (whose parameters then belong to the header,
    /// RFC 3261 section 20).
    pub fn parse(text: &str) -> Result<NameAddr, UriError> {
        let text = text.trim();
        if has_control(text) {
            return Err(UriError::Malformed("a control character"));
        }
        let (name, rest) = if text.starts_with('"') {
            let (name, rest) =
                split_quoted(text).ok_or(UriError::Malformed("quote never closed"))?;
            (unquote(name), rest)
        } else {
            match text.find('<').and_then(|at| text.split_at_checked(at)) {
                Some((name, rest)) => (name.trim().to_owned(), rest),
                None => (String::new(), text),
            }
        };
        let rest = rest.trim_start();
        let (uri, params) = match rest.strip_prefix('<') {
            Some(inside) => {
                let (uri, params) = inside
                    .split_once('>')
                    .ok_or(UriError::Malformed("bracket never closed"))?;
                let params = params.trim_start();
                if !params.is_empty() && !params.starts_with(';') {
                    return Err(UriError::Malformed("text after the URI"));
                }
                (Uri::parse(uri.trim())?, Params::parse(params))
            }
            None => parse_bare(rest)?,
        };
        Ok(NameAddr {
            display_name: Some(name).filter(|name| !name.is_empty()),
            uri,
            params,
        })
    }

    /// Display name, without quotes.
    pub fn display_name(&self) -> Option<&str> {
        self.display_name.as_deref()
    }

    /// URI.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// URI, to change.
    pub fn uri_mut(&mut self) -> &mut Uri {
        &mut self.uri
    }

    /// Header parameters (`tag`, `expires`, `q`).
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// Header parameters, to change.
    pub fn params_mut(&mut self) -> &mut Params {
        &mut self.params
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    /// The same with a `sips:` URI.
    pub(crate) fn with_sips(mut self) -> NameAddr {
        self.uri.secure();
        self
    }

    /// The same with this tag.
    pub(crate) fn with_tag(mut self, tag: &str) -> NameAddr {
        self.params.set_raw("tag", Some(tag));
        self
    }
}

/// A bare URI cannot hold ';' or '?' after its host: they start header parameters. A ';' in the user part stays.
fn parse_bare(text: &str) -> Result<(Uri, Params), UriError> {
    let from = text.find('@').unwrap_or(0);
    let cut = text
        .get(from..)
        .and_then(|tail| tail.find(';'))
        .map(|at| at.saturating_add(from));
    let (uri, params) = cut
        .and_then(|at| text.split_at_checked(at))
        .unwrap_or((text, ""));
    let uri = Uri::parse(uri.trim())?;
    if uri.headers().is_some() {
        return Err(UriError::Malformed("a '?' outside angle brackets"));
    }
    Ok((uri, Params::parse(params)))
}

impl fmt::Display for NameAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.display_name {
            write!(f, "{} ", quote(name))?;
        }
        write!(f, "<{}>{}", self.uri, self.params)
    }
}

impl FromStr for NameAddr {
    type Err = UriError;
    fn from_str(text: &str) -> Result<NameAddr, UriError> {
        NameAddr::parse(text)
    }
}

impl From<Uri> for NameAddr {
    fn from(uri: Uri) -> NameAddr {
        NameAddr::new(uri)
    }
}

/// The elements of a header that can be read, in order; a broken one would break a route anyway.
pub(crate) fn name_addrs(headers: &HeaderList, name: &str) -> Vec<NameAddr> {
    let elements = headers.get_list(name).into_iter();
    elements
        .filter_map(|text| NameAddr::parse(text).ok())
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_understood() {
        let quoted = NameAddr::parse(r#""A. \"B\" <C>" <sip:a@b;lr>;tag=1"#).unwrap();
        assert_eq!(quoted.display_name(), Some(r#"A. "B" <C>"#));
        assert!(quoted.uri().params().contains("lr"));
        assert_eq!(quoted.tag(), Some("1"));
        let bare = NameAddr::parse("sip:a@b;tag=2").unwrap();
        assert!(bare.uri().params().is_empty());
        assert_eq!(bare.tag(), Some("2"));
        let words = NameAddr::parse("Mister Watson <sip:w@b>").unwrap();
        assert_eq!(words.display_name(), Some("Mister Watson"));
        assert_eq!(words.to_string(), "\"Mister Watson\" <sip:w@b>");
    }

    #[test]
    fn broken_forms_are_refused() {
        for text in [
            "",
            "\"a <sip:a@b>",
            "<sip:a@b",
            "<sip:a@b> x",
            "a\r\nb <sip:a@b>",
            "<>",
        ] {
            assert!(NameAddr::parse(text).is_err(), "{text:?}");
        }
    }
}
