//! The control socket of baresip: netstrings of JSON, commands out, responses and events in.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

/// How long baresip may take to answer a command.
const ANSWER: Duration = Duration::from_secs(5);

/// Something that happened in baresip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaresipEvent {
    /// Its name, such as `CALL_ESTABLISHED`.
    pub kind: String,
    /// Its parameter: the digit of `CALL_DTMF_START`, the reason of `CALL_CLOSED`.
    pub param: String,
    /// The far end's URI, where the event is one of a call.
    pub peer_uri: String,
}

/// A connection to a baresip that runs.
#[derive(Debug)]
pub struct BaresipControl {
    stream: TcpStream,
    received: Vec<u8>,
    events: VecDeque<BaresipEvent>,
    /// All that came, for the text of a failure.
    history: Vec<String>,
    commands: u64,
}

impl BaresipControl {
    /// Connects; cancel safe.
    ///
    /// # Errors
    ///
    /// When nobody listens.
    pub async fn connect(addr: SocketAddr) -> std::io::Result<BaresipControl> {
        let stream = TcpStream::connect(addr).await?;
        Ok(BaresipControl {
            stream,
            received: Vec::new(),
            events: VecDeque::new(),
            history: Vec::new(),
            commands: 0,
        })
    }

    /// Gives a command such as `dial`, `hangup`, `accept`, `hold`, `resume`, `sndcode`; returns what it printed.
    ///
    /// # Panics
    ///
    /// When baresip refuses it or does not answer.
    pub async fn command(&mut self, command: &str, params: &str) -> String {
        self.commands += 1;
        let token = self.commands.to_string();
        let request = json!({ "command": command, "params": params, "token": token }).to_string();
        let netstring = format!("{}:{request},", request.len());
        self.stream
            .write_all(netstring.as_bytes())
            .await
            .expect("write to the control socket");
        let deadline = Instant::now() + ANSWER;
        loop {
            let message = self.message(deadline, command).await;
            if message["token"] != Value::String(token.clone()) {
                self.keep_event(&message);
                continue;
            }
            assert_eq!(
                message["ok"],
                Value::Bool(true),
                "baresip refused `{command} {params}`: {message}"
            );
            return text(&message["data"]);
        }
    }

    /// Waits for the next event of this name; events before it that bear other names stay for later calls.
    ///
    /// # Panics
    ///
    /// When none comes within `patience`.
    pub async fn event(&mut self, kind: &str, patience: Duration) -> BaresipEvent {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(at) = self.events.iter().position(|event| event.kind == kind) {
                return self.events.remove(at).expect("just found");
            }
            let message = self.message(deadline, kind).await;
            self.keep_event(&message);
        }
    }

    /// The events that came and that nobody has waited for.
    #[must_use]
    pub fn pending_events(&self) -> Vec<BaresipEvent> {
        self.events.iter().cloned().collect()
    }

    fn keep_event(&mut self, message: &Value) {
        if message["event"] == Value::Bool(true) {
            let (kind, param, peer_uri) = (
                text(&message["type"]),
                text(&message["param"]),
                text(&message["peeruri"]),
            );
            self.events.push_back(BaresipEvent {
                kind,
                param,
                peer_uri,
            });
        }
    }

    async fn message(&mut self, deadline: Instant, awaited: &str) -> Value {
        loop {
            if let Some(message) = take_netstring(&mut self.received) {
                let message = String::from_utf8_lossy(&message).into_owned();
                let value = serde_json::from_str(&message)
                    .unwrap_or_else(|error| panic!("baresip sent {message}: {error}"));
                self.history.push(message);
                return value;
            }
            let read = timeout_at(deadline, self.stream.read_buf(&mut self.received)).await;
            match read {
                Ok(Ok(length)) if length > 0 => {}
                Ok(end) => panic!(
                    "baresip closed its control socket ({end:?}) while {awaited} was awaited"
                ),
                Err(_) => panic!(
                    "baresip: no {awaited} in time; it said:\n{}",
                    self.history.join("\n")
                ),
            }
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Takes a whole `length:bytes,` off the front, if there is one.
fn take_netstring(buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let colon = buffer.iter().position(|&byte| byte == b':')?;
    let length: usize = std::str::from_utf8(&buffer[..colon]).ok()?.parse().ok()?;
    let end = colon + 1 + length;
    if buffer.len() <= end {
        return None;
    }
    let message = buffer[colon + 1..end].to_vec();
    buffer.drain(..=end);
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn netstrings_are_taken_one_by_one_and_only_when_whole() {
        let mut buffer = b"5:hello,2:{},3:ab".to_vec();
        assert_eq!(take_netstring(&mut buffer).as_deref(), Some(&b"hello"[..]));
        assert_eq!(take_netstring(&mut buffer).as_deref(), Some(&b"{}"[..]));
        assert_eq!(take_netstring(&mut buffer), None);
        buffer.extend(b"c,");
        assert_eq!(take_netstring(&mut buffer).as_deref(), Some(&b"abc"[..]));
        assert!(buffer.is_empty());
    }
}
