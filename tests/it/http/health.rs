//! What the probes say of the services a node was configured to use (contract §5.1).

use serde_json::{Value, json};

use crate::support::upstream::{Reply, Upstream};
use crate::support::{self, Latido, within};

async fn health(latido: &Latido) -> Value {
    latido.call("GET", "/health").send().await.json()
}

async fn start(livekit: &str) -> Latido {
    let key = ("LIVEKIT_API_KEY", "key");
    let secret = ("LIVEKIT_API_SECRET", "a secret that is long enough to sign");
    support::start_with(&[("LIVEKIT_API_URL", livekit), key, secret]).await
}

#[tokio::test]
async fn a_media_server_that_answers_is_well() {
    let media = Upstream::start(|_| Reply::text(200, "OK")).await;
    let latido = start(&media.url("")).await;

    let well = async { while health(&latido).await["status"] != "ok" {} };
    within("the first ping", well).await;

    assert_eq!(health(&latido).await["services"]["livekit"], "ok");
    assert!(media.asked().len() <= 2, "a probe does not pass every question on");
}

#[tokio::test]
async fn a_media_server_that_is_away_degrades_the_node() {
    let latido = start("http://127.0.0.1:1").await;

    let health = health(&latido).await;

    assert_eq!(
        (&health["status"], &health["services"]["livekit"]),
        (&json!("degraded"), &json!("down"))
    );
    let ready = latido.call("GET", "/health/ready").send().await;
    assert_eq!((ready.status.as_u16(), &ready.json()["checks"]["livekit"]), (200, &json!("down")));
}

#[tokio::test]
async fn a_cluster_that_is_not_joined_is_said() {
    let alone = support::start().await;
    let latido = support::start_with(&[("REDIS_URL", "redis://127.0.0.1:1")]).await;

    assert_eq!(health(&alone).await["redis"], "disabled");
    let health = health(&latido).await;
    assert_eq!((&health["status"], &health["redis"]), (&json!("degraded"), &json!("down")));
}
