//! What `cargo xtask` can do, as a library, so that the tests beside it can use its parts.

pub mod bench;
pub mod layers;
pub mod test_all;
pub mod workspace;
