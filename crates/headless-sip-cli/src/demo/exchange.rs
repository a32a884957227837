//! The telephone system of the demo.

use crate::args::DemoArgs;
use crate::exit::Failure;
use headless_sip::ClientConfig;
pub(super) struct Exchange;
impl Exchange {
    pub(super) async fn open(_args: &DemoArgs) -> Result<Self, Failure> {
        Err(Failure::other("x"))
    }
    pub(super) fn address(&self) -> String {
        String::new()
    }
    pub(super) fn uri(&self, _n: &str) -> String {
        String::new()
    }
    pub(super) fn account(&self, _n: &str) -> ClientConfig {
        ClientConfig::default()
    }
    pub(super) fn seen(&self) -> Vec<super::ladder::Seen> { Vec::new() }
    pub(super) async fn close(self) {}
}
