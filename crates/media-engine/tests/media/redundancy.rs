//! Redundant audio (RFC 2198) and extended reports (RFC 3611) from one session to the other.

use std::time::Duration;

use media_engine::{
    AudioFrame, ExtendedReports, MediaConfig, MediaUpdate, PayloadType, RedundancyFormat,
};

use crate::network::{Call, Faults};
use crate::signal::{share_at, tone};

const LOSSY: Faults = Faults {
    loss: 0.1,
    duplicates: 0.0,
    delay: Duration::from_millis(30),
    jitter: Duration::from_millis(5),
    seed: 4,
};

fn redundancy(generations: u8) -> RedundancyFormat {
    RedundancyFormat {
        send_payload_type: PayloadType(96),
        receive_payload_type: PayloadType(96),
        generations,
    }
}

fn say_a_tone(call: &Call) {
    let samples = tone(440.0, 8_000, 20.0);
    let tone = AudioFrame::mono(samples, 8_000);
    call.a.bridge.tx.try_send(tone).unwrap();
}

#[test]
fn what_was_lost_is_heard_from_the_packets_after_it() {
    let heard = |generations| {
        let mut call = Call::with(LOSSY, |config: &mut MediaConfig| {
            config.redundancy = Some(redundancy(generations));
        });
        say_a_tone(&call);
        call.run(Duration::from_secs(20));
        let audio = call.b.audio();
        let share = share_at(&audio[8_000..], 440.0, 8_000);
        (call.b.session.stats(call.now), share)
    };
    let (plain, _) = heard(0);
    let (redundant, share) = heard(2);
    assert_eq!(plain.recovered_packets, 0);
    assert!(
        plain.concealed > Duration::from_millis(1_500),
        "{:?} without redundancy",
        plain.concealed
    );
    assert!(
        redundant.recovered_packets > 70,
        "{} recovered of {} sent",
        redundant.recovered_packets,
        plain.sent_packets
    );
    assert!(
        redundant.concealed * 10 < plain.concealed,
        "{:?} concealed of {:?}",
        redundant.concealed,
        plain.concealed
    );
    assert!(redundant.mos > plain.mos, "{redundant:?} {plain:?}");
    assert!(share > 0.97, "{share:.3} of what is heard is the tone");
}

#[test]
fn redundancy_begins_and_ends_with_an_update() {
    let mut call = Call::with(LOSSY, |_| {});
    let both = |call: &mut Call, format| {
        let update = MediaUpdate {
            redundancy: Some(format),
            ..MediaUpdate::default()
        };
        call.a.session.update(call.now, update.clone()).unwrap();
        call.b.session.update(call.now, update).unwrap();
    };
    call.run(Duration::from_secs(5));
    assert_eq!(call.b.session.stats(call.now).recovered_packets, 0);
    both(&mut call, Some(redundancy(1)));
    call.run(Duration::from_secs(5));
    let recovered = call.b.session.stats(call.now).recovered_packets;
    assert!(recovered > 10, "{recovered}");
    both(&mut call, None);
    call.run(Duration::from_secs(1));
    let some = call.b.session.stats(call.now).recovered_packets;
    call.run(Duration::from_secs(5));
    assert_eq!(call.b.session.stats(call.now).recovered_packets, some);
}

#[test]
fn each_side_tells_how_it_hears_the_other() {
    let call = |voip_metrics| {
        let mut call = Call::with(LOSSY, |config: &mut MediaConfig| {
            config.extended_reports = ExtendedReports {
                voip_metrics,
                receiver_reference_time: false,
            };
        });
        call.run(Duration::from_secs(30));
        call
    };
    let told = call(true);
    let theirs = told.b.session.stats(told.now);
    let ours = told.a.session.stats(told.now);
    let (heard, reported) = (theirs.mos.unwrap(), ours.remote_mos.unwrap());
    assert!(
        (heard - reported).abs() < 0.15,
        "heard {heard}, told {reported}"
    );
    // RFC 3611 section 4.7.5: scores travel in tenths; an estimate of our own has more digits.
    let in_tenths = |mos: f32| ((mos * 10.0).round() - mos * 10.0).abs() < 1e-4;
    assert!(in_tenths(reported), "{reported}");
    let untold = call(false);
    let estimated = untold.a.session.stats(untold.now).remote_mos.unwrap();
    assert!(!in_tenths(estimated), "{estimated}");
    assert!(theirs.burst_density > theirs.gap_density, "{theirs:?}");
    assert!(theirs.listening_mos >= theirs.mos, "{theirs:?}");
}
