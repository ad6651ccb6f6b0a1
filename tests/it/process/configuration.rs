//! A bad configuration is refused by name (contract §1.1, §1.4, §11).

use std::net::{Ipv4Addr, TcpListener};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::process::{Finished, Process, create_admin, finish, free_port, settings};

fn assert_refused(done: &Finished, names: &str) {
    let said = format!("{}{}", done.stdout, done.stderr);
    assert_eq!(done.code, Some(2), "{said}");
    assert!(said.contains(names), "{names} in: {said}");
}

#[test]
fn an_invalid_value_is_named_and_never_shown() {
    let database = Database::sqlite();
    for (key, value) in [
        ("PORT", "port-secret"),
        ("WS_PING_INTERVAL_MS", "soon-secret"),
        ("DATABASE_URL", "oracle://secret"),
        ("ICE_SERVERS", "{secret"),
        ("CORS_ORIGIN", "not an origin secret"),
        ("JWT_SECRET_KEY", "short-secret"),
        ("AWS_S3_BUCKET", "only-secret"),
    ] {
        let settings = [settings(&database, "8888").as_slice(), &[(key, value)]].concat();

        let done = finish(&["serve"], &settings, "");

        assert_refused(&done, if key == "AWS_S3_BUCKET" { "AWS_" } else { key });
        assert!(!format!("{}{}", done.stdout, done.stderr).contains("secret"), "{key}: {done:?}");
    }
}

#[test]
fn every_problem_is_reported_at_once() {
    let database = Database::sqlite();
    let more = [("WS_MAX_PAYLOAD", "much"), ("SHUTDOWN_GRACE_SECONDS", "long")];

    let done = finish(&["serve"], &[settings(&database, "8888").as_slice(), &more].concat(), "");

    assert_refused(&done, "WS_MAX_PAYLOAD");
    assert_refused(&done, "SHUTDOWN_GRACE_SECONDS");
}

#[test]
fn every_key_file_that_is_none_is_named_at_once() {
    let (database, directory) = (Database::sqlite(), Directory::fresh());
    let prose = directory.write("prose.pem", "not a key, nor a certificate");
    let files =
        ["TLS_CERT_FILE", "TLS_KEY_FILE", "JWT_PRIVATE_KEY_FILE", "JWT_PREVIOUS_PUBLIC_KEY_FILE"];
    let more: Vec<_> = files.iter().map(|key| (*key, prose.as_str())).collect();
    let settings = [settings(&database, "8888").as_slice(), &more].concat();

    let served = finish(&["serve"], &settings, "");
    let looked_at = finish(&["doctor"], &settings, "");
    let worse = [settings.as_slice(), &[("WS_MAX_PAYLOAD", "much")]].concat();
    let worse = finish(&["serve"], &worse, "");

    for key in files {
        assert_refused(&served, key);
        assert_refused(&worse, key);
        assert!(looked_at.stdout.contains(&format!("fail  key files      {key}")), "{looked_at:?}");
    }
    assert_refused(&worse, "WS_MAX_PAYLOAD");
    assert_eq!(looked_at.code, Some(1));
}

#[test]
fn production_refuses_what_is_only_for_development() {
    let database = Database::sqlite();
    let url = [("DATABASE_URL", database.url()), ("BIND_ADDR", "127.0.0.1")];
    let secret = [("JWT_SECRET_KEY", "0123456789abcdef0123456789abcdef")];

    assert_refused(&finish(&["serve"], &url, ""), "JWT_SECRET_KEY");
    for (key, value) in [("AUTH_DEV_BYPASS", "true"), ("PAYMENTS_MODE", "mock")] {
        let settings = [url.as_slice(), &secret, &[(key, value)]].concat();
        assert_refused(&finish(&["serve"], &settings, ""), key);
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let database = Database::sqlite();
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    assert_refused(&finish(&["serve"], &settings(&database, &port), ""), &port);

    let free = free_port().to_string();
    let more = [settings(&database, &free).as_slice(), &[("EXTRA_PORTS", port.as_str())]].concat();
    assert_refused(&finish(&["serve"], &more, ""), &port);
}

#[tokio::test]
async fn every_extra_port_serves_the_same() {
    let database = Database::fresh().await;
    let (one, two) = (free_port(), free_port());
    let extra = format!("{one},{two}");
    let mut process = Process::serve(&database, &[("EXTRA_PORTS", &extra)]).await;

    for port in [process.address.port(), one, two] {
        let address = (Ipv4Addr::LOCALHOST, port).into();
        process.listens(address).await;
        let answer = crate::support::http::Call::new(address, "GET", "/health").send().await;
        assert_eq!(answer.status, 200, "{port}");
        assert_eq!(answer.json()["status"], "ok");
    }
}

#[test]
fn the_version_is_told() {
    let done = finish(&["version"], &[], "");

    assert_eq!(done.code, Some(0));
    assert!(done.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", done.stdout);
}

#[test]
fn migrations_can_run_by_themselves_and_again() {
    let database = Database::sqlite();
    for _ in 0..2 {
        let done = finish(&["migrate"], &settings(&database, "8888"), "");
        assert_eq!(done.code, Some(0), "{done:?}");
    }
}

#[test]
fn an_administrator_can_be_created_before_the_first_start() {
    let database = Database::sqlite();

    let created = create_admin(&database);
    assert_eq!(created.code, Some(0), "{created:?}");

    let again = create_admin(&database);
    assert_eq!(again.code, Some(1), "the e-mail is taken: {again:?}");
}

#[test]
fn the_doctor_finds_a_healthy_configuration_and_an_unreachable_database() {
    let database = Database::sqlite();
    let port = free_port().to_string();
    assert_eq!(finish(&["migrate"], &settings(&database, &port), "").code, Some(0));
    let done = finish(&["doctor"], &settings(&database, &port), "");
    assert_eq!(done.code, Some(0), "{done:?}");

    let gone = [("DATABASE_URL", "postgres://latido@127.0.0.1:9/none")];
    let done = finish(&["doctor"], &[settings(&database, &port).as_slice(), &gone].concat(), "");
    assert_eq!(done.code, Some(1), "{done:?}");
}
