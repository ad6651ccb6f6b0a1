//! Refreshing while something breaks: whoever got no answer asks again and stays signed in.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::Latido;
use crate::support::accounts;
use crate::support::cuttable::{Cut, Cuttable};
use crate::support::database::Database;
use crate::support::device::Device;
use crate::support::process::Process;

/// As if no time had passed since the last refresh, however long a node takes to start.
async fn stop_the_clock(database: &Database) {
    let sql = "update sessions set refreshed_at = refreshed_at + 600000";
    accounts::run(database.url(), sql).await;
}

async fn assert_lives_on(mut device: Device) {
    for _ in 0..2 {
        assert_eq!(device.refresh().await.status, 200, "the leaf is spent as usual");
    }
    assert!(device.is_signed_in().await);
}

#[tokio::test]
async fn a_retry_after_a_lost_commit_or_a_lost_answer_to_it_is_served() {
    for cut in [Cut::BeforeCommit, Cut::AfterCommit] {
        let Some(database) = Database::postgres().await else { return };
        let way = Cuttable::between(database.url(), "set prev_refresh_hash", cut).await;
        let latido = Latido::on(database, &[("DATABASE_URL", &way.url)]).await;
        let mut device = Device::register(latido.address, "ana@example.com").await;

        let broken = device.refresh().await;
        let retried = device.refresh().await;

        assert!(way.has_cut(), "{cut:?}");
        assert_eq!(broken.status, 503, "{cut:?}: {}", broken.text());
        assert!(!broken.header("retry-after").is_empty());
        assert_eq!(retried.status, 200, "{cut:?}: {}", retried.text());
        assert_lives_on(device).await;
    }
}

#[tokio::test]
async fn a_node_killed_right_after_its_answer_knows_the_retry_when_it_is_back() {
    let database = Database::fresh().await;
    let process = Process::serve(&database, &[]).await;
    let mut device = Device::register(process.address, "ana@example.com").await;
    let given = device.spend(device.refresh_token()).await.json();
    process.signal(Signal::KILL);
    process.ended().await;
    stop_the_clock(&database).await;

    let process = Process::serve(&database, &[]).await;
    device = device.at(process.address);
    let retried = device.refresh().await;

    assert_eq!(retried.json()["refresh_token"], given["refresh_token"]);
    assert_lives_on(device).await;
}

#[tokio::test]
async fn a_node_killed_in_the_middle_of_a_refresh_leaves_a_token_that_works() {
    let database = Database::fresh().await;
    let mut process = Process::serve(&database, &[]).await;
    let mut device = Device::register(process.address, "ana@example.com").await;

    for round in 0..6 {
        let moment = tokio::time::sleep(Duration::from_millis(round));
        let (answer, ()) = tokio::join!(device.try_refresh(), async {
            moment.await;
            process.signal(Signal::KILL);
        });
        process.ended().await;
        stop_the_clock(&database).await;
        process = Process::serve(&database, &[]).await;
        device = device.at(process.address);

        let next = device.refresh().await;
        assert_eq!(next.status, 200, "round {round}, {answer:?} before: {}", next.text());
    }
    assert_lives_on(device).await;
}
