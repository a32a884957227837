//! `b=<type>:<bandwidth>` (RFC 8866 section 5.8).

/// A proposed bandwidth; carried, never judged.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bandwidth {
    /// `AS` (kbit/s), `TIAS` (bit/s), `RS`, `RR`, ...
    pub bandwidth_type: String,
    /// The figure, in the type's unit.
    pub value: u64,
}
