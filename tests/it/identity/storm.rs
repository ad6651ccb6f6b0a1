//! Many sockets of an account that signs out, is switched off or loses its role.
//!
//! `LATIDO_TEST_SOCKETS` says how many; the default is quick.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use serde_json::{Value, json};

use crate::support::accounts::Account;
use crate::support::socket_io::SocketIo;
use crate::support::{self, Latido};

const AT_ONCE: Duration = Duration::from_secs(1);

const FATES: [Fate; 3] = [Fate::SignedOut, Fate::SwitchedOff, Fate::Demoted];

/// What befalls an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    SignedOut,
    SwitchedOff,
    Demoted,
}

impl Fate {
    async fn strike(self, node: &Latido, admin: &Account, account: &Account) {
        let path = format!("/users/{}", account.id);
        let call = match self {
            Self::SignedOut => {
                let call = node.call("POST", "/auth/logout").bearer(&account.token);
                call.json(&json!({ "all": true }))
            }
            Self::SwitchedOff => {
                node.call("POST", &format!("{path}/deactivate")).bearer(&admin.token)
            }
            Self::Demoted => {
                let body = json!({ "roles": ["client"], "primary_role": "client" });
                node.call("PATCH", &path).bearer(&admin.token).json(&body)
            }
        };
        let answer = call.send().await;
        assert!(answer.status.is_success(), "{self:?}: {}", answer.text());
    }

    /// Waits until the socket was acted upon, and tells when that was.
    async fn felt_by(self, socket: &mut SocketIo) -> Instant {
        match self {
            Self::SignedOut | Self::SwitchedOff => {
                socket.ended().await;
            }
            Self::Demoted => drop(socket.next("unsubscribed").await),
        }
        Instant::now()
    }
}

fn p99(took: &mut [Duration]) -> Duration {
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn sockets() -> usize {
    let asked = std::env::var("LATIDO_TEST_SOCKETS").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(200)
}

/// Half of the sockets on each node, each with a subscription that only administrators may have.
async fn connected(nodes: [&Latido; 2], account: &Account, sockets: usize) -> Vec<SocketIo> {
    let connected = (0..sockets).map(async |index| {
        let mut socket = nodes[index % 2].connect(account).await;
        let followed = socket.ask("subscribe", &json!({ "entity": "job" })).await;
        assert_eq!(followed["ok"], true, "{followed}");
        socket
    });
    join_all(connected).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_sockets_are_acted_upon_within_a_second_and_hear_nothing_after() {
    let crowded = [("MAX_CONNECTIONS_PER_USER", "10000")];
    let here = support::start_with(&crowded).await;
    let there = here.beside(&crowded).await;
    let admin = here.account(Role::Admin).await;
    let mut struck = Vec::new();
    for fate in FATES {
        let account = here.account(Role::Admin).await;
        let sockets = connected([&here, &there], &account, sockets().div_ceil(FATES.len())).await;
        struck.push((fate, account, sockets));
    }

    let (mut since_asked, mut since_done) = (Vec::new(), Vec::new());
    for (fate, account, sockets) in &mut struck {
        let asked = Instant::now();
        let felt = join_all(sockets.iter_mut().map(|socket| fate.felt_by(socket)));
        let strike = async {
            fate.strike(&here, &admin, account).await;
            Instant::now()
        };
        let (felt, done) = tokio::join!(felt, strike);
        since_asked.extend(felt.iter().map(|at| *at - asked));
        since_done.extend(felt.iter().map(|at| at.saturating_duration_since(done)));
    }

    let (asked, done) = (p99(&mut since_asked), p99(&mut since_done));
    eprintln!("N={} sockets on 2 nodes, p99 {asked:?} after the request", since_asked.len());
    eprintln!("and {done:?} after its answer");
    assert!(done <= AT_ONCE, "{done:?}");
    let payload = json!({ "type": "info", "message": "too late", "targetRole": "Administrador" });
    here.publish("system:message", &[Topic::Role(Role::Admin)], &payload).await;
    here.mark("done").await;
    let mut silent = 0;
    for (fate, account, sockets) in &mut struck {
        for socket in sockets {
            if *fate == Fate::Demoted {
                let heard = socket.until("done", "system:message").await;
                assert_eq!(heard, [Value::Null; 0]);
                silent += 1;
            }
        }
        let me = there.call("GET", "/api/admin/stats").bearer(&account.token).send().await;
        let expected = match fate {
            Fate::Demoted | Fate::SwitchedOff => StatusCode::FORBIDDEN,
            Fate::SignedOut => StatusCode::UNAUTHORIZED,
        };
        assert_eq!(me.status, expected, "{fate:?}");
    }
    eprintln!("events after the change: 0 at {silent} sockets still open");
}
