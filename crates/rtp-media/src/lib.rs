//! RTP and RTCP of one call as a value: streams, jitter buffer, reports, telephone-event.
