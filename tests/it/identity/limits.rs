//! Guessing, flooding and telling accounts apart: what it costs and what it shows (contract §2.12,
//! §3.5).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::device::{Device, PASSWORD, logging_in};
use crate::support::http::{Answer, Call};
use crate::support::process::Process;
use crate::support::{self, EVENTS, Latido, SocketIo, accounts};

const ANA: &str = "ana@example.com";
const NOBODY: &str = "nobody@example.com";
const LIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "true");

async fn guess(latido: &Latido, email: &str) -> Answer {
    logging_in(latido.address, email, "not the password").send().await
}

fn assert_limited(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.json()["type"], "urn:latido:problem:rate-limited");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
}

/// All but one are looked at. They go out at once: a minute's allowance grows while one waits for another.
async fn assert_one_is_too_many(calls: impl Iterator<Item = Call>) {
    let answers = join_all(calls.map(Call::send)).await;
    let (limited, looked_at): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 429);
    assert!(looked_at.iter().all(|answer| answer.status == 401), "{looked_at:?}");
    assert_eq!(limited.len(), 1);
    assert_limited(limited[0]);
}

#[tokio::test]
async fn a_name_is_tried_five_times_a_minute_from_wherever() {
    let latido = support::start_with(&[LIMITED, ("TRUSTED_PROXIES", "127.0.0.0/8")]).await;
    let from = |last: usize| {
        let call = logging_in(latido.address, "ANA@example.com", "not the password");
        call.header("x-forwarded-for", format!("203.0.113.{last}"))
    };
    for last in 0..5 {
        assert_eq!(from(last).send().await.status, 401);
    }

    assert_limited(&from(6).send().await);
}

#[tokio::test]
async fn an_address_tries_ten_times_a_minute_whatever_it_claims_to_be() {
    let latido = support::start_with(&[LIMITED]).await;
    let claiming = |n: usize| {
        let call = logging_in(latido.address, &format!("{n}@example.com"), "not the password");
        call.header("x-forwarded-for", format!("203.0.113.{n}"))
    };
    assert_one_is_too_many((0..11).map(claiming)).await;
    let register = json!({
        "email": ANA, "password": PASSWORD, "nombre": "Ana", "apellido": "Ruiz", "rol": "CLIENTE",
    });
    assert_limited(&latido.call("POST", "/auth/register").json(&register).send().await);
}

#[tokio::test]
async fn a_caller_cannot_move_within_its_64() {
    let latido = support::start_with(&[LIMITED, ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let from = |address: String, n: usize| {
        let call = logging_in(latido.address, &format!("{n}@example.com"), "not the password");
        call.header("x-forwarded-for", address)
    };
    assert_one_is_too_many((0..11).map(|n| from(format!("2001:db8:1:2:{n}::1"), n))).await;
    assert_eq!(from("2001:db8:1:3::1".into(), 12).send().await.status, 401);
}

#[tokio::test]
async fn letters_about_forgotten_passwords_are_few_and_their_limit_tells_nothing() {
    let latido = support::start_with(&[LIMITED, ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let forget = async |email: &str, last: usize| {
        let body = json!({ "email": email });
        let call = latido.call("POST", "/auth/password/forgot").json(&body);
        call.header("x-forwarded-for", format!("203.0.113.{last}")).send().await
    };
    Device::register(latido.address, ANA).await;

    for email in [ANA, NOBODY] {
        for last in 0..5 {
            assert_eq!(forget(email, last).await.status, 202, "{email}");
        }
        assert_limited(&forget(email, 6).await);
    }
    assert_eq!(logging_in(latido.address, ANA, PASSWORD).send().await.status, 200);
}

#[tokio::test]
async fn the_tenth_failure_locks_a_name_whether_or_not_it_is_somebodys() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;

    for email in [ANA, NOBODY] {
        for n in 1..=10 {
            assert_eq!(guess(&latido, email).await.status, 401, "{email} {n}");
        }
        let locked = guess(&latido, email).await;
        assert_eq!(locked.status, 403, "{email}");
        let problem = locked.json();
        assert_eq!(problem["type"], "urn:latido:problem:account-inactive");
        let retry_after = problem["retryAfter"].as_u64().unwrap();
        assert!((880..=900).contains(&retry_after), "{email}: {retry_after}");
        assert_eq!(locked.header("retry-after"), retry_after.to_string());
    }
    assert_eq!(logging_in(latido.address, ANA, PASSWORD).send().await.status, 403, "also rightly");

    // As if a quarter of an hour had passed.
    accounts::run(latido.database.url(), "update users set locked_until = locked_until - 900000")
        .await;
    assert_eq!(logging_in(latido.address, ANA, PASSWORD).send().await.status, 200);
    assert_eq!(guess(&latido, ANA).await.status, 401, "the count starts anew");
}

#[tokio::test]
async fn a_lock_holds_on_every_node_and_after_a_restart_whoevers_the_name_is() {
    let latido = support::start().await;
    let other = latido.beside(&[]).await;
    Device::register(latido.address, ANA).await;
    for email in [ANA, NOBODY] {
        for n in 0..10 {
            assert_eq!(guess([&latido, &other][n % 2], email).await.status, 401, "{email} {n}");
        }
        for node in [&latido, &other] {
            assert_eq!(guess(node, email).await.status, 403, "{email}");
        }
    }
    let names = "select count(*) from strangers where name like '%nobody%'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), names).await, 0, "no name is kept");

    other.stop().await;
    let again = Latido::on(latido.stop().await, &[]).await;

    for email in [ANA, NOBODY] {
        assert_eq!(guess(&again, email).await.status, 403, "{email}");
    }
}

#[tokio::test]
async fn a_flood_of_hashes_is_turned_away_and_sockets_do_not_feel_it() {
    let latido = support::start_with(&[("PASSWORD_HASH_CONCURRENCY", "1")]).await;
    let mut socket = Device::register(latido.address, ANA).await.socket().await;
    let flood = futures_util::future::join_all((0..120).map(|_| guess(&latido, NOBODY)));

    let (answers, longest) = tokio::join!(flood, async {
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            let asked = Instant::now();
            socket.ask("ping", &Value::Null).await;
            longest = longest.max(asked.elapsed());
        }
        longest
    });

    let of = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    eprintln!(
        "hashed {}, locked {}, turned away {}; slowest ping {longest:?}",
        of(401),
        of(403),
        of(429)
    );
    assert_eq!(of(401) + of(403) + of(429), 120);
    assert!(of(429) > 0 && of(401) > 0);
    for turned_away in answers.iter().filter(|answer| answer.status == 429) {
        assert_limited(turned_away);
    }
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

/// The median time of each kind of call. One sample of each is taken after the other, so that
/// whatever slows the machine slows all; `call` makes the call of a kind in a round.
async fn medians<const KINDS: usize>(
    rounds: usize,
    call: impl AsyncFn(usize, usize) -> Call,
) -> [Duration; KINDS] {
    let mut times = [const { Vec::new() }; KINDS];
    for round in 0..rounds {
        for (kind, times) in times.iter_mut().enumerate() {
            let call = call(kind, round).await;
            let began = Instant::now();
            call.send().await;
            times.push(began.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

/// The greatest difference in percent of the smallest.
fn spread(medians: &[Duration]) -> f64 {
    let (least, most) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
    (most.as_secs_f64() / least.as_secs_f64() - 1.0) * 100.0
}

/// How often the process computed a hash, and wrote an audit line.
async fn work(process: &Process, database: &Database) -> (u64, i64) {
    let metrics = process.call("GET", "/metrics").send().await;
    let count = metrics
        .text()
        .lines()
        .find_map(|line| line.strip_prefix("latido_password_hash_seconds_count "))
        .map_or(0, |count| count.parse().unwrap());
    (count, accounts::value(database.url(), "select count(*) from audit_log").await)
}

#[tokio::test]
async fn strangers_wrong_passwords_and_inactive_accounts_cost_the_same_work() {
    let database = Database::fresh().await;
    let process = Process::serve(&database, &[("METRICS_PUBLIC", "true")]).await;
    Device::register(process.address, ANA).await;
    let left = Device::register(process.address, "left@example.com").await.user();
    let sql = format!("update users set is_active = false where id = {left}");
    accounts::run(database.url(), &sql).await;
    let mut texts = Vec::new();
    for email in [ANA, NOBODY, "left@example.com"] {
        let (hashes, lines) = work(&process, &database).await;
        let refused = logging_in(process.address, email, "not the password").send().await;
        assert_eq!(work(&process, &database).await, (hashes + 1, lines + 1), "{email}");
        let mut problem = refused.json();
        problem["requestId"] = Value::Null;
        texts.push((refused.status, problem));
    }
    assert!(texts.windows(2).all(|pair| pair[0] == pair[1]), "{texts:?}");

    let rounds = 15;
    let found = medians::<3>(rounds, async |kind, round| {
        // A lock-out would cost less, for all alike.
        accounts::run(database.url(), "update users set recent_failures = '[]'").await;
        let stranger = format!("{round}@example.com");
        let name = [ANA, &stranger, "left@example.com"][kind];
        logging_in(process.address, name, "not the password")
    })
    .await;
    eprintln!("{rounds} sign-ins each: medians {found:?}, spread {:.1} %", spread(&found));
    // A computation too few would make it 1000 %; what remains is the machine.
    assert!(spread(&found) < 300.0, "{found:?}");
}

#[tokio::test]
async fn a_forgotten_password_takes_as_long_for_a_stranger() {
    let latido = support::start().await;
    Device::register(latido.address, ANA).await;
    let forget =
        |email: &str| latido.call("POST", "/auth/password/forgot").json(&json!({ "email": email }));

    let rounds = 40;
    let found = medians::<2>(rounds, async |kind, _| forget([ANA, NOBODY][kind])).await;

    eprintln!("{rounds} requests each: medians {found:?}, spread {:.1} %", spread(&found));
    let answers = [forget(ANA).send().await, forget(NOBODY).send().await];
    for answer in &answers {
        assert_eq!((answer.status.as_u16(), answer.text()), (202, ""));
    }
    let names = |answer: &Answer| answer.headers.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&answers[0]), names(&answers[1]));
}

#[tokio::test]
async fn refusals_are_counted_by_where_and_why() {
    let database = Database::fresh().await;
    let settings = [("METRICS_PUBLIC", "true"), LIMITED, ("RATE_LIMIT_LOGIN_PER_MIN", "4")];
    let process = Process::serve(&database, &settings).await;
    let device = Device::register(process.address, ANA).await;
    for password in ["not the password", PASSWORD] {
        logging_in(process.address, ANA, password).header("user-agent", "x").send().await;
    }
    device.spend("r_nonsense").await;
    process.call("GET", "/auth/sessions").bearer("nonsense").send().await;
    let reset = json!({ "token": "nonsense", "new_password": PASSWORD });
    process.call("POST", "/auth/password/reset").json(&reset).send().await;
    let auth = json!({ "token": "nonsense" });
    assert!(SocketIo::join(process.address, EVENTS, &auth, &[]).await.is_err());

    let metrics = process.call("GET", "/metrics").send().await;
    for line in [
        r#"latido_auth_failures_total{surface="login",reason="credentials"} 1"#,
        r#"latido_auth_failures_total{surface="refresh",reason="malformed"} 1"#,
        r#"latido_auth_failures_total{surface="http",reason="malformed"} 1"#,
        r#"latido_auth_failures_total{surface="reset",reason="token"} 1"#,
        r#"latido_auth_failures_total{surface="websocket",reason="malformed"} 1"#,
        r#"latido_rate_limited_total{surface="http",reason="login"} 1"#,
        r#"latido_deliveries_total{channel="email",status="logged"} 1"#,
    ] {
        assert!(metrics.text().contains(line), "{line} in {}", metrics.text());
    }
}
