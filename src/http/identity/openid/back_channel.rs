//! Back-channel logout: tells clients' back ends that a session of their user ended.
//!
//! What is owed was committed with the end itself, so a restart loses nothing. A client that does not
//! answer is asked again, further and further apart, and then left alone: its tokens are refused
//! since the end, so only its own pages lag behind.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use metrics::counter;
use tokio::time::sleep;
use tracing::warn;

use super::Provider;
use crate::auth::Authenticator;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::outgoing::{self, Client};
use crate::persistence::Store;
use crate::persistence::identity::openid::logouts::{self, Owed};
use crate::telemetry::names;

/// How long a client may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait after each attempt; after the last one nothing more is tried.
const WAITS: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(1),
];
/// How often what other nodes owe, and what is due again, is looked for.
const EVERY: Duration = Duration::from_secs(2);
/// Clients told at once, so that a slow one delays few.
const AT_ONCE: usize = 8;
/// Rows taken in one look.
const BATCH: i64 = 64;

/// Tells clients what they are owed.
pub struct Courier {
    store: Store,
    auth: Authenticator,
    provider: Arc<Provider>,
    client: Client,
}

impl Courier {
    /// # Errors
    /// A TLS stack that cannot be set up.
    pub fn new(store: Store, auth: Authenticator, provider: Arc<Provider>) -> Result<Self> {
        Ok(Self { store, auth, provider, client: outgoing::client(PATIENCE)? })
    }

    /// Runs until its task is aborted.
    pub async fn run(self) {
        loop {
            if let Err(error) = self.round().await {
                warn!(%error, "ends of sessions not told to clients");
            }
            tokio::select! {
                () = self.provider.owed.notified() => {}
                () = sleep(EVERY) => {}
            }
        }
    }

    /// Everything that is due.
    async fn round(&self) -> Result<()> {
        loop {
            let due = logouts::due(&self.store, Timestamp::now(), BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            let told = stream::iter(due).map(|owed| self.tell(owed)).buffer_unordered(AT_ONCE);
            told.collect::<Vec<_>>().await.into_iter().collect::<Result<()>>()?;
        }
    }

    async fn tell(&self, owed: Owed) -> Result<()> {
        let client = self.provider.clients.find(&owed.client_id);
        let Some(address) = client.and_then(|client| client.backchannel_logout_uri.as_deref())
        else {
            // Gone from the configuration, or never wanted to know.
            return self.settle(&owed).await;
        };
        let Some(wait) = usize::try_from(owed.attempts).ok().and_then(|n| WAITS.get(n)) else {
            warn!(client.id = owed.client_id, session.id = %owed.session_id, "client never heard of a logout");
            counter!(names::OIDC_LOGOUTS, "outcome" => "abandoned").increment(1);
            return self.settle(&owed).await;
        };
        let now = Timestamp::now();
        let mut tx = self.store.begin().await?;
        let is_ours = logouts::attempt(&mut tx, &owed, *wait, now).await?;
        tx.commit().await?;
        if !is_ours {
            return Ok(());
        }
        match self.send(address, &owed, now).await {
            Ok(()) => {
                counter!(names::OIDC_LOGOUTS, "outcome" => "delivered").increment(1);
                self.settle(&owed).await
            }
            Err(error) => {
                warn!(%error, client.id = owed.client_id, attempt = owed.attempts + 1, "client not told of a logout");
                counter!(names::OIDC_LOGOUTS, "outcome" => "failed").increment(1);
                Ok(())
            }
        }
    }

    async fn send(&self, address: &str, owed: &Owed, now: Timestamp) -> Result<()> {
        let token = self.auth.tokens().logout_token(
            &self.provider.issuer,
            &owed.client_id,
            owed.user_id,
            &owed.session_id,
            now,
        )?;
        let request = self.client.post(address).form(&[("logout_token", token)]);
        // The address is the operator's; an error that repeats it says nothing of a user.
        let answer = request.send().await.map_err(Error::internal)?;
        answer.error_for_status().map(drop).map_err(Error::internal)
    }

    async fn settle(&self, owed: &Owed) -> Result<()> {
        let mut tx = self.store.begin().await?;
        logouts::settle(&mut tx, &owed.session_id).await?;
        tx.commit().await
    }
}
