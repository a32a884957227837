//! Ctrl-C and SIGTERM: the first asks the command to end its calls and leave, the second leaves at once.

use tokio::sync::watch;

/// Tells when the user wants to leave. Clones see the same.
#[derive(Debug, Clone)]
pub(crate) struct Shutdown {
    asked: watch::Receiver<bool>,
}

impl Shutdown {
    /// Starts to listen for the signals of this process; from the return on none is missed.
    ///
    /// # Errors
    /// What the system says when it does not let us listen.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (tell, asked) = watch::channel(false);
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            signals.next().await;
            tracing::debug!("asked to leave");
            tell.send_replace(true);
            signals.next().await;
            // Twice means at once: 128 + SIGINT, as shells do.
            std::process::exit(130);
        });
        Ok(Self { asked })
    }

    /// Waits until the user wants to leave. Cancel safe.
    pub(crate) async fn asked(&mut self) {
        if self.asked.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        drop(tokio::signal::ctrl_c().await);
    }
}
