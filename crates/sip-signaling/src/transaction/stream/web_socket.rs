//! SIP over WebSocket: one message a frame, subprotocol `sip` (RFC 7118).

use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config, client_async_with_config,
    tungstenite::{
        ClientRequestBuilder, Error, Message,
        handshake::server::{ErrorResponse, Request, Response},
        http::{HeaderValue, StatusCode, Uri},
        protocol::WebSocketConfig,
    },
};

use super::{
    framer::Frame,
    wire::{Io, Outgoing, Reader, Writer},
};

const PROTOCOL: &str = "sip";
const PROTOCOL_HEADER: &str = "Sec-WebSocket-Protocol";

/// An open WebSocket.
pub(super) struct WebSocket(WebSocketStream<Box<dyn Io>>);

/// Opens a WebSocket to `host` (a name or address, with the port) at `path`; `limit`: the largest message that is read, in bytes.
pub(super) async fn open(
    io: Box<dyn Io>,
    host: &str,
    path: &str,
    secure: bool,
    limit: usize,
) -> Result<WebSocket, String> {
    let scheme = if secure { "wss" } else { "ws" };
    let uri: Uri = format!("{scheme}://{host}{path}")
        .parse()
        .map_err(|_| format!("\"{path}\" is no path for a WebSocket"))?;
    let request = ClientRequestBuilder::new(uri).with_sub_protocol(PROTOCOL);
    // RFC 7118 section 4.1: a server that does not take the subprotocol is none for SIP; tungstenite sees to that.
    client_async_with_config(request, io, Some(config(limit)))
        .await
        .map(|(socket, _)| WebSocket(socket))
        .map_err(|error| format!("no WebSocket for SIP at {path}: {}", explain(&error)))
}

/// Takes a WebSocket that a client opens.
pub(super) async fn take(io: Box<dyn Io>, limit: usize) -> Result<WebSocket, String> {
    accept_hdr_async_with_config(io, agree, Some(config(limit)))
        .await
        .map(WebSocket)
        .map_err(|error| explain(&error))
}

/// RFC 7118 section 4.2: only a client that offers `sip` is served.
#[allow(clippy::result_large_err)] // tungstenite's own type.
fn agree(request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    let offered = request
        .headers()
        .get_all(PROTOCOL_HEADER)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case(PROTOCOL));
    if !offered {
        let mut refusal = ErrorResponse::new(Some("the subprotocol must be sip".to_owned()));
        *refusal.status_mut() = StatusCode::BAD_REQUEST;
        return Err(refusal);
    }
    response
        .headers_mut()
        .insert(PROTOCOL_HEADER, HeaderValue::from_static(PROTOCOL));
    Ok(response)
}

fn config(limit: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit))
}

fn explain(error: &Error) -> String {
    match error {
        Error::Io(error) => super::tls::explain(error, ""),
        Error::ConnectionClosed | Error::AlreadyClosed => "the peer closed the connection".into(),
        other => other.to_string(),
    }
}

impl WebSocket {
    pub(super) fn split(self) -> (Reader, Writer) {
        let (writer, reader) = self.0.split();
        (
            Reader::WebSocket(SocketReader(reader)),
            Writer::WebSocket(SocketWriter(writer)),
        )
    }
}

pub(super) struct SocketReader(SplitStream<WebSocketStream<Box<dyn Io>>>);

impl SocketReader {
    pub(super) async fn next(&mut self) -> Result<Frame, String> {
        loop {
            let message = match self.0.next().await {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Err(explain(&error)),
                None => return Err("the peer closed the connection".into()),
            };
            let bytes = match message {
                Message::Text(text) => text.as_bytes().to_vec(),
                Message::Binary(bytes) => bytes.to_vec(),
                Message::Pong(_) => return Ok(Frame::Pong),
                // A ping is answered by tungstenite.
                _ => continue,
            };
            // RFC 7118 section 6: the keep-alive of RFC 5626 may stand in a frame as well.
            match bytes.as_slice() {
                b"\r\n\r\n" => return Ok(Frame::Ping),
                b"\r\n" => return Ok(Frame::Pong),
                _ => return Ok(Frame::Message(bytes)),
            }
        }
    }
}

pub(super) struct SocketWriter(SplitSink<WebSocketStream<Box<dyn Io>>, Message>);

impl SocketWriter {
    pub(super) async fn send(&mut self, outgoing: Outgoing) -> Result<(), String> {
        let message = match outgoing {
            // RFC 7118 section 4.2: text where it is UTF-8, which some clients insist on.
            Outgoing::Message(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Message::text(text),
                Err(error) => Message::binary(error.into_bytes()),
            },
            Outgoing::Ping => Message::Ping(Vec::new().into()),
            Outgoing::Pong => Message::text("\r\n"),
        };
        self.0.send(message).await.map_err(|error| explain(&error))
    }

    pub(super) async fn close(&mut self) {
        self.0.close().await.ok();
    }
}
