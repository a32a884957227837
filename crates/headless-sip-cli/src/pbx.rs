//! `headless-sip pbx`: a small telephone system to try things on.

use sip_testkit::pbx::{Pbx, PbxError, PbxEvent};

use crate::args::PbxArgs;
use crate::event::Event;
use crate::exit::Failure;
use crate::output::Output;
use crate::shutdown::Shutdown;

/// Who may register when nobody is named, with what password.
const USUAL_USERS: [(&str, &str); 2] = [("alice", "secret"), ("bob", "secret")];

/// Runs the command until the user wants to leave.
///
/// # Errors
/// A [`Failure`] when the address is not to be had.
pub(crate) async fn run(
    args: PbxArgs,
    output: &Output,
    mut shutdown: Shutdown,
) -> Result<(), Failure> {
    let pbx = start(&args).await?;
    let mut events = pbx.events();
    output.event(&Event::Listening {
        address: pbx.addr().to_string(),
        transport: None,
    });
    greet(&args, &pbx, output);
    let domain = pbx.addr().to_string();
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => tell(event, &domain, output),
                None => return Err(Failure::other("the telephone system broke off")),
            },
            () = shutdown.asked() => break,
        }
    }
    pbx.shutdown().await;
    Ok(())
}

async fn start(args: &PbxArgs) -> Result<Pbx, Failure> {
    let mut builder = Pbx::builder()
        .listen(args.listen.to_string())
        // Who names users wants to see passwords asked for; who does not wants to try a call.
        .challenge_calls(!args.users.is_empty());
    for user in &args.users {
        builder = builder.user(&user.name, user.password.reveal());
    }
    if args.users.is_empty() {
        for (name, password) in USUAL_USERS {
            builder = builder.user(name, password);
        }
    }
    builder.start().await.map_err(|error| match error {
        PbxError::Name { .. } | PbxError::ListenAddress(_) => Failure::usage(error.to_string()),
        _ => Failure::other(error.to_string()),
    })
}

/// What to do now, for a person.
fn greet(args: &PbxArgs, pbx: &Pbx, output: &Output) {
    let dim = |text: &str| output.paint().dim(text);
    if args.users.is_empty() {
        output.plain(&dim("           alice and bob may register, both with the password secret; anybody may call"));
    }
    for number in ["echo", "tone", "dtmf", "music"] {
        output.plain(&dim(&format!(
            "           headless-sip call {}",
            pbx.user_uri(number)
        )));
    }
    output.plain(&dim("           Ctrl-C ends it"));
}

fn tell(event: PbxEvent, domain: &str, output: &Output) {
    let aor = |user: String| format!("sip:{user}@{domain}");
    let told = match event {
        PbxEvent::Registered { user, expires, .. } => Event::Registered {
            aor: aor(user),
            expires_s: Some(expires.into()),
        },
        PbxEvent::Unregistered { user, .. } => Event::Unregistered { aor: aor(user) },
        PbxEvent::CallStarted { call_id, from, to } => Event::Routed { call_id, from, to },
        PbxEvent::CallAnswered { call_id } => Event::Connected { call_id },
        PbxEvent::CallEnded { call_id, status } => Event::Cleared { call_id, status },
        PbxEvent::Challenged { method, user } => {
            tracing::debug!(method, user, "asked for a password");
            return;
        }
        other => {
            tracing::trace!(event = ?other, "seen");
            return;
        }
    };
    output.event(&told);
}
