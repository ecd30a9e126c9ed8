//! What a flow goes on with after a round trip: bound to its browser, ended by the clock, spent once.

use crate::support::Bench;
use latchkey_core::csrf::CsrfSecret;
use latchkey_platform::Environment;
use latchkey_store::flows::continuity::Continuity;
use latchkey_store::{Commit, Conflict, Db, Flows};
use time::Duration;
use uuid::Uuid;

fn open(bench: &Bench) -> Flows {
    let env = [
        ("AWS_REGION", "local"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_ENDPOINT_URL", bench.proxy.endpoint.as_str()),
        ("LATCHKEY_TABLE_FLOWS", "flows"),
    ];
    let env = Environment::from_pairs(env.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Flows::open(&Db::start(&env).expect("a client"), &env).expect("a table")
}

#[tokio::test]
async fn continuity_is_spent_once_by_its_browser() {
    let bench = Bench::new().await;
    let flows = open(&bench);
    let (browser, other) = (CsrfSecret::new([1; 32]), CsrfSecret::new([2; 32]));
    let now = bench.now();
    let continuity = Continuity {
        id: Uuid::from_u128(1),
        flow: Uuid::from_u128(2),
        browser: browser.binding(),
        sealed: vec![1, 2, 3],
        expires_at: now + Duration::HOUR,
    };
    flows.put_continuity(&continuity).await.unwrap();
    let read = flows.get_continuity(continuity.id).await.unwrap().unwrap();
    assert_eq!(read, continuity);
    assert!(read.is_for(&browser, now) && !read.is_for(&other, now) && !read.is_for(&browser, now + Duration::HOUR));

    let spend = async |request: u128| {
        let mut commit = Commit::new();
        commit.spend_continuity(&flows, continuity.id).unwrap();
        commit.run(flows.db(), Uuid::from_u128(request)).await.unwrap()
    };
    let (one, other) = tokio::join!(spend(10), spend(11));
    let mut outcomes = [one, other];
    outcomes.sort_by_key(Result::is_err);
    assert_eq!(outcomes, [Ok(()), Err(Conflict::AlreadySpent)]);
    assert_eq!(flows.get_continuity(continuity.id).await.unwrap(), None);
}
