//! A node in this process, on a free loopback port and a database of its own.

use std::net::{Ipv4Addr, SocketAddr};

use latido::actors::Hub;
use latido::app::{self, Running};
use latido::config::{Config, Sources};
use latido::domain::event::{Class, Event};
use latido::domain::identity::Role;
use latido::domain::topic::Topic;
use latido::persistence::outbox;
use latido::telemetry::logs::{self, Format, Level};
use latido::transport::listener;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::accounts::{self, Account, SECRET};
use super::database::Database;
use super::http::Call;
use super::plain::Plain;
use super::socket_io::{EVENTS, SocketIo};

/// A running node. Dropped, it is gone with everything it served.
pub(crate) struct Latido {
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
    pub(crate) database: Database,
}

/// With the settings of the tests: development, no rate limits.
pub(crate) async fn start() -> Latido {
    start_with(&[]).await
}

/// With other settings on top.
pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Latido {
    Latido::on(Database::fresh().await, settings).await
}

impl Latido {
    pub(crate) async fn on(database: Database, settings: &[(&str, &str)]) -> Self {
        let listener = listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        Self::at(listener, database, settings).await
    }

    /// One that is found at an address of the test's choice.
    pub(crate) async fn at(
        listener: TcpListener,
        database: Database,
        settings: &[(&str, &str)],
    ) -> Self {
        let files = std::env::temp_dir().join("latido-files").display().to_string();
        let defaults = [
            ("NODE_ENV", "development"),
            ("DATABASE_URL", database.url()),
            ("JWT_SECRET_KEY", SECRET),
            ("RATE_LIMIT_ENABLED", "false"),
            ("CORS_ORIGIN", "https://portal.example"),
            ("FILES_DIR", files.as_str()),
        ];
        let environment = defaults
            .iter()
            .chain(settings)
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let sources = Sources { environment, ..Sources::default() };
        let config = Config::load(&sources).expect("the settings are valid");
        let level = logs::start(Level::Error, Format::Json, "tests").unwrap();
        let running = app::start_on(config, vec![listener], level).await;
        let running = running.unwrap_or_else(|failure| panic!("the node starts: {failure}"));
        Self { address: running.address(), running, database }
    }

    /// One more node on the same database.
    pub(crate) async fn beside(&self, settings: &[(&str, &str)]) -> Self {
        Self::on(self.database.shared(), settings).await
    }

    /// Ends the node as an operator would, and keeps its database.
    pub(crate) async fn stop(self) -> Database {
        self.running.stop().await;
        self.database
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.running.hub
    }

    /// A new account, signed in.
    pub(crate) async fn account(&self, role: Role) -> Account {
        accounts::create(self.database.url(), role).await
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    /// Joins a namespace with an `auth` object; the refusal is the `CONNECT_ERROR`.
    pub(crate) async fn join(&self, namespace: &str, auth: &Value) -> Result<SocketIo, Value> {
        SocketIo::join(self.address, namespace, auth, &[]).await
    }

    /// A socket of an account on `/events`, greeted.
    pub(crate) async fn connect(&self, account: &Account) -> SocketIo {
        let mut socket = self.join(EVENTS, &json!({ "token": account.token })).await.unwrap();
        socket.next("connected").await;
        socket
    }

    /// A plain-JSON socket of an account, greeted.
    pub(crate) async fn connect_plain(&self, account: &Account) -> Plain {
        Plain::connect(self.address, &account.token).await
    }

    /// Commits a durable event as a handler would, without the handler.
    pub(crate) async fn publish(&self, name: &'static str, topics: &[Topic], payload: &Value) {
        let payload = serde_json::value::to_raw_value(payload).unwrap();
        let event = Event { name, class: Class::Durable, topics: topics.to_vec(), payload };
        let mut tx = self.running.store.begin().await.unwrap();
        outbox::append(&mut tx, &event, None).await.unwrap();
        tx.commit().await.unwrap();
        self.hub().outbox_ready();
    }

    /// A `system:message` to everyone; what was published before it arrives before it.
    pub(crate) async fn mark(&self, marker: &str) {
        let payload = json!({ "type": "info", "message": marker });
        self.publish("system:message", &[Topic::All], &payload).await;
    }
}
