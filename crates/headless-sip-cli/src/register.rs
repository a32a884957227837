//! `headless-sip register`: registers, stays, and un-registers.

use std::time::Duration;

use crate::args::RegisterArgs;
use crate::client::{self, Wishes};
use crate::event::Event;
use crate::exit::Failure;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// Runs the command.
///
/// # Errors
/// A [`Failure`]: 4 when the password is refused, 5 when the registrar does not answer.
pub(crate) async fn run(
    args: &RegisterArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    let wishes = Wishes {
        expires: Some(Duration::from_secs(args.expires.into())),
        ..Wishes::default()
    };
    let client = client::open(&args.account, wishes, output, &mut shutdown).await?;
    let address = client.address();
    let stay = client::until(args.seconds);
    tokio::select! {
        () = stay => {}
        () = shutdown.asked() => {}
        () = client::tell_changes(&client, output) => {}
    }
    client.shutdown().await;
    output.event(&Event::Unregistered { aor: address });
    Ok(())
}
