//! In place of WebSocket where the feature `ws` is off.

use super::{
    framer::Frame,
    wire::{Io, Outgoing, Reader, Writer},
};

const OFF: &str = "this build has no WebSocket; build it with the feature `ws`";

/// A WebSocket that cannot be.
pub(super) enum WebSocket {}

pub(super) async fn open(
    _: Box<dyn Io>,
    _: &str,
    _: &str,
    _: bool,
    _: usize,
) -> Result<WebSocket, String> {
    Err(OFF.into())
}

pub(super) async fn take(_: Box<dyn Io>, _: usize) -> Result<WebSocket, String> {
    Err(OFF.into())
}

impl WebSocket {
    pub(super) fn split(self) -> (Reader, Writer) {
        match self {}
    }
}

pub(super) enum SocketReader {}

impl SocketReader {
    pub(super) async fn next(&mut self) -> Result<Frame, String> {
        match *self {}
    }
}

pub(super) enum SocketWriter {}

impl SocketWriter {
    pub(super) async fn send(&mut self, _: Outgoing) -> Result<(), String> {
        match *self {}
    }

    pub(super) async fn close(&mut self) {
        match *self {}
    }
}
