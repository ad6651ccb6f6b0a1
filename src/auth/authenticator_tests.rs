use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

use super::super::sessions::tests::record;
use super::super::{Lookup, token};
use super::*;

/// One live session, `s_1` of account 1, and a count of how often it was asked for.
#[derive(Default)]
struct Rows {
    asked: AtomicUsize,
    /// What becomes of the account once a first look-up has read it.
    later_version: AtomicI64,
}

impl SessionLookup for Rows {
    fn session<'a>(&'a self, id: &'a SessionId) -> Lookup<'a, Record> {
        let is_first = self.asked.fetch_add(1, Ordering::Relaxed) == 0;
        let mut found = (id.as_str() == "s_1").then(|| record("s_1", 1));
        if let Some(record) = found.as_mut().filter(|_| !is_first) {
            record.account.version = self.later_version.load(Ordering::Relaxed).max(1);
        }
        Box::pin(async { Ok(found) })
    }

    fn account<'a>(&'a self, name: &'a str) -> Lookup<'a, Account> {
        let found = (name == "ana@example.com").then(|| record("s_1", 1).account);
        Box::pin(async { Ok(found) })
    }

    /// Account 7 is good, 8 deactivated, any other made here; `s_0` is a session that ended.
    fn vouched<'a>(&'a self, told: &'a Vouched) -> Lookup<'a, Account> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let is_known = [7, 8].contains(&told.user.0) && told.session != Some("s_0".into());
        let account = Account { active: told.user.0 == 7, ..record("", told.user.0).account };
        Box::pin(async move { Ok(is_known.then_some(account)) })
    }
}

fn authenticator(rows: Arc<Rows>, dev_bypass: bool) -> Authenticator {
    built(rows, dev_bypass, None)
}

fn built(rows: Arc<Rows>, dev_bypass: bool, voucher: Option<Voucher>) -> Authenticator {
    let tokens = Tokens::new(&token::Settings {
        secret: vec![1; 32],
        previous_secret: None,
        private_key: None,
        previous_public_key: None,
        ttl: Duration::from_mins(1),
    });
    Authenticator::new(Settings {
        tokens: tokens.unwrap(),
        refresh: RefreshKey::new(&[1; 32], None),
        service_keys: vec![("billing".into(), "k".repeat(32))],
        dev_bypass,
        voucher,
        lookup: rows,
    })
}

fn bearer(auth: &Authenticator, session: &str) -> Credentials {
    let token = auth.issue(&record(session, 1).account, &session.into(), Timestamp::now()).unwrap();
    Credentials { authorization: Some(format!("bearer {token}")), ..Default::default() }
}

fn cookie(value: &str) -> Credentials {
    Credentials { cookie: Some(format!("a=b; {COOKIE}={value}")), ..Default::default() }
}

fn reason(outcome: Result<Principal>) -> Unauthenticated {
    match outcome.unwrap_err().kind() {
        Kind::Unauthenticated(reason) => *reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_known_session_is_admitted_without_the_database() {
    let rows = Arc::new(Rows::default());
    let auth = authenticator(rows.clone(), false);

    for _ in 0..3 {
        let principal = auth.admit(bearer(&auth, "s_1")).await.unwrap();
        assert_eq!(principal.user, UserId(1));
        assert!(principal.expires_at.is_some());
    }

    assert_eq!(rows.asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_revoked_session_is_refused_at_once() {
    let auth = authenticator(Arc::default(), false);
    auth.admit(bearer(&auth, "s_1")).await.unwrap();

    auth.revoke(&"s_1".into(), Revocation::Logout);

    assert_eq!(reason(auth.admit(bearer(&auth, "s_1")).await), Unauthenticated::Revoked);
    assert_eq!(reason(auth.admit(cookie("s_1.secret")).await), Unauthenticated::Revoked);
}

#[tokio::test]
async fn a_changed_account_is_read_again_and_the_proof_stays() {
    let rows = Arc::new(Rows::default());
    let auth = authenticator(rows.clone(), false);
    let before = auth.admit(bearer(&auth, "s_1")).await.unwrap();
    rows.later_version.store(2, Ordering::Relaxed);

    assert_eq!(auth.again(&before).await.unwrap().version, 1);
    auth.outdate(UserId(1), 2);
    let after = auth.again(&before).await.unwrap();

    assert_eq!((after.version, after.expires_at), (2, before.expires_at));
    assert_eq!(auth.again(&before).await.unwrap(), after);
    assert_eq!(rows.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_look_up_that_a_change_overtook_is_repeated() {
    let rows = Arc::new(Rows::default());
    let auth = authenticator(rows.clone(), false);
    rows.later_version.store(2, Ordering::Relaxed);
    auth.outdate(UserId(1), 2);

    let principal = auth.admit(bearer(&auth, "s_1")).await.unwrap();

    assert_eq!(principal.version, 2);
}

#[tokio::test]
async fn a_cookie_needs_its_secret_half() {
    let auth = authenticator(Arc::default(), false);

    let principal = auth.admit(cookie("s_1.secret")).await.unwrap();

    assert_eq!((principal.user, principal.expires_at), (UserId(1), None));
    assert_eq!(reason(auth.admit(cookie("s_1.guess")).await), Unauthenticated::Malformed);
    assert_eq!(reason(auth.admit(cookie("s_2.secret")).await), Unauthenticated::Revoked);
}

#[tokio::test]
async fn a_bad_bearer_is_not_made_good_by_a_good_cookie() {
    let auth = authenticator(Arc::default(), false);
    let mut credentials = cookie("s_1.secret");
    credentials.authorization = Some("Bearer nonsense".into());

    assert_eq!(reason(auth.admit(credentials).await), Unauthenticated::Malformed);
}

#[tokio::test]
async fn a_service_key_acts_as_the_service_role() {
    let auth = authenticator(Arc::default(), false);
    let with = |key: &str| Credentials { service_key: Some(key.to_owned()), ..Default::default() };

    assert!(auth.admit(with(&"k".repeat(32))).await.unwrap().has(Role::Service));
    assert_eq!(reason(auth.admit(with("")).await), Unauthenticated::Malformed);
}

#[tokio::test]
async fn the_bypass_opens_only_when_asked_for_and_only_without_credentials() {
    let closed = authenticator(Arc::default(), false);
    let open = authenticator(Arc::default(), true);
    let as_doctor = Credentials { dev_role: Some("Médico".into()), ..Default::default() };
    let as_ana = Credentials { dev_user: Some("ana@example.com".into()), ..Default::default() };

    assert_eq!(reason(closed.admit(as_doctor.clone()).await), Unauthenticated::Missing);
    assert!(open.admit(as_doctor).await.unwrap().has(Role::Doctor));
    assert_eq!(open.admit(as_ana).await.unwrap().user, UserId(1));
    assert!(open.admit(Credentials::default()).await.unwrap().is_admin());
    assert_eq!(reason(open.admit(cookie("s_1.guess")).await), Unauthenticated::Malformed);
}

/// A token of an auth service for a patient.
fn foreign(user: i64, more: &Value) -> Credentials {
    let mut claims = json!({"user_id": user, "user_type": "patient", "exp": 9_999_999_999_i64});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let key = EncodingKey::from_secret(&[1; 32]);
    let token = jsonwebtoken::encode(&Header::default(), &claims, &key).unwrap();
    Credentials { token: Some(token), ..Default::default() }
}

#[tokio::test]
async fn an_auth_service_vouches_for_its_accounts_only_where_one_is_configured() {
    let rows = Arc::new(Rows::default());
    let alone = authenticator(Arc::clone(&rows), false);
    let beside = built(Arc::clone(&rows), false, Some(Voucher::new([&[1; 32][..]])));
    let nothing_more = json!({});

    assert_eq!(reason(alone.admit(foreign(7, &nothing_more)).await), Unauthenticated::Malformed);
    for _ in 0..3 {
        let principal = beside.admit(foreign(7, &nothing_more)).await.unwrap();
        assert_eq!((principal.user, principal.session), (UserId(7), None));
        assert!(principal.expires_at.is_some());
    }
    assert_eq!(rows.asked.load(Ordering::Relaxed), 1, "then it is remembered");

    beside.outdate(UserId(7), 99);
    beside.admit(foreign(7, &nothing_more)).await.unwrap();
    assert_eq!(rows.asked.load(Ordering::Relaxed), 2, "until the account changes");
}

#[tokio::test]
async fn the_services_word_gives_roles_but_neither_life_nor_sessions() {
    let beside = built(Arc::default(), false, Some(Voucher::new([&[1; 32][..]])));

    let promoted = foreign(7, &json!({"user_type": "doctor", "reference_id": 45}));
    let principal = beside.admit(promoted).await.unwrap();
    assert_eq!((principal.primary_role, principal.reference_id), (Role::Doctor, Some(45)));

    let deactivated = beside.admit(foreign(8, &json!({}))).await.unwrap_err();
    assert!(matches!(deactivated.kind(), Kind::AccountInactive { .. }));
    for (user, more) in [(9, json!({})), (7, json!({"sid": "s_0"}))] {
        let refused = reason(beside.admit(foreign(user, &more)).await);
        assert_eq!(refused, Unauthenticated::Revoked, "{user}");
    }
    assert_eq!(beside.admit(bearer(&beside, "s_1")).await.unwrap().session, Some("s_1".into()));
}
