//! Telephone codecs: samples to bytes and back, resampling, concealment.
