//! Fuzz targets of headless-sip.
