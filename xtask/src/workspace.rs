//! The workspace as `cargo metadata` tells it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// The packages of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Folder of the root manifest.
    pub root: PathBuf,
    /// Where cargo builds to.
    pub target: PathBuf,
    /// Packages, sorted by name.
    pub packages: Vec<Package>,
}

/// One package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Package {
    /// Name in the registry, not of the folder.
    pub name: String,
    /// Features with what they turn on, without `default`.
    pub features: BTreeMap<String, Vec<String>>,
    /// Direct dependencies of every kind, by package name.
    pub dependencies: Vec<Dependency>,
    /// Names of the integration tests.
    pub tests: Vec<String>,
    /// Names of the examples.
    pub examples: Vec<String>,
}

/// One entry of a package's dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package that is depended on.
    pub name: String,
    /// Normal, for tests, or for the build script.
    pub kind: DependencyKind,
}

/// The table of the manifest that a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// `[dependencies]`
    Normal,
    /// `[dev-dependencies]`
    Dev,
    /// `[build-dependencies]`
    Build,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// # Errors
    ///
    /// A text when cargo cannot read the workspace.
    pub fn load() -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .output()
            .map_err(|error| format!("cargo metadata does not start: {error}"))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(format!("cargo metadata failed:\n{text}"));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("cargo metadata printed no JSON: {error}"))?;
        Ok(Workspace::read(&metadata))
    }

    fn read(metadata: &Value) -> Self {
        let mut packages: Vec<Package> = list(&metadata["packages"]).map(Package::read).collect();
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        Workspace {
            root: text(&metadata["workspace_root"]).into(),
            target: text(&metadata["target_directory"]).into(),
            packages,
        }
    }

    /// The package of that name.
    #[must_use]
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }
}

impl Package {
    fn read(package: &Value) -> Self {
        let targets = |kind: &str| -> Vec<String> {
            list(&package["targets"])
                .filter(|target| list(&target["kind"]).any(|known| text(known) == kind))
                .map(|target| text(&target["name"]))
                .collect()
        };
        Package {
            name: text(&package["name"]),
            features: features(&package["features"]),
            dependencies: list(&package["dependencies"])
                .map(|dependency| Dependency {
                    name: text(&dependency["name"]),
                    kind: match dependency["kind"].as_str() {
                        Some("dev") => DependencyKind::Dev,
                        Some("build") => DependencyKind::Build,
                        _ => DependencyKind::Normal,
                    },
                })
                .collect(),
            tests: targets("test"),
            examples: targets("example"),
        }
    }
}

fn features(value: &Value) -> BTreeMap<String, Vec<String>> {
    let features = value.as_object().into_iter().flatten();
    features
        .filter(|(name, _)| *name != "default")
        .map(|(name, enables)| (name.clone(), list(enables).map(text).collect()))
        .collect()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
