//! What a program may count on when it gives audio.

use std::future::Future;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use media_engine::{AudioError, AudioFrame};

use crate::network::{Call, Faults};

fn silence(ms: u64) -> AudioFrame {
    AudioFrame::silence(Duration::from_millis(ms), 8_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A call whose playback queue is full at 100 ms.
fn small() -> Call {
    Call::with(Faults::default(), |config| config.playback_buffer = ms(100))
}

fn poll<F: Future>(future: std::pin::Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn send_waits_while_the_queue_is_full_and_goes_on_when_there_is_room() {
    let mut call = small();
    let tx = call.a.bridge.tx.clone();
    tx.try_send(silence(100)).unwrap();
    let mut send = std::pin::pin!(tx.send(silence(60)));
    assert!(poll(send.as_mut()).is_pending());
    assert_eq!(tx.queued(), ms(100));
    call.run(ms(10));
    let Poll::Ready(Ok(_)) = poll(send.as_mut()) else {
        panic!("there is room");
    };
    assert_eq!(tx.queued(), ms(140));
}

#[test]
fn dropping_a_send_that_waits_leaves_nothing_queued() {
    let mut call = small();
    let tx = call.a.bridge.tx.clone();
    tx.try_send(silence(100)).unwrap();
    {
        let mut first = Box::pin(tx.send(silence(50)));
        let mut second = Box::pin(tx.send(silence(70)));
        assert!(poll(first.as_mut()).is_pending());
        assert!(poll(second.as_mut()).is_pending());
        drop(first);
        call.run(ms(10));
        // The one behind it takes its turn.
        assert!(poll(second.as_mut()).is_ready());
    }
    assert_eq!(tx.queued(), ms(150));
}

#[test]
fn a_full_queue_gives_the_frame_back() {
    let call = small();
    call.a.bridge.tx.try_send(silence(100)).unwrap();
    let refused = call.a.bridge.tx.try_send(silence(20)).unwrap_err();
    assert_eq!(refused.frame, silence(20));
    assert_eq!(refused.error, AudioError::Full);
}

#[test]
fn clear_ends_a_send_that_waits() {
    let call = small();
    let tx = call.a.bridge.tx.clone();
    let id = tx.try_send(silence(100)).unwrap();
    let mut send = std::pin::pin!(tx.send(silence(60)));
    let mut part = std::pin::pin!(tx.send_part(id, silence(60)));
    assert!(poll(send.as_mut()).is_pending());
    assert!(poll(part.as_mut()).is_pending());
    assert_eq!(tx.clear().unsent(), ms(100));
    assert_eq!(poll(send.as_mut()), Poll::Ready(Err(AudioError::Cleared)));
    assert_eq!(poll(part.as_mut()), Poll::Ready(Err(AudioError::Cleared)));
    assert_eq!(tx.queued(), Duration::ZERO);
}

#[test]
fn drained_waits_for_the_last_packet() {
    let mut call = Call::new();
    let tx = call.a.bridge.tx.clone();
    {
        let mut drained = std::pin::pin!(tx.drained());
        assert_eq!(poll(drained.as_mut()), Poll::Ready(Ok(())));
    }
    tx.try_send(silence(100)).unwrap();
    let mut drained = std::pin::pin!(tx.drained());
    call.run(ms(70));
    assert!(poll(drained.as_mut()).is_pending());
    call.run(ms(20));
    assert_eq!(poll(drained.as_mut()), Poll::Ready(Ok(())));
    assert_eq!(call.a.rtp_out, 5);
}

#[test]
fn the_end_of_the_call_ends_every_wait() {
    let mut call = small();
    let tx = call.a.bridge.tx.clone();
    tx.try_send(silence(100)).unwrap();
    let mut send = std::pin::pin!(tx.send(silence(60)));
    let mut drained = std::pin::pin!(tx.drained());
    assert!(poll(send.as_mut()).is_pending());
    assert!(poll(drained.as_mut()).is_pending());
    let now = call.now;
    call.a.session.stop(now);
    assert_eq!(poll(send.as_mut()), Poll::Ready(Err(AudioError::Closed)));
    assert_eq!(poll(drained.as_mut()), Poll::Ready(Err(AudioError::Closed)));
    assert_eq!(tx.mark("m"), Err(AudioError::Closed));
}

#[test]
fn pause_and_resume_keep_everything() {
    let mut call = Call::new();
    let tx = call.a.bridge.tx.clone();
    tx.try_send(silence(500)).unwrap();
    tx.pause();
    call.run(ms(400));
    assert!(tx.is_paused());
    assert_eq!(tx.queued(), ms(500));
    tx.resume();
    call.run(ms(400));
    assert_eq!(tx.queued(), ms(100));
}

#[test]
fn bad_frames_come_back_as_typed_errors() {
    let call = Call::new();
    let tx = &call.a.bridge.tx;
    let mut frame = silence(20);
    frame.sample_rate = 0;
    assert_eq!(
        tx.try_send(frame.clone()).unwrap_err().error,
        AudioError::SampleRate(0)
    );
    frame.sample_rate = 8_000;
    frame.channels = 0;
    assert_eq!(tx.blocking_send(frame.clone()), Err(AudioError::NoChannels));
    frame.channels = 3;
    let uneven = AudioError::UnevenLength {
        samples: 160,
        channels: 3,
    };
    assert_eq!(tx.blocking_send(frame), Err(uneven));
}

#[test]
fn a_program_that_lags_loses_the_oldest_frames_and_can_count_them() {
    let mut call = Call::with(Faults::default(), |config| config.receive_buffer = ms(200));
    // Read by hand: `Party::collect` would keep up.
    for _ in 0..25 {
        let now = call.now;
        call.a.session.tick(now);
    }
    let first = call.a.bridge.rx.try_recv().unwrap();
    assert_eq!(first.media_time, ms(15 * 20));
    assert_eq!(call.a.bridge.rx.dropped_frames(), 15);
    assert_eq!(call.a.session.stats(call.now).dropped_frames, 15);
}

#[test]
fn an_utterance_in_parts_is_told_as_one() {
    let mut call = Call::new();
    let tx = call.a.bridge.tx.clone();
    let id = tx.try_send(silence(100)).unwrap();
    let mut part = std::pin::pin!(tx.send_part(id, silence(300)));
    assert_eq!(poll(part.as_mut()), Poll::Ready(Ok(())));
    call.run(ms(190));
    let cleared = tx.clear();
    assert_eq!(cleared.utterances.len(), 1);
    assert_eq!(cleared.utterances[0].queued, ms(400));
    assert_eq!(cleared.utterances[0].sent, ms(200));
}
