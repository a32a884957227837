//! The folder of the recordings: one file a call, and never over another.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use headless_sip::WavRecorder;

use crate::exit::Failure;
use crate::recording;

/// A folder that takes recordings.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    next: Mutex<u32>,
}

impl Folder {
    /// Makes the folder if it is missing.
    ///
    /// # Errors
    /// A usage [`Failure`] that names it.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        std::fs::create_dir_all(path).map_err(|error| {
            Failure::usage(format!(
                "cannot make the folder {}: {error}",
                path.display()
            ))
        })?;
        Ok(Self {
            path: path.to_owned(),
            next: Mutex::new(1),
        })
    }

    /// A new recording of a call from `caller`, such as `0001-alice.stereo.wav`.
    ///
    /// # Errors
    /// A usage [`Failure`] that names the file.
    pub(super) fn recording(&self, caller: &str) -> Result<WavRecorder, Failure> {
        let caller = file_name(caller);
        let mut next = self
            .next
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        loop {
            let path = self.path.join(format!("{:04}-{caller}.stereo.wav", *next));
            *next = next.saturating_add(1);
            if !path.exists() || *next == u32::MAX {
                return recording::create(&path);
            }
        }
    }
}

/// What is left of a name from the network when only what is harmless in a file name stays.
fn file_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_+".contains(*c))
        .take(40)
        .collect();
    if plain.is_empty() {
        "unknown".into()
    } else {
        plain
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_cannot_choose_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), "etcpasswd");
        assert_eq!(file_name("+1555\0\n"), "+1555");
        assert_eq!(file_name("/.."), "unknown");
    }

    #[test]
    fn a_recording_is_never_written_over_another() {
        let place = tempfile::tempdir().expect("a folder");
        let inner = place.path().join("a/b");
        let folder = Folder::open(&inner).expect("it is made");
        std::fs::write(inner.join("0002-bob.stereo.wav"), b"old").expect("a file");
        let names: Vec<_> = (0..3)
            .map(|_| {
                folder
                    .recording("bob")
                    .expect("it is made")
                    .path()
                    .to_owned()
            })
            .collect();
        let wanted = [
            "0001-bob.stereo.wav",
            "0003-bob.stereo.wav",
            "0004-bob.stereo.wav",
        ];
        assert_eq!(names, wanted.map(|name| inner.join(name)));
        assert_eq!(
            std::fs::read(inner.join("0002-bob.stereo.wav")).expect("it is there"),
            b"old"
        );
    }
}
