//! A lamp that shows whether a telephone is busy (event package `dialog`, RFC 4235): one client answers a call and tells of it, another one
//! watches. Ends with the call.
//!
//!     cargo run --release -p headless-sip-cli -- pbx --user alice:secret --user bob:secret      # in another terminal
//!     cargo run -p headless-sip --example busy_lamp
//!     cargo run --release -p headless-sip-cli -- call alice --user bob --password secret --registrar sip:127.0.0.1:5060 --seconds 3

use std::env;

use headless_sip::event_package::{
    DialogDirection, DialogInfo, DialogState, DialogTable, ReportedDialog,
};
use headless_sip::{
    Body, ClientConfig, HeadlessSipClient, IncomingCall, Notifier, Subscription, SubscriptionEvent,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let registrar =
        env::var("HEADLESS_SIP_REGISTRAR").unwrap_or_else(|_| "sip:127.0.0.1:5060".into());
    let telephone = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        ..ClientConfig::account("alice", "secret", &registrar)
    })
    .await?;
    let watcher = HeadlessSipClient::new(ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse()?,
        ..ClientConfig::default()
    })
    .await?;

    // The watcher asks the telephone itself; where a PBX knows the state, one asks that: `subscribe("alice", "dialog")`.
    let mut asked = telephone.subscriptions(&[DialogInfo::PACKAGE])?;
    let at = format!("sip:alice@{}", telephone.local_addr());
    let lamp = watcher
        .account()
        .subscribe(&at, DialogInfo::PACKAGE)
        .await?;
    let subscription = asked.recv().await.ok_or("the telephone was shut down")?;
    println!("{} watches {at}", subscription.from());
    let mut lines = Lines {
        entity: telephone.address(),
        version: 0,
    };
    let notifier = subscription.accept(Some(lines.told(Vec::new())))?;
    let watching = tokio::spawn(show(lamp));

    println!("waiting for a call to {}", telephone.address());
    let call = telephone
        .incoming()
        .await
        .ok_or("the telephone was shut down")?;
    take(call, &notifier, &mut lines).await?;
    notifier.terminate("noresource", None).await?;
    watching.await?;
    watcher.shutdown().await;
    telephone.shutdown().await;
    Ok(())
}

/// What a notification says of the telephone's lines.
struct Lines {
    entity: String,
    version: u32,
}

impl Lines {
    fn told(&mut self, dialogs: Vec<ReportedDialog>) -> Body {
        let info = DialogInfo {
            version: self.version,
            full: true,
            entity: self.entity.clone(),
            dialogs,
        };
        self.version += 1;
        info.to_body()
    }
}

/// Rings, answers, and tells each step.
async fn take(
    call: IncomingCall,
    notifier: &Notifier,
    lines: &mut Lines,
) -> Result<(), headless_sip::Error> {
    let line = |call_id: &str, state| ReportedDialog {
        call_id: Some(call_id.to_owned()),
        direction: Some(DialogDirection::Recipient),
        ..ReportedDialog::new("1", state)
    };
    let call_id = call.call_id().to_owned();
    call.ring().await?;
    let ringing = line(&call_id, DialogState::Early);
    notifier.notify(Some(lines.told(vec![ringing]))).await?;
    let mut call = call.answer().await?;
    let talking = line(&call_id, DialogState::Confirmed);
    notifier.notify(Some(lines.told(vec![talking]))).await?;
    call.events.ended().await;
    notifier.notify(Some(lines.told(Vec::new()))).await?;
    Ok(())
}

/// The lamp, until the subscription is over.
async fn show(mut lamp: Subscription) {
    let mut lines = DialogTable::default();
    while let Some(event) = lamp.next_event().await {
        match event {
            SubscriptionEvent::Notified(told) => {
                let info = told.body.map(|body| DialogInfo::parse(&body.bytes));
                if let Some(Ok(info)) = info {
                    lines.update(&info);
                    let states: Vec<_> = lines.dialogs().iter().map(|line| line.state).collect();
                    println!(
                        "lamp {} {states:?}",
                        if lines.is_busy() { "on " } else { "off" }
                    );
                }
            }
            SubscriptionEvent::Failed { error, retry_in } => {
                println!("the lamp does not know ({error}); it asks again in {retry_in:?}");
            }
            SubscriptionEvent::Ended(_) => println!("nothing is watched any more"),
            _ => {}
        }
    }
}
