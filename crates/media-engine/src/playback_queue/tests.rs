//! The queue against a model of it.

use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn frame(ms: usize) -> AudioFrame {
    AudioFrame::mono(vec![0.1; ms * 16], 16_000)
}

fn queue() -> PlaybackQueue {
    PlaybackQueue::new(Duration::from_secs(30))
}

fn fired(queue: &mut PlaybackQueue) -> Vec<(String, bool)> {
    let mut marks = Vec::new();
    queue.take_fired(&mut marks);
    marks
        .into_iter()
        .map(|mark| (mark.name, mark.cleared))
        .collect()
}

#[test]
fn clear_tells_how_much_of_each_utterance_was_sent() {
    let mut queue = queue();
    let first = queue.push(frame(100), None).unwrap();
    let second = queue.push(frame(50), None).unwrap();
    let third = queue.push(frame(30), None).unwrap();
    while queue.fetch().is_some() {}
    queue.advance(120 * MS);
    let cleared = queue.clear();
    let played = |id, queued, sent| PlayedUtterance {
        id,
        queued: Duration::from_millis(queued),
        sent: Duration::from_millis(sent),
    };
    assert_eq!(
        cleared.utterances,
        [played(second, 50, 20), played(third, 30, 0)]
    );
    assert_eq!(cleared.unsent(), Duration::from_millis(60));
    assert!(first < second);
    assert_eq!(queue.queued(), Duration::ZERO);
    assert_eq!(queue.clear(), Cleared::default());
}

#[test]
fn a_milestone_tells_whether_all_before_it_was_sent_and_an_utterance_its_share() {
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut queue = queue();
    let first = queue.push(frame(100), None).unwrap();
    let mut reached = queue.milestone();
    let second = queue.push(frame(50), None).unwrap();
    let mut overtaken = queue.milestone();
    while queue.fetch().is_some() {}
    queue.advance(99 * MS);
    assert!(Pin::new(&mut reached).poll(&mut context).is_pending());
    queue.advance(11 * MS);
    assert_eq!(Pin::new(&mut reached).poll(&mut context), Poll::Ready(true));
    let sent = |queue: &PlaybackQueue, id| queue.played(id).map(|played| played.sent);
    assert_eq!(sent(&queue, second), Some(Duration::from_millis(10)));
    queue.clear();
    assert_eq!(
        Pin::new(&mut overtaken).poll(&mut context),
        Poll::Ready(false)
    );
    assert_eq!(sent(&queue, first), Some(Duration::from_millis(100)));
    assert_eq!(sent(&queue, second), Some(Duration::from_millis(10)));
    assert_eq!(sent(&queue, UtteranceId(77)), None);

    let mut at_once = queue.milestone();
    queue.advance(0);
    assert_eq!(Pin::new(&mut at_once).poll(&mut context), Poll::Ready(true));
    let mut never = queue.milestone();
    queue.close();
    assert_eq!(Pin::new(&mut never).poll(&mut context), Poll::Ready(false));
    assert_eq!(
        Pin::new(&mut queue.milestone()).poll(&mut context),
        Poll::Ready(false)
    );
    for _ in 0..50 {
        queue.clear();
    }
    assert!(queue.past.len() <= REMEMBERED_UTTERANCES);
}

#[test]
fn parts_add_up_to_one_utterance_even_after_the_first_was_sent() {
    let mut queue = queue();
    let id = queue.push(frame(40), None).unwrap();
    queue.fetch();
    queue.advance(40 * MS);
    assert_eq!(queue.queued(), Duration::ZERO);
    queue.push(frame(60), Some(id)).unwrap();
    queue.fetch();
    queue.advance(20 * MS);
    let cleared = queue.clear();
    assert_eq!(cleared.utterances[0].queued, Duration::from_millis(100));
    assert_eq!(cleared.utterances[0].sent, Duration::from_millis(60));
}

#[test]
fn a_part_of_a_cleared_utterance_is_refused() {
    let mut queue = queue();
    let id = queue.push(frame(40), None).unwrap();
    queue.clear();
    let (given_back, error) = queue.push(frame(10), Some(id)).unwrap_err();
    assert_eq!((given_back, error), (frame(10), AudioError::Cleared));
    let unknown = UtteranceId(77);
    let (_, error) = queue.push(frame(10), Some(unknown)).unwrap_err();
    assert_eq!(error, AudioError::UnknownUtterance(unknown));
}

#[test]
fn a_frame_longer_than_the_limit_is_taken_below_it_and_then_the_queue_is_full() {
    let mut queue = PlaybackQueue::new(Duration::from_millis(100));
    queue.push(frame(5_000), None).unwrap();
    let (given_back, error) = queue.push(frame(20), None).unwrap_err();
    assert_eq!((given_back, error), (frame(20), AudioError::Full));
    queue.fetch();
    queue.advance(4_901 * MS);
    queue.push(frame(20), None).unwrap();
}

#[test]
fn marks_fire_when_what_is_before_them_was_sent() {
    let mut queue = queue();
    queue.mark("at once".into()).unwrap();
    queue.push(frame(20), None).unwrap();
    queue.mark("after 20".into()).unwrap();
    queue.mark("too".into()).unwrap();
    queue.push(frame(20), None).unwrap();
    queue.mark("after 40".into()).unwrap();
    queue.advance(0);
    assert_eq!(fired(&mut queue), [("at once".into(), false)]);
    while queue.fetch().is_some() {}
    queue.advance(20 * MS - 1);
    assert_eq!(fired(&mut queue), []);
    queue.advance(1);
    assert_eq!(
        fired(&mut queue),
        [("after 20".into(), false), ("too".into(), false)]
    );
    queue.clear();
    assert_eq!(fired(&mut queue), [("after 40".into(), true)]);
}

#[test]
fn what_was_not_fetched_is_never_counted_as_sent() {
    let mut queue = queue();
    queue.push(frame(20), None).unwrap();
    queue.advance(1_000 * MS);
    queue.finish();
    assert_eq!(queue.queued(), Duration::from_millis(20));
}

#[test]
fn a_closed_queue_takes_nothing() {
    let mut queue = queue();
    queue.push(frame(20), None).unwrap();
    queue.close();
    assert_eq!(
        queue.push(frame(20), None).unwrap_err().1,
        AudioError::Closed
    );
    assert_eq!(queue.mark("m".into()), Err(AudioError::Closed));
    assert!(queue.fetch().is_none());
}

#[test]
fn thousands_of_short_utterances_are_not_remembered() {
    let mut queue = queue();
    for _ in 0..5_000 {
        queue.push(frame(1), None).unwrap();
        queue.push(frame(1), None).unwrap();
        queue.fetch();
        queue.advance(MS);
        queue.fetch();
        queue.advance(MS / 2);
        queue.finish();
    }
    assert!(queue.utterances.len() <= REMEMBERED_UTTERANCES + 1);
    assert!(queue.ledger.is_empty());
}

#[derive(Debug, Clone)]
enum Step {
    Send(usize, u32),
    Part(usize, usize),
    Mark,
    Fetch,
    Sent(u64),
    Finish,
    Clear,
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..5_000, prop_oneof![Just(8_000_u32), Just(11_025), Just(44_100), Just(192_000)])
            .prop_map(|(samples, rate)| Step::Send(samples, rate)),
        2 => (0_usize..20, 0_usize..2_000).prop_map(|(which, samples)| Step::Part(which, samples)),
        2 => Just(Step::Mark),
        5 => Just(Step::Fetch),
        5 => (0_u64..80 * MS).prop_map(Step::Sent),
        1 => Just(Step::Finish),
        1 => Just(Step::Clear),
        1 => any::<bool>().prop_map(Step::Pause),
    ]
}

proptest! {
    #[test]
    fn time_is_conserved_and_marks_come_once_and_in_order(steps in proptest::collection::vec(step(), 1..200)) {
        let mut queue = PlaybackQueue::new(Duration::from_millis(2_000));
        let mut ids = Vec::new();
        // Everything ever queued, thrown away, and the total at which each open mark is due.
        let (mut given, mut thrown) = (0_u64, 0_u64);
        let mut fetched = 0_u64;
        let mut open: VecDeque<(String, u64)> = VecDeque::new();
        let mut cleared_total = 0_u64;
        for (number, step) in steps.into_iter().enumerate() {
            let before = queue.queued;
            match step {
                Step::Send(samples, rate) => {
                    let full = queue.is_full();
                    match queue.push(AudioFrame::mono(vec![0.0; samples], rate), None) {
                        Ok(id) => {
                            prop_assert!(!full);
                            ids.push(id);
                            given += nanos(samples as u64, rate);
                        }
                        Err((frame, error)) => {
                            prop_assert_eq!(frame.samples.len(), samples);
                            prop_assert_eq!(error, AudioError::Full);
                            prop_assert!(full);
                        }
                    }
                }
                Step::Part(which, samples) => {
                    if let Some(&id) = ids.get(which)
                        && queue.push(AudioFrame::mono(vec![0.0; samples], 8_000), Some(id)).is_ok()
                    {
                        prop_assert!(id.0 >= queue.cleared_below);
                        given += nanos(samples as u64, 8_000);
                    }
                }
                Step::Mark => {
                    queue.mark(number.to_string()).unwrap();
                    open.push_back((number.to_string(), given));
                }
                Step::Fetch => {
                    if let Some(frame) = queue.fetch() {
                        fetched += nanos(frame.samples_per_channel() as u64, frame.sample_rate);
                    }
                }
                Step::Sent(time) => queue.advance(time),
                Step::Finish => queue.finish(),
                Step::Clear => {
                    let cleared = queue.clear();
                    thrown += cleared.unsent().as_nanos() as u64;
                    prop_assert_eq!(cleared.unsent().as_nanos() as u64, before);
                    cleared_total += before;
                    fetched = given;
                    for played in &cleared.utterances {
                        prop_assert!(played.sent < played.queued);
                    }
                }
                Step::Pause(paused) => {
                    queue.set_paused(paused);
                    prop_assert_eq!(queue.is_paused(), paused);
                }
            }
            let sent = given - thrown - queue.queued;
            prop_assert!(sent + cleared_total <= fetched, "more was sent than fetched");
            for (name, cleared) in fired(&mut queue) {
                let (expected, due) = open.pop_front().expect("a mark fires once");
                prop_assert_eq!(name, expected);
                prop_assert!(cleared || sent + cleared_total >= due);
            }
            if let Some((_, due)) = open.front() {
                prop_assert!(queue.ledger.iter().any(|entry| matches!(entry, Entry::Mark(_))));
                let _ = due;
            }
        }
        // What is left can be sent to the end.
        while queue.fetch().is_some() {}
        queue.finish();
        prop_assert_eq!(queue.queued, 0);
        prop_assert!(queue.ledger.is_empty());
        let left: Vec<String> = fired(&mut queue).into_iter().map(|(name, _)| name).collect();
        let open: Vec<String> = open.into_iter().map(|(name, _)| name).collect();
        prop_assert_eq!(left, open);
    }
}
