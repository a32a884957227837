//! Bytes of a stream to messages and keep-alives (RFC 3261 section 18.3, RFC 5626 section 4.4.1).

#![deny(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use crate::message::{Message, ParseError};

/// What stood on the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A double line break: the peer asks whether we live.
    Ping,
    /// A line break: the answer to our ping.
    Pong,
    /// The bytes of one message.
    Message(Vec<u8>),
    /// Where the next message begins cannot be told: what is there, and why. The stream is of no use any more.
    Broken(Vec<u8>, ParseError),
}

/// The part of a stream that has been read and not been taken yet.
#[derive(Debug)]
pub(super) struct Framer {
    buffer: Vec<u8>,
    /// Largest message that is read, in bytes.
    limit: usize,
}

impl Framer {
    pub(super) fn new(limit: usize) -> Framer {
        Framer {
            buffer: Vec::new(),
            limit,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` while more bytes are needed. `awaits_pong`: a line break alone is the answer to
    /// our ping, and not the first half of the peer's.
    pub(super) fn next(&mut self, awaits_pong: bool) -> Option<Frame> {
        loop {
            if self.take(b"\r\n\r\n") {
                return Some(Frame::Ping);
            }
            let rest = match self.buffer.as_slice() {
                [] | b"\r" | b"\r\n\r" => return None,
                b"\r\n" if !awaits_pong => return None,
                rest => rest,
            };
            if rest.starts_with(b"\r\n") {
                self.take(b"\r\n");
                if awaits_pong {
                    return Some(Frame::Pong);
                }
                continue;
            }
            return match Message::frame(rest, self.limit) {
                Ok(Some(length)) => {
                    let length = length.min(self.buffer.len());
                    Some(Frame::Message(self.buffer.drain(..length).collect()))
                }
                Ok(None) => None,
                Err(error) => Some(Frame::Broken(std::mem::take(&mut self.buffer), error)),
            };
        }
    }

    fn take(&mut self, start: &[u8]) -> bool {
        let found = self.buffer.starts_with(start);
        if found {
            self.buffer.drain(..start.len());
        }
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LIMIT: usize = 65_536;
    const MESSAGE: &[u8] = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    fn all(chunks: &[&[u8]], awaits_pong: bool) -> Vec<Frame> {
        let mut framer = Framer::new(LIMIT);
        let mut frames = Vec::new();
        for chunk in chunks {
            framer.push(chunk);
            while let Some(frame) = framer.next(awaits_pong) {
                let broken = matches!(frame, Frame::Broken(..));
                frames.push(frame);
                if broken {
                    return frames;
                }
            }
        }
        frames
    }

    #[test]
    fn messages_and_pings_come_whole_however_the_bytes_are_cut() {
        let mut bytes = b"\r\n\r\n".to_vec();
        bytes.extend_from_slice(MESSAGE);
        bytes.extend_from_slice(b"\r\n\r\n\r\n");
        bytes.extend_from_slice(MESSAGE);
        let expected = [
            Frame::Ping,
            Frame::Message(MESSAGE.to_vec()),
            Frame::Ping,
            Frame::Message(MESSAGE.to_vec()),
        ];
        for size in 1..bytes.len() {
            let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
            assert_eq!(all(&chunks, false), expected, "{size}");
        }
    }

    #[test]
    fn a_line_break_alone_is_a_pong_where_one_is_awaited() {
        assert_eq!(all(&[b"\r\n"], true), [Frame::Pong]);
        assert_eq!(all(&[b"\r\n"], false), []);
        assert_eq!(all(&[b"\r\n", b"\r\n"], false), [Frame::Ping]);
    }

    #[test]
    fn a_length_that_is_none_or_absurd_ends_the_stream() {
        for length in ["x", "18446744073709551615", "70000", "-1"] {
            let text = format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
            assert!(
                matches!(
                    all(&[text.as_bytes()], false).as_slice(),
                    [Frame::Broken(..)]
                ),
                "{length}"
            );
        }
        let endless = vec![b'x'; LIMIT + 1];
        assert!(matches!(
            all(&[&endless], false).as_slice(),
            [Frame::Broken(_, ParseError::TooLarge(_))]
        ));
    }
}
