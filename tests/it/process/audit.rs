//! `latido verify-audit` (contract §8): a trail that was tampered with does not pass.

use latido::domain::identity::Role;

use crate::support::accounts::{run, value};
use crate::support::database::Database;
use crate::support::process::{Finished, finish, settings};
use crate::support::{self, Latido};

/// Lines of long ago with these ids, sealed by a node.
async fn sealed(ids: &[i64]) -> Latido {
    let latido = support::start().await;
    let url = latido.database.url().to_owned();
    let lines: Vec<_> = ids.iter().map(|id| line(*id)).collect();
    // At once, or the node seals the first before the others are there.
    run(&url, &format!("begin; {} commit;", lines.concat())).await;
    let count = "select count(*) from audit_seals";
    let wanted = i64::try_from(ids.len()).unwrap();
    support::within("the seals", async { while value::<i64>(&url, count).await < wanted {} }).await;
    latido
}

fn line(id: i64) -> String {
    format!(
        "insert into audit_log (id, timestamp, action, entity_type, entity_id)
         values ({id}, {id}, 'login', 'user', '{id}');"
    )
}

fn verify(database: &Database) -> Finished {
    finish(&["verify-audit"], &settings(database, "8888"), "")
}

/// Does what the tables refuse to everyone who does not switch their triggers off.
async fn tamper(database: &Database, sql: &str) {
    let switched_off = if database.url().starts_with("postgres") {
        "set session_replication_role = replica;"
    } else {
        "drop trigger audit_log_not_updated; drop trigger audit_log_not_deleted;
         drop trigger audit_seals_not_deleted;"
    };
    run(database.url(), &format!("{switched_off} {sql}")).await;
}

#[tokio::test]
async fn an_untouched_trail_is_whole_and_shows_its_hashes() {
    let latido = sealed(&[1, 2, 3]).await;

    let done = verify(&latido.database);

    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.starts_with("whole: 3 lines sealed"), "{done:?}");
    let admin = latido.account(Role::Admin).await;
    let trail = latido.call("GET", "/api/admin/audit").bearer(&admin.token).send().await.json();
    let oldest = trail["items"].as_array().unwrap().last().unwrap();
    assert_eq!(oldest["hash"].as_str().map(str::len), Some(64), "{trail}");
}

#[tokio::test]
async fn whatever_was_done_to_a_sealed_line_is_found() {
    for (sql, found) in [
        ("update audit_log set entity_id = 'other' where id = 2", "line 2 was changed"),
        ("delete from audit_log where id = 2", "line 2 was sealed and is gone"),
        (
            "delete from audit_seals where audit_id = 2; delete from audit_log where id = 2",
            "the seal of line 5 does not follow",
        ),
        (&line(3), "line 3 stands among sealed lines"),
        (&line(-5), "line -5 stands among sealed lines"),
    ] {
        let latido = sealed(&[1, 2, 5, 6]).await;
        tamper(&latido.database, sql).await;

        let done = verify(&latido.database);

        assert_eq!(done.code, Some(1), "{sql}: {done:?}");
        assert!(done.stdout.contains(found), "{sql}: {done:?}");
    }
}
