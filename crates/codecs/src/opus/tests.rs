//! Tests of Opus.
