//! Sessions as devices: listed, signed out, on every node at once (contract §5.2, I3).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::device::Device;
use crate::support::socket_io::End;
use crate::support::{self, accounts};

const ANA: &str = "ana@example.com";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0";
/// The contract's bound, and what a busy machine adds to it.
const AT_ONCE: Duration = Duration::from_millis(1500);

async fn list(device: &Device, query: &str) -> Value {
    let answer = device.call("GET", &format!("/auth/sessions{query}")).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn an_account_sees_its_devices_the_newest_first() {
    let latido = support::start().await;
    let first = Device::register(latido.address, ANA).await;
    let second = Device::sign_in(latido.address, ANA, FIREFOX).await;
    Device::register(latido.address, "ben@example.com").await;

    let sessions = list(&first, "?count=true").await;

    assert_eq!(sessions["total"], 2);
    assert_eq!((&sessions["has_more"], &sessions["next_cursor"]), (&json!(false), &Value::Null));
    let items = sessions["items"].as_array().unwrap();
    let ids: Vec<_> = items.iter().map(|it| it["id"].as_str().unwrap()).collect();
    let current: Vec<_> = items.iter().map(|it| it["current"].as_bool().unwrap()).collect();
    assert_eq!((ids, current), (vec![second.session(), first.session()], vec![false, true]));
    let newest = &items[0];
    assert_eq!(newest["user_id"], first.user());
    assert_eq!(newest["device"]["platform"], "Linux");
    assert_eq!(newest["device"]["browser"], "Firefox");
    assert_eq!(newest["device"]["ip_prefix"], "127.0.0.0/24");
    assert_eq!(newest["device"]["fingerprint"].as_str().unwrap().len(), 64);
    assert_eq!(newest["apps"], json!([]));
    for field in ["created_at", "last_seen_at", "expires_at"] {
        assert!(newest[field].is_string(), "{field} in {newest}");
    }
    assert_eq!(newest.as_object().unwrap().len(), 8, "and nothing more: {newest}");
}

#[tokio::test]
async fn the_list_comes_in_pages() {
    let latido = support::start().await;
    let device = Device::register(latido.address, ANA).await;
    for _ in 0..4 {
        Device::sign_in(latido.address, ANA, FIREFOX).await;
    }
    // All in one moment: the order holds nevertheless.
    accounts::run(latido.database.url(), "update sessions set created_at = 1").await;

    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = list(&device, &query).await;
        let items = page["items"].as_array().unwrap();
        seen.extend(items.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }

    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (5, 5), "{seen:?}");
    let unknown = device.call("GET", "/auth/sessions?user_id=1").send().await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn a_device_signs_another_one_out() {
    let latido = support::start().await;
    let here = Device::register(latido.address, ANA).await;
    let mut there = Device::sign_in(latido.address, ANA, FIREFOX).await;
    let (mut kept, mut ended) = (here.socket().await, there.socket().await);
    let path = format!("/auth/sessions/{}", there.session());
    let began = Instant::now();

    assert_eq!(here.call("DELETE", &path).send().await.status, 204);

    let revoked = ended.next("session:revoked").await;
    assert_eq!(
        (&revoked["sessionId"], &revoked["reason"]),
        (&json!(there.session()), &json!("logout"))
    );
    assert_eq!(ended.ended().await, End::Disconnected);
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(!there.is_signed_in().await);
    assert_eq!(there.refresh().await.status, 401);
    assert_eq!(kept.ask("ping", &Value::Null).await["userId"], here.user());
    assert_eq!(list(&here, "").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(here.call("DELETE", &path).send().await.status, 404, "it has ended");
    let sql = "select count(*) from audit_log where action = 'session_ended'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), sql).await, 1);
}

#[tokio::test]
async fn nobody_signs_somebody_elses_device_out() {
    let latido = support::start().await;
    let ana = Device::register(latido.address, ANA).await;
    let ben = Device::register(latido.address, "ben@example.com").await;

    for id in [ana.session(), "s_unknown", "%00", "..%2f"] {
        let answer = ben.call("DELETE", &format!("/auth/sessions/{id}")).send().await;
        assert_eq!(answer.status, 404, "{id}: {}", answer.text());
    }

    assert!(ana.is_signed_in().await);
    assert_eq!(ana.anonymous("GET", "/auth/sessions").send().await.status, 401);
}

#[tokio::test]
async fn signing_out_everywhere_ends_every_session_on_every_node() {
    let latido = support::start().await;
    let other = latido.beside(&[]).await;
    let here = Device::register(latido.address, ANA).await;
    let there = Device::sign_in(other.address, ANA, FIREFOX).await;
    let ben = Device::register(other.address, "ben@example.com").await;
    let mut sockets =
        [here.socket().await, here.at(other.address).socket().await, there.socket().await];
    let mut bystander = ben.socket().await;
    let began = Instant::now();

    let body = json!({ "all": true });
    assert_eq!(here.call("POST", "/auth/logout").json(&body).send().await.status, 204);

    for socket in &mut sockets {
        assert_eq!(socket.next("session:revoked").await["reason"], "logout_all");
        assert_eq!(socket.ended().await, End::Disconnected);
    }
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    for device in [&here, &here.at(other.address), &there, &there.at(latido.address)] {
        assert!(!device.is_signed_in().await);
    }
    assert_eq!(bystander.ask("ping", &Value::Null).await["userId"], ben.user());
}

#[tokio::test]
async fn a_device_of_another_node_is_signed_out_within_a_second() {
    let latido = support::start().await;
    let other = latido.beside(&[]).await;
    let here = Device::register(latido.address, ANA).await;
    let there = Device::sign_in(other.address, ANA, FIREFOX).await;
    let mut ended = there.socket().await;
    let path = format!("/auth/sessions/{}", there.session());
    let began = Instant::now();

    assert_eq!(here.call("DELETE", &path).send().await.status, 204);

    assert_eq!(ended.next("session:revoked").await["reason"], "logout");
    ended.ended().await;
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(!there.is_signed_in().await);
}

#[tokio::test]
async fn the_cookie_signs_out_and_is_cleared() {
    let latido = support::start().await;
    let device = Device::register(latido.address, ANA).await;

    let out = device
        .anonymous("POST", "/auth/logout")
        .header("cookie", &device.cookie)
        .header("origin", "https://portal.example")
        .send()
        .await;

    assert_eq!(out.status, 204, "{}", out.text());
    assert!(out.header("set-cookie").starts_with("latido_session=;"));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert!(!device.is_signed_in().await);
}
