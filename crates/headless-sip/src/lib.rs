//! Real phone calls for programs: f32 PCM where others have a sound card.
