//! The numbers that answer: a headless-sip phone of the exchange's own.

use super::PbxError;
use super::tune::tune;
use crate::audio::Clip;
use headless_sip::{
    ActiveCall, AudioFrame, CallEvent, ClientConfig, HeadlessSipClient, IncomingCall, Register,
};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::{JoinHandle, JoinSet};

/// Rate of what the extensions say; the phone resamples to the codec's.
const SAMPLE_RATE: u32 = 8000;
/// Digits that `dtmf` reads before it sends them back.
const DIGITS: usize = 4;
/// What may be queued of an endless sound.
const PLAYBACK_BUFFER: Duration = Duration::from_secs(2);

/// The phone behind the extensions.
#[derive(Debug)]
pub(super) struct Extensions {
    client: HeadlessSipClient,
    task: JoinHandle<()>,
}

impl Extensions {
    /// Starts the phone on an address of the exchange's, on a port of its own. It does not register:
    /// the exchange knows where it is.
    pub(super) async fn start(pbx: SocketAddr) -> Result<Extensions, PbxError> {
        let config = ClientConfig {
            local_sip_addr: SocketAddr::new(super::builder::reachable(pbx).ip(), 0),
            username: Some("extension".to_owned()),
            register: Register::Never,
            playback_buffer: PLAYBACK_BUFFER,
            // The callers may be on hold, or say nothing, for as long as they like.
            media_timeout: None,
            media_threads: Some(1),
            user_agent: concat!("sip-testkit/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..ClientConfig::default()
        };
        let client = HeadlessSipClient::new(config)
            .await
            .map_err(|error| PbxError::Extension {
                extension: "phone".to_owned(),
                reason: error.to_string(),
            })?;
        let task = tokio::spawn(answer_all(client.clone()));
        Ok(Extensions { client, task })
    }

    pub(super) fn addr(&self) -> SocketAddr {
        self.client.local_addr()
    }

    pub(super) async fn shutdown(&self) {
        self.client.shutdown().await;
        self.task.abort();
    }
}

impl Drop for Extensions {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer_all(client: HeadlessSipClient) {
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            call = client.incoming() => match call {
                Some(call) => { calls.spawn(answer(call)); }
                None => return,
            },
            Some(_) = calls.join_next(), if !calls.is_empty() => {}
        }
    }
}

async fn answer(call: IncomingCall) {
    let number = called_number(&call);
    if call.ring().await.is_err() {
        return;
    }
    let call = match call.answer().await {
        Ok(call) => call,
        Err(error) => {
            tracing::info!(%number, %error, "an extension could not answer");
            return;
        }
    };
    match number.as_str() {
        "echo" => echo(call).await,
        "tone" => {
            play(
                call,
                Clip::tone(SAMPLE_RATE, 440.0, Duration::from_secs(1), 0.3),
            )
            .await
        }
        "dtmf" => return_digits(call).await,
        _ => play(call, tune(SAMPLE_RATE)).await,
    }
}

/// The number that the caller dialled, of which the exchange tells in P-Called-Party-ID: To may
/// still hold another one from before a redirection.
fn called_number(call: &IncomingCall) -> String {
    let called = call
        .header("P-Called-Party-ID")
        .map_or_else(|| call.to(), str::to_owned);
    let user = called
        .split_once("sip:")
        .and_then(|(_, rest)| rest.split_once('@'))
        .map(|(user, _)| user);
    user.unwrap_or_default().to_owned()
}

async fn echo(mut call: ActiveCall) {
    while let Some(frame) = call.audio.rx.recv().await {
        // What does not fit is dropped: an echo that falls behind helps nobody.
        let _ = call.audio.tx.try_send(frame);
    }
}

/// Plays a sound that joins its own start without a click, again and again.
async fn play(call: ActiveCall, sound: Clip) {
    let frame = AudioFrame {
        samples: sound.samples,
        sample_rate: sound.sample_rate,
        channels: 1,
    };
    while call.audio.tx.send(frame.clone()).await.is_ok() {}
}

async fn return_digits(mut call: ActiveCall) {
    let mut digits = String::new();
    while let Some(event) = call.events.recv().await {
        if let CallEvent::Dtmf { digit, .. } = event {
            digits.push(digit);
        }
        if digits.len() >= DIGITS {
            if let Err(error) = call.send_dtmf(&digits).await {
                tracing::info!(%error, "the digits cannot be sent back");
            }
            digits.clear();
        }
    }
}
