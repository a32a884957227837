//! `headless-sip message`: sends a text.

use crate::args::MessageArgs;
use crate::client::{self, Wishes};
use crate::exit::Failure;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] with the exit code that tells why the text was not taken.
pub(crate) async fn run(
    args: &MessageArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    let client = client::open(&args.account, Wishes::default(), output, &mut shutdown).await?;
    let sent = tokio::select! {
        sent = client.message(&args.uri, &args.text) => sent.map_err(Failure::from),
        () = shutdown.asked() => Err(Failure::other("stopped before the text was taken")),
    };
    client.shutdown().await;
    sent?;
    output.line("the text was taken");
    Ok(())
}
