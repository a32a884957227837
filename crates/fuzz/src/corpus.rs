//! The seed inputs of a target: the files in `corpus/<target>/`.

use std::path::{Path, PathBuf};

/// Name and content of each seed, sorted by name.
///
/// # Errors
///
/// The folder or a file of it cannot be read.
pub fn seeds(target: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(folder(target))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        seeds.push((name, std::fs::read(entry.path())?));
    }
    seeds.sort();
    Ok(seeds)
}

fn folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}
