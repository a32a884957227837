//! rsipstack changes every month: it is named in one folder and stands in no public type.

use std::{fs, path::Path};

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            found.push((
                path.strip_prefix(env!("CARGO_MANIFEST_DIR"))
                    .unwrap()
                    .display()
                    .to_string(),
                fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

fn all() -> Vec<(String, String)> {
    let mut found = Vec::new();
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    assert!(found.len() > 30, "sources not found");
    found
}

#[test]
fn only_the_transaction_folder_names_rsipstack() {
    for (path, text) in all() {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        let named = code.into_iter().any(|line| line.contains("rsipstack"));
        assert!(
            !named || path.starts_with("src/transaction"),
            "{path} names rsipstack"
        );
    }
}

#[test]
fn only_one_file_reads_the_clock_or_draws_random_numbers() {
    for (path, text) in all() {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for forbidden in ["SystemTime::now", "rand::"] {
            assert!(
                !text.contains(forbidden) || path == "src/agent/clock.rs",
                "{path}: {forbidden}"
            );
        }
        let values = ["src/session", "src/message", "src/digest"]
            .iter()
            .any(|folder| path.starts_with(folder));
        assert!(
            !values || !(text.contains("tokio") || text.contains("Instant::now")),
            "{path} is no plain value"
        );
    }
}
