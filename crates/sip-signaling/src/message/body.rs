//! A message body: a content type and bytes.

use super::HeaderList;
use crate::SignalingError;

/// A body. This crate never looks inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Content-Type, for instance `application/sdp`. Checked for control characters when it is sent.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Body {
    /// A body of this type.
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Body {
        Body {
            content_type: content_type.into(),
            bytes: bytes.into(),
        }
    }

    /// A body of type `application/sdp`.
    pub fn sdp(bytes: impl Into<Vec<u8>>) -> Body {
        Body::new("application/sdp", bytes)
    }

    /// True if the type, without parameters, is this one.
    pub fn is(&self, content_type: &str) -> bool {
        let essence = self.content_type.split(';').next().unwrap_or("").trim();
        essence.eq_ignore_ascii_case(content_type)
    }
}

/// Whether this body can be sent.
pub(crate) fn check_body(body: Option<&Body>) -> Result<(), SignalingError> {
    match body {
        Some(body) => HeaderList::new().push("Content-Type", body.content_type.as_str()),
        None => Ok(()),
    }
}
