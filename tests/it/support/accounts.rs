//! Accounts and sessions, written straight into the test's database.

use latido::auth::{self, Tokens, token};
use latido::domain::id::{SessionId, UserId};
use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use sqlx::{
    AssertSqlSafe, Connection, Decode, PgConnection, Postgres, Sqlite, SqliteConnection, Type,
};

/// Signs the tokens of every test.
pub(crate) const SECRET: &str = "a secret of the tests, long enough to sign with";

/// An account that is signed in on one device.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) role: Role,
    pub(crate) session: String,
    pub(crate) token: String,
    /// The `Cookie` header.
    pub(crate) cookie: String,
}

/// A new account of that role, signed in.
pub(crate) async fn create(url: &str, role: Role) -> Account {
    let now = Timestamp::now().0;
    let (name, user_type) = (auth::new_id("u"), role.user_type());
    let id: i64 = value(
        url,
        &format!(
            "insert into users (email, primary_role, is_active, email_verified, created_at, updated_at)
             values ('{name}@example.com', '{user_type}', true, true, {now}, {now}) returning id"
        ),
    )
    .await;
    run(url, &format!("insert into user_roles (user_id, role) values ({id}, '{user_type}')")).await;
    sign_in(url, id, role).await
}

/// One more session of an account.
pub(crate) async fn sign_in(url: &str, id: i64, role: Role) -> Account {
    let now = Timestamp::now().0;
    let (session, secret) = (auth::new_id("s"), auth::new_secret());
    let cookie_hash = auth::digest(secret.expose());
    run(
        url,
        &format!(
            "insert into sessions (id, user_id, cookie_hash, refresh_hash, refreshed_at,
                                   fingerprint, created_at, last_seen_at, expires_at)
             values ('{session}', {id}, '{cookie_hash}', '{session}', {now}, '', {now}, {now}, {now} + 86400000)"
        ),
    )
    .await;
    let session_id = SessionId::from(session.as_str());
    let cookie = format!("{}={}", auth::COOKIE, auth::cookie_value(&session_id, &secret));
    Account { id, role, token: token(id, role, &session, Timestamp::now()), session, cookie }
}

/// An access token issued at that moment.
pub(crate) fn token(id: i64, role: Role, session: &str, at: Timestamp) -> String {
    let account = auth::Account {
        user: UserId(id),
        primary_role: role,
        roles: vec![role],
        reference_id: None,
        active: true,
        version: 1,
    };
    tokens().issue(&account, &SessionId::from(session), at).unwrap()
}

/// Issues and reads tokens as the nodes of the tests do.
pub(crate) fn tokens() -> Tokens {
    let settings = token::Settings {
        secret: SECRET.as_bytes().to_vec(),
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: std::time::Duration::from_hours(1),
    };
    Tokens::new(&settings).unwrap()
}

/// Runs statements beside the node.
pub(crate) async fn run(url: &str, sql: &str) {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    if url.starts_with("postgres") {
        sql.execute(&mut PgConnection::connect(url).await.unwrap()).await.unwrap();
    } else {
        sql.execute(&mut SqliteConnection::connect(url).await.unwrap()).await.unwrap();
    }
}

/// What one row's one column holds.
pub(crate) async fn value<T>(url: &str, sql: &str) -> T
where
    T: Send + Unpin,
    for<'row> T: Decode<'row, Postgres> + Decode<'row, Sqlite>,
    T: Type<Postgres> + Type<Sqlite>,
{
    let sql = AssertSqlSafe(sql.to_owned());
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    } else {
        let mut connection = SqliteConnection::connect(url).await.unwrap();
        sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
    }
}
