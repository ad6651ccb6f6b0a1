//! Going on after a token ends: refresh tokens spent for their successors, and sockets that live on
//! under new proof.
//!
//! A refresh token is spent here whether it comes by HTTP or on a socket, so one rule holds for
//! both (contract §3.3; the rule itself is [`crate::domain::identity::family`]). What an OpenID client
//! was given it spends only where it proves itself. A reuse ends the session, with all that clients
//! were given through it, and is told to the account's other devices. Who came by a room token goes on by
//! another one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::ack::{Code, Refusal};
use super::hub::Hub;
use super::socket::Socket;
use crate::auth::failures::{Surface, count_refusal, reason_of};
use crate::auth::{Account, Credentials, digest};
use crate::domain::closure::Closure;
use crate::domain::consultations::grant::Admission;
use crate::domain::events::ServerEvent as _;
use crate::domain::events::accounts::UserUpdate;
use crate::domain::events::session::AuthRefresh;
use crate::domain::id::{SessionId, UserId};
use crate::domain::identity::family::{Presented, Verdict};
use crate::domain::identity::{Principal, Revocation};
use crate::domain::provenance::Provenance;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::topic::Topic;
use crate::error::{Error, Kind, Result, Unauthenticated};
use crate::persistence::Tx;
use crate::persistence::audit::{self, AuditEntry};
use crate::persistence::identity::accounts::{self, User};
use crate::persistence::identity::{endings, sessions};
use crate::persistence::outbox;

/// Who brings a refresh token.
#[derive(Debug, Clone, Copy)]
pub enum Bearer<'a> {
    /// A request of a device with this fingerprint.
    Device(&'a str),
    /// An OpenID client that proved itself and was given the token, from a device with this
    /// fingerprint.
    Client(&'a str),
    /// A live socket; whoever holds it has proven its session.
    Socket { user: UserId, session: &'a SessionId },
}

/// A session that goes on.
pub struct Renewed {
    pub user: User,
    pub session: SessionId,
    pub refresh: Secret,
}

impl Bearer<'_> {
    fn is_device_of(self, session: &SessionId, fingerprint: &str) -> bool {
        match self {
            Self::Device(presented) | Self::Client(presented) => presented == fingerprint,
            Self::Socket { session: proven, .. } => proven == session,
        }
    }

    fn may_act_for(self, user: UserId) -> bool {
        match self {
            Self::Device(_) | Self::Client(_) => true,
            Self::Socket { user: own, .. } => own == user,
        }
    }
}

impl Hub {
    /// Spends a refresh token for its successor. `from` says where the request came from; what became
    /// of it is written to the audit trail here.
    ///
    /// Everything that can fail comes before the commit, so a caller without an answer still holds
    /// a token that works: the one it sent.
    pub async fn renew(&self, spent: &str, by: Bearer<'_>, from: &Provenance) -> Result<Renewed> {
        let mut line = AuditEntry { entity_type: "session", ..AuditEntry::from_where(from) };
        let renewed = self.spend(spent, by, &mut line).await;
        if let Err(error) = &renewed {
            count_refusal(Surface::Refresh, error);
            if line.action.is_empty() {
                self.note_refusal(line, error).await?;
            }
        }
        renewed
    }

    /// Writes down that a session was not renewed; that nobody could judge is no refusal.
    pub async fn note_refusal(&self, line: AuditEntry, error: &Error) -> Result<()> {
        let Some(reason) = reason_of(error) else { return Ok(()) };
        let mut line = AuditEntry { action: "refresh_refused", ..line };
        line.data.insert("reason".into(), json!(reason));
        let mut tx = self.store().begin().await?;
        audit::append(&mut tx, &line, Timestamp::now()).await?;
        tx.commit().await
    }

    /// Fills in the line as it learns whom it is about; its action only where it wrote it.
    async fn spend(&self, spent: &str, by: Bearer<'_>, line: &mut AuditEntry) -> Result<Renewed> {
        let asked_at = Timestamp::now();
        let keys = self.authenticator().refresh();
        let named = keys.read(spent).ok_or_else(unknown)?;
        let session = named.session;
        let hash = digest(spent);

        let mut tx = self.store().begin().await?;
        let Some(held) = sessions::hold(&mut tx, &session, asked_at).await? else {
            drop(tx);
            return Err(if named.is_proven { self.over(&session).await? } else { unknown() });
        };
        if held.is_granted && !matches!(by, Bearer::Client(_)) {
            return Err(unknown());
        }
        let by_its_device = by.is_device_of(&session, &held.fingerprint);
        let generation = named.is_proven.then_some(named.generation);
        let presented = Presented { generation, hash: &hash, by_its_device };
        let verdict = held.family.judge(presented, asked_at);
        if verdict == Verdict::Unknown {
            return Err(unknown());
        }
        line.entity_id = Some(session.to_string());
        line.actor = Some(held.user_id);
        if verdict == Verdict::Reused {
            line.action = Revocation::RefreshReuse.name();
            self.end_family(tx, &session, held.user_id, line).await?;
            return Err(revoked());
        }
        if !by.may_act_for(held.user_id) {
            return Err(Kind::Forbidden("the token belongs to another user").into());
        }
        let user = accounts::within(&mut tx, held.user_id).await?.ok_or_else(revoked)?;
        if !user.is_active {
            return Err(Kind::AccountInactive { retry_after: None }.into());
        }
        let now = Timestamp::now();
        let refresh = if verdict == Verdict::Replace {
            let next = keys.token(&session, held.family.generation + 1);
            let expires_at = now.plus(self.settings().refresh_ttl);
            let hash = digest(next.expose());
            sessions::replace_leaf(&mut tx, &session, &hash, expires_at, now).await?;
            // A repeat renews nothing more, and has no line of its own.
            let renewed = AuditEntry {
                action: "refreshed",
                actor_role: Some(user.primary_role.user_type()),
                ..line.clone()
            };
            audit::append(&mut tx, &renewed, now).await?;
            next
        } else {
            keys.again(&session, held.family.generation, &held.family.leaf).ok_or_else(unknown)?
        };
        tx.commit().await?;

        // The remembered expiry is the old one.
        self.authenticator().forget(&session);
        Ok(Renewed { user, session, refresh })
    }

    /// Why a session that may not be used any more may not be.
    async fn over(&self, session: &SessionId) -> Result<Error> {
        let is_deactivated = sessions::is_deactivated(self.store(), session, Timestamp::now());
        Ok(if is_deactivated.await? {
            Kind::AccountInactive { retry_after: None }.into()
        } else {
            revoked()
        })
    }

    /// Ends a session of which somebody holds a copy.
    async fn end_family(
        &self,
        mut tx: Tx,
        session: &SessionId,
        user: UserId,
        line: &AuditEntry,
    ) -> Result<()> {
        let (reason, now) = (Revocation::RefreshReuse, Timestamp::now());
        let ended = endings::one(&mut tx, session, reason, now).await?;
        audit::append(&mut tx, line, now).await?;
        let changes = [("security", json!(reason.name())), ("sessionId", json!(session))];
        let told = UserUpdate::account(changes, now).event_to(vec![Topic::User(user)]);
        outbox::append(&mut tx, &told, Some(&self.settings().node)).await?;
        tx.commit().await?;

        for session in &ended {
            self.revoke(session, reason);
        }
        self.outbox_ready();
        Ok(())
    }

    /// `auth:refresh`: new proof of the same user keeps the socket.
    pub(super) async fn refresh(
        &self,
        socket: &Arc<Socket>,
        asked: AuthRefresh,
    ) -> Result<Value, Refusal> {
        let before = socket.principal();
        if let Some(admission) = &before.admission {
            return self.refresh_participant(socket, admission, asked).await;
        }
        let user = before.user;
        let (token, refresh) = match (asked.token, asked.refresh_token) {
            (Some(token), None) => (token, None),
            (None, Some(spent)) => {
                let by = Bearer::Socket { user, session: &socket.session() };
                let renewed = Box::pin(self.renew(&spent, by, socket.provenance())).await?;
                let (account, now) = (Account::from(&renewed.user), Timestamp::now());
                let token = self.authenticator().issue(&account, &renewed.session, now)?;
                (token, Some(renewed.refresh))
            }
            _ => return Err(Refusal::invalid("either token or refreshToken is required")),
        };
        let credentials = Credentials { token: Some(token.clone()), ..Credentials::default() };
        let principal = self
            .authenticator()
            .admit(credentials)
            .await
            .inspect_err(|error| count_refusal(Surface::WebSocket, error))?;
        if principal.user != user {
            return Err(Refusal::new(Code::Forbidden, "the token belongs to another user"));
        }
        let expires_at = principal.expires_at;
        self.go_on(socket, &principal)?;
        let mut ack = json!({ "ok": true, "expiresAt": expires_at });
        if let Some(refresh) = refresh {
            ack["accessToken"] = json!(token);
            ack["refreshToken"] = json!(refresh.expose());
        }
        Ok(ack)
    }

    /// The same where it was a room token that let somebody in: another one for the same seat, which is
    /// looked at as at the door.
    async fn refresh_participant(
        &self,
        socket: &Arc<Socket>,
        before: &Admission,
        asked: AuthRefresh,
    ) -> Result<Value, Refusal> {
        let token =
            asked.token.ok_or_else(|| Refusal::invalid("a token for the room is required"))?;
        let participant = self.participant(&token).await.unwrap_or_else(|| Err(unknown()));
        let proof = participant.inspect_err(|error| count_refusal(Surface::WebSocket, error))?;
        let admission = proof.admission.as_deref().filter(|now| now.is_for_the_seat_of(before));
        let Some(admission) = admission else {
            return Err(Refusal::new(Code::Forbidden, "the token is for another seat"));
        };
        self.must_not_be_sent_away(admission).await?;
        self.go_on(socket, &proof)?;
        self.rooms().renew(socket);
        Ok(json!({ "ok": true, "expiresAt": proof.expires_at }))
    }

    /// Lets a socket live on under new proof, with the rooms of its roles and its session.
    fn go_on(&self, socket: &Arc<Socket>, proof: &Principal) -> Result<(), Refusal> {
        self.sessions().follow(socket, proof);
        if self.authenticator().sessions().is_revoked(&socket.session()) {
            socket.dismiss(Closure::SessionRevoked);
            return Err(revoked().into());
        }
        self.watch(socket);
        Ok(())
    }
}

fn unknown() -> Error {
    Kind::Unauthenticated(Unauthenticated::Malformed).into()
}

fn revoked() -> Error {
    Kind::Unauthenticated(Unauthenticated::Revoked).into()
}
