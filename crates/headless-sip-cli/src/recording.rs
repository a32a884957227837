//! Where a call is recorded: how many channels the name of the file asks for.

use std::path::Path;

use headless_sip::{RecorderConfig, WavRecorder};

use crate::exit::Failure;

/// Makes the file. A name that ends in `.stereo.wav` gets two channels: received and sent.
///
/// # Errors
/// A usage [`Failure`] that names the file and says why it cannot be written.
pub(crate) fn create(path: &Path) -> Result<WavRecorder, Failure> {
    let config = match is_stereo(path) {
        true => RecorderConfig::stereo(),
        false => RecorderConfig::default(),
    };
    Ok(WavRecorder::create(path, config)?)
}

fn is_stereo(path: &Path) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.to_ascii_lowercase().ends_with(".stereo.wav"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn the_name_says_how_many_channels() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, stereo) in [
            ("a.wav", false),
            ("a.stereo.wav", true),
            ("A.Stereo.WAV", true),
        ] {
            let recording = create(&folder.path().join(name)).expect("it can be written");
            assert_eq!(recording.is_stereo(), stereo, "{name}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_written_is_named_before_anybody_is_called() {
        let failure = create(Path::new("/nowhere/x.wav")).expect_err("it is refused");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.message.starts_with("cannot write /nowhere/x.wav"),
            "{failure}"
        );
    }
}
