//! How much a peer may make us read.

/// Bytes of text in one description.
pub const MAX_BYTES: usize = 64 * 1024;

/// `m=` lines in one description.
pub const MAX_MEDIA_LINES: usize = 16;

/// Formats in one `m=` line.
pub const MAX_FORMATS: usize = 64;
