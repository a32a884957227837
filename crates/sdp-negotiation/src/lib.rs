//! SDP text and the offer/answer rules of RFC 3264, as values.
