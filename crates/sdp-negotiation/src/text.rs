//! Between text and our structs: mend first, then let the `sdp` crate read and print.
//!
//! ```text
//! bytes -> normalise -> sdp::SessionDescription -> from_wire -> SessionDescription
//! SessionDescription -> to_wire -> sdp::SessionDescription -> text
//! ```
//!
//! The types of the `sdp` crate stay in this module.

mod from_wire;
mod media_line;
mod normalise;
mod to_wire;

use std::io::Cursor;

use crate::error::SdpError;
use crate::session_description::SessionDescription;

/// Reads a description.
pub(crate) fn parse(bytes: &[u8]) -> Result<SessionDescription, SdpError> {
    let normalised = normalise::normalise(bytes)?;
    let mut reader = Cursor::new(normalised.text.as_bytes());
    let wire =
        sdp::SessionDescription::unmarshal(&mut reader).map_err(|error| SdpError::InvalidLine {
            line: error.to_string(),
        })?;
    Ok(from_wire::from_wire(wire, normalised.set_aside))
}

/// Prints a description with CRLF line ends.
pub(crate) fn print(description: &SessionDescription) -> String {
    to_wire::to_wire(description).marshal()
}
