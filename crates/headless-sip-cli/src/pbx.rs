//! `headless-sip pbx`: a small telephone system to try things on.
use crate::args::PbxArgs;
use crate::exit::Failure;
use crate::output::Output;
use crate::shutdown::Shutdown;
pub(crate) async fn run(
    _args: PbxArgs,
    _output: &Output,
    _shutdown: Shutdown,
) -> Result<(), Failure> {
    Err(Failure::other("x"))
}
