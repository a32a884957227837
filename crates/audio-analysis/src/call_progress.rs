//! The tones by which exchanges and fax machines tell how a call goes.

mod detector;
mod generator;
mod plans;

pub use detector::{CallProgressDetector, CallProgressEvent};
pub use generator::CallProgressGenerator;
pub use plans::{CallProgressTone, SpecialInformation, TonePattern, TonePlan, ToneStep, patterns};
