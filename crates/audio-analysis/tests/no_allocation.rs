//! In steady state no detector and no generator allocates.

mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use audio_analysis::{
    AnsweringMachineConfig, AnsweringMachineDetector, CallProgressDetector, CallProgressGenerator,
    DtmfDetector, DtmfGenerator, DtmfSound, VoiceActivityConfig, VoiceActivityDetector, VoiceModel,
    patterns,
};

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[allow(unsafe_code, reason = "a global allocator cannot be written without")]
// SAFETY: every call is passed to the system allocator unchanged; the counter is a thread-local cell without destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: `pointer` came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn nothing_is_allocated_once_a_detector_is_made() {
    for rate in [8000, 48_000] {
        let mut digits = DtmfGenerator::new(rate, DtmfSound::default());
        let busy = &patterns()[2];
        let mut tone = CallProgressGenerator::new(rate, busy, -15.0);
        let mut dtmf = DtmfDetector::new(rate);
        let mut progress = CallProgressDetector::new(rate);
        let mut machine = AnsweringMachineDetector::new(rate, AnsweringMachineConfig::default());
        let mut voices = [
            VoiceModel::Energy,
            #[cfg(feature = "earshot")]
            VoiceModel::Earshot,
        ]
        .map(|model| {
            let config = VoiceActivityConfig {
                model,
                ..VoiceActivityConfig::default()
            };
            VoiceActivityDetector::new(rate, config)
        });
        let mut frame = vec![0.0; rate as usize / 50];
        let mut found = [0; 4];
        let before = ALLOCATIONS.get();
        for n in 0..1000 {
            if n % 20 == 0 && n < 500 {
                digits.queue('5');
            }
            if digits.fill(&mut frame) == 0 {
                tone.fill(&mut frame);
            }
            dtmf.push(&frame);
            progress.push(&frame);
            machine.push(&frame);
            found[0] += std::iter::from_fn(|| dtmf.poll_event()).count();
            found[1] += std::iter::from_fn(|| progress.poll_event()).count();
            found[2] += std::iter::from_fn(|| machine.poll_event()).count();
            for voice in &mut voices {
                voice.push(&frame);
                found[3] += std::iter::from_fn(|| voice.poll_event()).count();
            }
        }
        assert_eq!(ALLOCATIONS.get() - before, 0, "at {rate} Hz");
        assert!(found.iter().all(|count| *count > 0), "{found:?}");
    }
}
