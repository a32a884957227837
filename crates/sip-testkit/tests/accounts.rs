//! One client with accounts at two exchanges.
#![cfg(feature = "extensions")]

use std::time::Duration;

use headless_sip::{
    Account, AccountConfig, ClientConfig, CodecTable, Error, HeadlessSipClient, Register,
    RegistrationState,
};
use sip_testkit::pbx::Pbx;

async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future)
        .await
        .expect("done within 10 s")
}

fn config(pbx: &Pbx, user: &str) -> ClientConfig {
    ClientConfig {
        local_sip_addr: "127.0.0.1:0".parse().unwrap(),
        codecs: CodecTable::from_names("pcmu").unwrap(),
        media_threads: Some(1),
        ..ClientConfig::account(user, "secret", &pbx.uri())
    }
}

async fn pbx() -> Pbx {
    let users = ["bot", "sales", "alice", "bob"];
    let builder = Pbx::builder().extensions(false);
    let with_users = users
        .iter()
        .fold(builder, |builder, user| builder.user(*user, "secret"));
    with_users.start().await.unwrap()
}

/// Calls `user` as a caller of that exchange; the account that the bot says is called.
async fn called(bot: &HeadlessSipClient, caller: &HeadlessSipClient, user: &str) -> Account {
    let (placed, account) = within(async {
        tokio::join!(caller.call(user), async {
            let call = bot.incoming().await.unwrap();
            let account = call.account().clone();
            call.answer().await.unwrap().hang_up().await.unwrap();
            account
        })
    })
    .await;
    placed.unwrap();
    account
}

#[tokio::test]
async fn each_account_calls_and_is_called_by_its_own_name() {
    let (first, second) = (pbx().await, pbx().await);
    let bot = within(HeadlessSipClient::new(config(&first, "bot")))
        .await
        .unwrap();
    let add = |user: &str, pbx: &Pbx| {
        let config = AccountConfig::new(user, "secret", &pbx.uri());
        let bot = bot.clone();
        async move { within(bot.add_account(config)).await }
    };
    // The same name at another exchange, and another name at this one.
    let twin = add("bot", &second).await.unwrap();
    let sales = add("sales", &first).await.unwrap();
    assert_eq!(twin.address(), second.user_uri("bot"));
    let alice = within(HeadlessSipClient::new(config(&first, "alice")))
        .await
        .unwrap();
    let bob = within(HeadlessSipClient::new(config(&second, "bob")))
        .await
        .unwrap();
    assert!(called(&bot, &alice, "bot").await.is(&bot.account()));
    assert!(called(&bot, &bob, "bot").await.is(&twin));
    assert!(called(&bot, &alice, "sales").await.is(&sales));

    // Each calls from its own address, past its own exchange's challenge; bare names are of its exchange.
    for (account, callee) in [(&bot.account(), &alice), (&twin, &bob), (&sales, &alice)] {
        let user = callee.account().address();
        let name = user.split_once(':').unwrap().1.split('@').next().unwrap();
        let (placed, from) = within(async {
            tokio::join!(account.call(name), async {
                let call = callee.incoming().await.unwrap();
                let from = call.from();
                call.answer().await.unwrap();
                from
            })
        })
        .await;
        placed.unwrap().hang_up().await.unwrap();
        assert!(from.contains(&account.address()), "{from}");
    }

    // Gone from its exchange, while the others stay.
    assert_eq!(second.contacts("bot").len(), 1);
    within(twin.clone().remove()).await.unwrap();
    assert_eq!(second.contacts("bot").len(), 0);
    let state = twin.registration().unwrap();
    assert!(matches!(*state.borrow(), RegistrationState::Unregistered));
    assert!(called(&bot, &alice, "sales").await.is(&sales));
    within(bot.shutdown()).await;
    assert_eq!(
        first.contacts("bot").len() + first.contacts("sales").len(),
        0
    );
}

#[tokio::test]
async fn account_that_cannot_register_is_an_error_and_leaves_the_client_as_it_was() {
    let pbx = pbx().await;
    let bot = within(HeadlessSipClient::new(config(&pbx, "bot")))
        .await
        .unwrap();
    let wrong = AccountConfig::new("sales", "guess", &pbx.uri());
    assert!(matches!(
        within(bot.add_account(wrong)).await,
        Err(Error::Unauthorized(_))
    ));
    let nameless = AccountConfig {
        registrar: Some(pbx.uri()),
        ..AccountConfig::default()
    };
    assert!(matches!(
        bot.add_account(nameless).await,
        Err(Error::Config(_))
    ));
    let later = AccountConfig {
        register: Register::Never,
        ..AccountConfig::new("sales", "secret", &pbx.uri())
    };
    let later = bot.add_account(later).await.unwrap();
    assert!(later.registration().is_none());
    within(later.register()).await.unwrap();
    assert_eq!(pbx.contacts("sales").len(), 1);
}
