//! RTCP XR (RFC 3611) between two sessions.

use super::*;
use crate::quality::CodecQuality;
use crate::session::config::ExtendedReports;

const ALL: ExtendedReports = ExtendedReports {
    voip_metrics: true,
    receiver_reference_time: true,
};

#[test]
fn both_sides_learn_how_they_are_heard() {
    let mut pair = Pair::new(ms(75), |config| config.extended_reports = ALL);
    // Three in a row of each hundred datagrams: bursts at both ends.
    pair.lose = |packet| packet % 200 < 6;
    pair.run(120);
    for side in 0..2 {
        let (mine, theirs) = (pair.stats(side), pair.stats(1 - side));
        let told = mine.remote_metrics.expect("the peer reports");
        // The report is at most 8 s older than the figures.
        let share = theirs.lost_packets as f32 / theirs.expected_packets as f32;
        assert!((told.loss_rate - share).abs() < 0.01, "{told:?} {theirs:?}");
        assert!((told.burst_density - 1.0).abs() < 0.01, "{told:?}");
        assert_eq!(told.burst_duration, ms(60));
        assert_eq!(told.gap_density, 0.0);
        assert!(
            (ms(1_900)..ms(2_100)).contains(&told.gap_duration),
            "{told:?}"
        );
        assert!((ms(149)..ms(152)).contains(&told.round_trip), "{told:?}");
        assert!(told.end_system_delay > ms(20), "{told:?}");
        assert_eq!((told.signal_level, told.external_r_factor), (None, None));
        assert_eq!(told.gmin, 16);
        assert_eq!(told.jitter_buffer_maximum, ms(400));
        let (heard, remote) = (theirs.mos.unwrap(), mine.remote_mos.unwrap());
        assert!((heard - remote).abs() < 0.1, "{heard} {remote}");
        assert!(theirs.listening_mos.unwrap() >= heard);
        assert!(told.r_factor.is_some_and(|r| (60..90).contains(&r)));
    }
}

#[test]
fn nothing_is_sent_that_was_not_asked_for() {
    let mut pair = Pair::new(ms(30), |_| {});
    pair.run(30);
    assert_eq!(pair.stats(0).remote_metrics, None);
    // The peer's plain report gives an estimate all the same.
    let remote = pair.stats(0).remote_mos.unwrap();
    assert!((4.3..4.5).contains(&remote), "{remote}");
}

#[test]
fn who_only_listens_knows_the_round_trip_too() {
    let talker_and_listener = |extended_reports| {
        let mut pair = Pair::new(ms(60), |config| config.extended_reports = extended_reports);
        pair.sessions[1].config.may_send = false;
        pair.run(30);
        pair.stats(1)
    };
    let plain = talker_and_listener(ExtendedReports::default());
    assert_eq!((plain.sent_packets, plain.round_trip), (0, None));
    let extended = talker_and_listener(ALL);
    let round_trip = extended.round_trip.expect("by DLRR");
    assert!((ms(119)..ms(122)).contains(&round_trip), "{round_trip:?}");
}

#[test]
fn the_remote_score_without_metrics_follows_the_peers_loss() {
    let call = |bpl| {
        let mut pair = Pair::new(ms(30), |config| {
            config.send_quality = CodecQuality {
                bpl,
                ..CodecQuality::G711
            }
        });
        pair.lose = |packet| packet % 20 == 3;
        pair.run(60);
        pair.stats(0).remote_mos.unwrap()
    };
    let (robust, fragile) = (call(25.1), call(4.3));
    assert!((3.5..4.2).contains(&robust), "{robust}");
    assert!(fragile < robust - 0.5, "{fragile} {robust}");
}

#[test]
fn metrics_of_another_stream_are_not_ours() {
    let mut lone = Lone::new(|config| config.extended_reports = ALL);
    lone.audio(0, address(2), 7, 1);
    let mut report = vec![0x80, 201, 0, 1, 0, 0, 0, 7];
    report.extend_from_slice(&[0x80, 207, 0, 10, 0, 0, 0, 7]);
    report.extend_from_slice(&crate::voip_metrics::VoipMetrics::new(Ssrc(99)).to_bytes());
    lone.raw(10, address(2), Channel::Rtcp, &report);
    let stats = lone.session.stats(lone.start);
    assert_eq!((stats.received_reports, stats.remote_metrics), (1, None));
}
