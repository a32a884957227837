//! Who may depend on whom: dependencies point one way, and the leaves do not know each other.

use crate::workspace::{Dependency, DependencyKind, Workspace};

/// The leaves: each is useful alone, none knows another package of this workspace, not even in its tests.
pub const LEAVES: [&str; 5] = [
    "audio-analysis",
    "audio-codecs",
    "rtp-media",
    "sdp-negotiation",
    "sip-signaling",
];

/// Each package with the packages of this workspace that it may use.
const ALLOWED: [(&str, &[&str]); 13] = [
    ("audio-analysis", &[]),
    ("audio-codecs", &[]),
    ("rtp-media", &[]),
    ("sdp-negotiation", &[]),
    ("sip-signaling", &[]),
    (
        "media-engine",
        &["audio-analysis", "audio-codecs", "rtp-media"],
    ),
    (
        "headless-sip",
        &[
            "audio-analysis",
            "audio-codecs",
            "media-engine",
            "rtp-media",
            "sdp-negotiation",
            "sip-signaling",
        ],
    ),
    ("sip-testkit", &["headless-sip", "sip-signaling"]),
    ("headless-sip-cli", &["headless-sip", "sip-testkit"]),
    ("headless-sip-interop", &["headless-sip", "sip-testkit"]),
    (
        "headless-sip-bench",
        &[
            "audio-analysis",
            "audio-codecs",
            "headless-sip",
            "media-engine",
            "rtp-media",
            "sdp-negotiation",
            "sip-signaling",
        ],
    ),
    (
        "headless-sip-fuzz",
        &[
            "audio-codecs",
            "rtp-media",
            "sdp-negotiation",
            "sip-signaling",
        ],
    ),
    ("xtask", &[]),
];

/// Crates of others that stay behind the types of one package, so that they can be replaced there.
const OWNED: [(&str, &str); 9] = [
    ("earshot", "audio-analysis"),
    ("rsipstack", "sip-signaling"),
    ("rtp", "rtp-media"),
    ("rtcp", "rtp-media"),
    ("webrtc-util", "rtp-media"),
    ("sdp", "sdp-negotiation"),
    ("ropus", "audio-codecs"),
    ("audiopus", "audio-codecs"),
    ("audiopus_sys", "audio-codecs"),
];

/// Every edge that breaks a rule, as a sentence; empty when all is well.
#[must_use]
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for package in &workspace.packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            found.push(format!("{name} has no place among the layers"));
            continue;
        };
        for dependency in &package.dependencies {
            found.extend(violation(workspace, name, allowed, dependency));
        }
    }
    found
}

fn violation(
    workspace: &Workspace,
    name: &str,
    allowed: &[&str],
    dependency: &Dependency,
) -> Option<String> {
    let other = dependency.name.as_str();
    if let Some((_, owner)) = OWNED.iter().find(|(owned, _)| *owned == other) {
        return (name != *owner)
            .then(|| format!("{name} uses {other}, which stays behind {owner}"));
    }
    workspace.package(other)?;
    let binding = dependency.kind != DependencyKind::Dev || LEAVES.contains(&name);
    let forbidden = binding && !allowed.contains(&other) && name != other;
    forbidden.then(|| format!("{name} must not use {other}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Package;

    /// A workspace of all packages, where `name` depends on `other`.
    fn with_edge(name: &str, other: &str, kind: DependencyKind) -> Workspace {
        let packages = ALLOWED.iter().map(|(package, _)| Package {
            name: (*package).to_owned(),
            dependencies: (*package == name)
                .then(|| Dependency {
                    name: other.to_owned(),
                    kind,
                })
                .into_iter()
                .collect(),
            ..Package::default()
        });
        Workspace {
            root: "/".into(),
            target: "/".into(),
            packages: packages.collect(),
        }
    }

    #[track_caller]
    fn check(name: &str, other: &str, kind: DependencyKind, expected: &[&str]) {
        assert_eq!(violations(&with_edge(name, other, kind)), expected);
    }

    #[test]
    fn edges_downwards_are_allowed() {
        check("media-engine", "rtp-media", DependencyKind::Normal, &[]);
        check("headless-sip", "sip-testkit", DependencyKind::Dev, &[]);
        check("sip-signaling", "rsipstack", DependencyKind::Normal, &[]);
        check("sip-signaling", "tokio", DependencyKind::Normal, &[]);
    }

    #[test]
    fn edges_upwards_and_sideways_are_found() {
        let normal = DependencyKind::Normal;
        let upwards = "media-engine must not use headless-sip";
        check("media-engine", "headless-sip", normal, &[upwards]);
        let sideways = "rtp-media must not use audio-codecs";
        check("rtp-media", "audio-codecs", normal, &[sideways]);
    }

    #[test]
    fn a_leaf_knows_no_other_package_even_in_its_tests() {
        let found = "sdp-negotiation must not use audio-codecs";
        check(
            "sdp-negotiation",
            "audio-codecs",
            DependencyKind::Dev,
            &[found],
        );
    }

    #[test]
    fn foreign_crates_stay_behind_their_owner() {
        let found = "headless-sip uses rsipstack, which stays behind sip-signaling";
        check("headless-sip", "rsipstack", DependencyKind::Dev, &[found]);
    }

    #[test]
    fn a_new_package_must_be_given_a_place() {
        let mut workspace = with_edge("xtask", "serde_json", DependencyKind::Normal);
        workspace.packages.push(Package {
            name: "newcomer".to_owned(),
            ..Package::default()
        });
        assert_eq!(
            violations(&workspace),
            ["newcomer has no place among the layers"]
        );
    }
}
