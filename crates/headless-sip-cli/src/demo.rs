//! `headless-sip demo`: a whole call on this machine, checked and drawn.
//!
//! ```text
//! alice ── SIP ── PBX ── SIP ── bob        both register, alice calls
//!   │ speech ─────────────────▶ │          13 s of it
//!   │ ◀───────── digits, a tone │          at the same time
//!   │ hold, resume              │          2 s of silence
//!   │ ◀──────── tones ────────▶ │          sound is back
//!   │ BYE                       │
//! ```

mod checks;
mod exchange;
mod ladder;
mod party;
mod result;
mod script;

use crate::args::DemoArgs;
use crate::exit::Failure;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// Runs the command.
///
/// # Errors
/// A [`Failure`] when the call does not come about, or when what was heard is not what was said.
pub(crate) async fn run(
    args: DemoArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    std::fs::create_dir_all(&args.out).map_err(|error| {
        Failure::usage(format!(
            "cannot make the folder {}: {error}",
            args.out.display()
        ))
    })?;
    let performance = tokio::select! {
        performance = script::perform(&args, output) => performance?,
        () = shutdown.asked() => return Err(Failure::other("stopped before the end of the demo")),
    };
    let checks = result::judge(&performance, args.loss);
    let files = result::write(&args, &performance, &checks, &args.out)?;
    result::tell(output, &performance, &checks, &files);
    let wrong: Vec<_> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| check.name.as_str())
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::other(format!(
        "what was heard differs; not so: {}",
        wrong.join("; ")
    )))
}
