//! The packages and features of a run, the same for every step, so that nothing is built twice.

use std::process::{Command, Stdio};

use crate::workspace::Workspace;

/// Features that need a library of the system, with the name that pkg-config knows it by and its Debian package.
const LIBRARIES: [(&str, &str, &str); 1] = [("opus-audiopus", "opus", "libopus-dev")];

/// Arguments that pick all packages with all features that can be built here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    arguments: Vec<String>,
    missing: Vec<(&'static str, &'static str)>,
}

impl Selection {
    pub(crate) fn of(workspace: &Workspace) -> Self {
        let missing: Vec<_> = LIBRARIES
            .into_iter()
            .filter(|(_, library, _)| !has_library(library))
            .map(|(feature, _, package)| (feature, package))
            .collect();
        Selection::without(workspace, missing)
    }

    fn without(workspace: &Workspace, missing: Vec<(&'static str, &'static str)>) -> Self {
        let mut arguments = vec!["--workspace".to_owned()];
        if missing.is_empty() {
            arguments.push("--all-features".to_owned());
        } else {
            let left_out = |feature: &str| missing.iter().any(|(name, _)| *name == feature);
            let features: Vec<String> = workspace
                .packages
                .iter()
                .flat_map(|package| {
                    package
                        .features
                        .keys()
                        .filter(|feature| !left_out(feature))
                        .map(|feature| format!("{}/{feature}", package.name))
                })
                .collect();
            arguments.extend(["--features".to_owned(), features.join(",")]);
        }
        Selection { arguments, missing }
    }

    /// The arguments for cargo.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.arguments.clone()
    }

    /// `verb`, the selection, then `rest`.
    pub(crate) fn with(&self, verb: &str, rest: &[&str]) -> Vec<String> {
        let rest = rest.iter().map(|argument| (*argument).to_owned());
        std::iter::once(verb.to_owned())
            .chain(self.arguments())
            .chain(rest)
            .collect()
    }

    /// Why a feature cannot be built here, if it cannot.
    pub(crate) fn left_out(&self, feature: &str) -> Option<String> {
        let (_, package) = self.missing.iter().find(|(name, _)| *name == feature)?;
        Some(format!(
            "{feature} needs the Debian package {package}, or its like, and pkg-config"
        ))
    }

    /// All features that cannot be built here, each with its reason.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.missing
            .iter()
            .filter_map(|(feature, _)| self.left_out(feature))
            .collect()
    }
}

fn has_library(name: &str) -> bool {
    Command::new("pkg-config")
        .args(["--exists", name])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    fn workspace() -> Workspace {
        let features = ["opus", "opus-audiopus"].map(|name| (name.to_owned(), Vec::new()));
        Workspace {
            root: "/".into(),
            target: "/".into(),
            packages: vec![Package {
                name: "audio-codecs".to_owned(),
                features: features.into(),
                ..Package::default()
            }],
        }
    }

    #[test]
    fn all_features_are_taken_where_all_libraries_are() {
        let selection = Selection::without(&workspace(), Vec::new());
        assert_eq!(selection.arguments(), ["--workspace", "--all-features"]);
        assert_eq!(selection.left_out("opus-audiopus"), None);
    }

    #[test]
    fn a_missing_library_costs_only_its_feature() {
        let selection = Selection::without(&workspace(), vec![("opus-audiopus", "libopus-dev")]);
        assert_eq!(
            selection.with("test", &["--doc"]),
            [
                "test",
                "--workspace",
                "--features",
                "audio-codecs/opus",
                "--doc"
            ]
        );
        let reason = selection.left_out("opus-audiopus").unwrap();
        assert!(reason.contains("libopus-dev"), "{reason}");
    }
}
