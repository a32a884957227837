//! People and machines: spoken greetings with a floor under the figures, and sounds whose times are exact.

mod support;

use std::time::Duration;

use audio_analysis::{
    Answerer, AnsweringMachineConfig, AnsweringMachineDetector, AnsweringMachineEvent, Opinion,
    OpinionReason, ToneGenerator,
};
use support::greetings::{HUMANS, MACHINES, answers, judge};
use support::{add, noise, samples};

#[test]
fn nine_of_ten_greetings_are_judged_rightly_and_no_person_is_called_a_machine_at_once() {
    for snr in [f32::INFINITY, 15.0] {
        let Some(answers) = answers(snr, 5) else {
            eprintln!("left out: espeak-ng is not installed");
            return;
        };
        assert!(HUMANS.len() >= 40 && MACHINES.len() >= 40);
        let (mut right, mut beeps) = ([0, 0], 0);
        for answer in &answers {
            let judgement = judge(answer);
            let first = judgement.at_2_s;
            assert!(first.is_some(), "{}: no opinion within 2 s", answer.text);
            let decided = judgement.decided.map(|opinion| opinion.answerer);
            let human = answer.by == Answerer::Human;
            right[usize::from(human)] += usize::from(decided == Some(answer.by));
            if human {
                assert!(!judgement.machine_within_2_s, "{}", answer.text);
                assert_eq!(judgement.beep_end, None, "{}", answer.text);
            } else if let (Some(told), Some(end)) = (judgement.beep_end, answer.beep_end) {
                beeps += usize::from(told.abs_diff(end) < Duration::from_millis(40));
                assert_eq!(
                    judgement.last.map(|last| last.answerer),
                    Some(Answerer::Machine)
                );
            }
        }
        assert!(
            10 * right[1] >= 9 * HUMANS.len(),
            "humans at {snr} dB: {right:?}"
        );
        assert!(
            10 * right[0] >= 9 * MACHINES.len(),
            "machines at {snr} dB: {right:?}"
        );
        assert!(
            10 * beeps >= 9 * MACHINES.len(),
            "beeps at {snr} dB: {beeps}"
        );
    }
}

#[test]
fn ten_minutes_of_speech_hold_no_beep() {
    let Some(speech) = support::ten_minutes_of_speech() else {
        eprintln!("left out: espeak-ng is not installed");
        return;
    };
    assert_eq!(
        events(&speech)
            .iter()
            .filter(|event| is_beep(event))
            .count(),
        0
    );
}

fn is_beep(event: &AnsweringMachineEvent) -> bool {
    matches!(event, AnsweringMachineEvent::Beep { .. })
}

fn events(sound: &[f32]) -> Vec<AnsweringMachineEvent> {
    let mut detector = AnsweringMachineDetector::new(8000, AnsweringMachineConfig::default());
    sound
        .chunks(160)
        .flat_map(|frame| {
            detector.push(frame);
            std::iter::from_fn(|| detector.poll_event()).collect::<Vec<_>>()
        })
        .collect()
}

fn opinions(sound: &[f32]) -> Vec<Opinion> {
    events(sound)
        .into_iter()
        .filter_map(|event| match event {
            AnsweringMachineEvent::Opinion(opinion) => Some(opinion),
            _ => None,
        })
        .collect()
}

/// Loud noise, as speech, in each of `stretches` (ms), over faint noise.
fn speech(stretches: &[(usize, usize)], end: usize) -> Vec<f32> {
    let mut sound = noise(1, samples(end), 0.0005);
    for &(start, end) in stretches {
        let loud = noise(2, samples(end - start), 0.1);
        add(&mut sound[samples(start)..], &loud);
    }
    sound
}

#[test]
fn a_word_and_silence_is_a_person() {
    let found = opinions(&speech(&[(600, 1100)], 6000));
    let first = found[0];
    assert_eq!(first.answerer, Answerer::Human);
    assert!(
        first.at <= Duration::from_secs(2) && !first.is_final,
        "{first:?}"
    );
    let last = found[found.len() - 1];
    assert!(
        last.is_final && last.answerer == Answerer::Human,
        "{last:?}"
    );
    assert_eq!(last.reason, OpinionReason::WaitsForAnswer);
    let off = |a: Duration, ms| a.abs_diff(Duration::from_millis(ms));
    assert!(
        off(last.figures.initial_silence, 600) < Duration::from_millis(30),
        "{last:?}"
    );
    assert!(
        off(last.figures.greeting, 500) < Duration::from_millis(80),
        "{last:?}"
    );
    assert_eq!((last.figures.words, last.figures.pauses), (1, 0));
}

#[test]
fn a_long_greeting_with_pauses_is_a_machine() {
    let found = opinions(&speech(&[(500, 2000), (2500, 4000), (4500, 7000)], 9000));
    assert_eq!(found[0].answerer, Answerer::Unknown);
    assert!(found[0].at <= Duration::from_secs(2));
    let last = found[found.len() - 1];
    assert!(
        last.is_final && last.answerer == Answerer::Machine,
        "{last:?}"
    );
    assert!(
        last.confidence >= 0.9 && last.at < Duration::from_secs(5),
        "{last:?}"
    );
    assert_eq!(last.figures.pauses, 2);
}

#[test]
fn silence_is_nobody() {
    let found = opinions(&vec![0.0; samples(10_000)]);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found
            .iter()
            .all(|opinion| opinion.answerer == Answerer::Unknown)
    );
    assert!(found[1].is_final && found[1].reason == OpinionReason::NoSpeech);
}

#[test]
fn a_beep_overrules_and_is_timed() {
    let mut sound = speech(&[(500, 1500)], 8000);
    let mut beep = vec![0.0; samples(300)];
    ToneGenerator::new(8000, 1000.0, 0.2).fill(&mut beep);
    add(&mut sound[samples(4000)..], &beep);
    let found = events(&sound);
    let Some(AnsweringMachineEvent::Beep { start, end, hz }) = found.iter().copied().find(is_beep)
    else {
        panic!("{found:?}");
    };
    assert!(
        start.abs_diff(Duration::from_millis(4000)) < Duration::from_millis(15),
        "{start:?}"
    );
    assert!(
        end.abs_diff(Duration::from_millis(4300)) < Duration::from_millis(15),
        "{end:?}"
    );
    assert!((hz - 1000.0).abs() < 5.0);
    let opinions = opinions(&sound);
    let [.., before, last] = opinions[..] else {
        panic!("{opinions:?}");
    };
    assert!(before.is_final && before.answerer == Answerer::Human);
    assert!(last.is_final && last.answerer == Answerer::Machine);
    assert!(matches!(last.reason, OpinionReason::Beep { .. }));
}

#[test]
fn beeps_from_80_ms_to_2_s_are_found_and_shorter_or_longer_tones_are_not() {
    for (ms, found) in [
        (40, false),
        (80, true),
        (500, true),
        (2000, true),
        (2600, false),
    ] {
        let mut sound = speech(&[(500, 3000)], 8000);
        let mut beep = vec![0.0; samples(ms)];
        ToneGenerator::new(8000, 1400.0, 0.1).fill(&mut beep);
        add(&mut sound[samples(3600)..], &beep);
        assert_eq!(events(&sound).iter().any(is_beep), found, "{ms} ms");
    }
}
