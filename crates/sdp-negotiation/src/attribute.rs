//! `a=<name>[:<value>]`: attributes that this crate has no type for (RFC 8866 section 5.13).

use std::fmt;

/// An attribute kept as text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attribute {
    /// The part before the colon.
    pub name: String,
    /// The part after the colon, if there is one.
    pub value: Option<String>,
}

impl Attribute {
    /// A property attribute, `a=name`.
    #[must_use]
    pub fn property(name: impl Into<String>) -> Self {
        Attribute {
            name: name.into(),
            value: None,
        }
    }

    /// A value attribute, `a=name:value`.
    #[must_use]
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Attribute {
            name: name.into(),
            value: Some(value.into()),
        }
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}:{value}", self.name),
            None => f.write_str(&self.name),
        }
    }
}
