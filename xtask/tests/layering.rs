//! The layers of docs/architecture.md, held against the manifests.

use xtask::layers::{LEAVES, violations};
use xtask::workspace::Workspace;

#[test]
fn dependencies_point_one_way() {
    let workspace = Workspace::load().unwrap();
    for leaf in LEAVES {
        assert!(workspace.package(leaf).is_some(), "{leaf} is gone");
    }
    let found = violations(&workspace);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
