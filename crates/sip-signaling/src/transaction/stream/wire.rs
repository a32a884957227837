//! Messages and keep-alives over a stream of bytes or a WebSocket.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

use super::{
    framer::{Frame, Framer},
    web_socket::{SocketReader, SocketWriter, WebSocket},
};

/// TCP, or TLS over it.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What is written.
#[derive(Debug)]
pub(super) enum Outgoing {
    Message(Vec<u8>),
    Ping,
    Pong,
}

/// What messages go over.
pub(super) enum Wire {
    Bytes(Box<dyn Io>),
    WebSocket(Box<WebSocket>),
}

impl Wire {
    /// `limit`: the largest message that is read, in bytes.
    pub(super) fn split(self, limit: usize) -> (Reader, Writer) {
        match self {
            Wire::Bytes(io) => {
                let (reader, writer) = tokio::io::split(io);
                (
                    Reader::Bytes(reader, Framer::new(limit)),
                    Writer::Bytes(writer),
                )
            }
            Wire::WebSocket(socket) => socket.split(),
        }
    }
}

#[cfg_attr(not(feature = "ws"), allow(dead_code))]
pub(super) enum Reader {
    Bytes(ReadHalf<Box<dyn Io>>, Framer),
    WebSocket(SocketReader),
}

impl Reader {
    /// The next frame; the error says why there are no more. `awaits_pong` is asked when bytes have come.
    pub(super) async fn next(&mut self, awaits_pong: impl Fn() -> bool) -> Result<Frame, String> {
        match self {
            Reader::Bytes(reader, framer) => {
                let mut chunk = [0; 4_096];
                loop {
                    if let Some(frame) = framer.next(awaits_pong()) {
                        return Ok(frame);
                    }
                    match reader.read(&mut chunk).await {
                        Ok(0) => return Err("the peer closed the connection".into()),
                        Ok(length) => framer.push(chunk.get(..length).unwrap_or(&[])),
                        Err(error) => return Err(super::tls::explain(&error, "")),
                    }
                }
            }
            Reader::WebSocket(reader) => reader.next().await,
        }
    }
}

#[cfg_attr(not(feature = "ws"), allow(dead_code))]
pub(super) enum Writer {
    Bytes(WriteHalf<Box<dyn Io>>),
    WebSocket(SocketWriter),
}

impl Writer {
    pub(super) async fn send(&mut self, outgoing: Outgoing) -> Result<(), String> {
        match self {
            Writer::Bytes(writer) => {
                let written = match &outgoing {
                    Outgoing::Message(bytes) => writer.write_all(bytes).await,
                    Outgoing::Ping => writer.write_all(b"\r\n\r\n").await,
                    Outgoing::Pong => writer.write_all(b"\r\n").await,
                };
                let flushed = match written {
                    Ok(()) => writer.flush().await,
                    failed => failed,
                };
                flushed.map_err(|error| super::tls::explain(&error, ""))
            }
            Writer::WebSocket(writer) => writer.send(outgoing).await,
        }
    }

    /// Says that nothing more comes.
    pub(super) async fn close(&mut self) {
        match self {
            Writer::Bytes(writer) => {
                writer.shutdown().await.ok();
            }
            Writer::WebSocket(writer) => writer.close().await,
        }
    }
}
