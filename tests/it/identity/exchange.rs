//! A Supabase token for a session here (contract §3.7).

use latido::domain::identity::Role;
use latido::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::accounts::{run, value};
use crate::support::http::Answer;
use crate::support::keys::Signer;
use crate::support::{EVENTS, Latido, start, start_with, within};

const SECRET: &str = "the secret of a Supabase project, long enough";

async fn latido() -> Latido {
    start_with(&[("SUPABASE_JWT_SECRET", SECRET)]).await
}

/// A token as Supabase makes them, with other claims on top.
fn token(subject: &str, more: &Value) -> String {
    let mut claims = json!({"aud": "authenticated", "role": "authenticated", "sub": subject,
        "email": format!("{subject}@example.com"), "exp": Timestamp::now().seconds() + 600,
        "app_metadata": {"provider": "email"}, "user_metadata": {}});
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Signer::secret(SECRET).sign(&claims)
}

async fn exchange(latido: &Latido, token: &str) -> Answer {
    let body = json!({"provider": "supabase", "token": token});
    latido.call("POST", "/auth/exchange").json(&body).send().await
}

/// The tokens of a session that the exchange opens.
async fn opened(latido: &Latido, token: &str) -> Value {
    let answer = exchange(latido, token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("set-cookie").starts_with("latido_session=s_"));
    answer.json()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, slug: &str) {
    let problem = answer.json();
    assert_eq!(answer.status.as_u16(), status, "{problem}");
    assert_eq!(problem["type"], format!("urn:latido:problem:{slug}"));
}

#[tokio::test]
async fn without_a_project_nothing_is_exchanged() {
    let latido = start().await;

    let answer = exchange(&latido, "anything").await;

    assert_refused(&answer, 503, "not-configured");
    assert_eq!(answer.json()["missing"], json!(["SUPABASE_JWT_SECRET", "SUPABASE_JWKS_URL"]));
}

#[tokio::test]
async fn a_provider_nobody_knows_is_an_invalid_field() {
    let latido = latido().await;

    let body = json!({"provider": "elsewhere", "token": "t"});
    let answer = latido.call("POST", "/auth/exchange").json(&body).send().await;

    assert_refused(&answer, 422, "validation");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/provider");
}

#[tokio::test]
async fn the_first_use_makes_a_patient_and_the_next_finds_them() {
    let latido = latido().await;
    let told = json!({"user_metadata": {"first_name": "Ana", "last_name": "Ruiz",
        "date_of_birth": "1990-05-17"}});

    let first = opened(&latido, &token("ana", &told)).await;
    let again = opened(&latido, &token("ana", &json!({"email": "moved@example.com"}))).await;

    let user = &first["user"];
    assert_eq!(user["user_type"], "patient");
    assert_eq!((&user["nombre"], &user["email_verified"]), (&json!("Ana"), &json!(false)));
    let patients = format!(
        "select count(*) from patients where id = {} and date_of_birth = '1990-05-17'",
        user["reference_id"]
    );
    assert_eq!(value::<i64>(latido.database.url(), &patients).await, 1);
    assert_eq!(again["user"]["id"], user["id"]);
    assert_eq!(again["user"]["email"], "ana@example.com");
    assert_ne!(again["session_id"], first["session_id"]);
    let joined = latido.join(EVENTS, &json!({"token": again["access_token"]})).await;
    assert!(joined.is_ok());
    let audited = "select count(*) from audit_log where action = 'login' and actor_id is not null";
    assert_eq!(value::<i64>(latido.database.url(), audited).await, 2);
}

#[tokio::test]
async fn the_project_gives_the_role_and_never_makes_an_administrator() {
    let latido = latido().await;
    let with_role = |role: &str| {
        json!({"app_metadata": {"role": role},
        "user_metadata": {"role": "admin", "razon_social": "Acme SA", "tax_id": "30-1"}})
    };

    for (role, user_type, has_row) in [
        ("doctor", "doctor", false),
        ("PROFESIONAL", "professional", true),
        ("company", "company", true),
        ("Cliente", "client", false),
        ("patient", "patient", false),
    ] {
        let pair = opened(&latido, &token(user_type, &with_role(role))).await;
        assert_eq!(pair["user"]["roles"], json!([user_type]));
        assert_eq!(pair["user"]["reference_id"].is_i64(), has_row, "{role}");
    }
    for role in ["admin", "service", "nurse"] {
        let answer = exchange(&latido, &token("mallory", &with_role(role))).await;
        assert_refused(&answer, 403, "forbidden");
    }
    let made = "select count(*) from users where email = 'mallory@example.com'";
    assert_eq!(value::<i64>(latido.database.url(), made).await, 0);
}

#[tokio::test]
async fn an_account_is_linked_by_an_e_mail_that_the_project_verified() {
    let latido = latido().await;
    let doctor = latido.account(Role::Doctor).await;
    let url = latido.database.url();
    run(url, &format!("update users set email = 'd@example.com' where id = {}", doctor.id)).await;
    let told = |more: Value| {
        let mut claims = json!({"email": "D@Example.com"});
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        token("7f3c", &claims)
    };

    let own_word = told(json!({"user_metadata": {"email_verified": true}}));
    let answer = exchange(&latido, &own_word).await;
    assert_refused(&answer, 409, "conflict");
    assert_eq!(answer.json()["field"], "email");

    let pair = opened(&latido, &told(json!({"email_verified": true}))).await;
    assert_eq!(pair["user"]["id"], doctor.id);
    assert_eq!(pair["user"]["user_type"], "doctor", "the account keeps its roles");
    assert_eq!(opened(&latido, &own_word).await["user"]["id"], doctor.id, "known from then on");
    let answer = latido.call("GET", "/auth/introspect").bearer(&doctor.token).send().await;
    assert_eq!(answer.status, 204, "other sessions go on");
}

#[tokio::test]
async fn an_administrator_is_never_linked_by_e_mail() {
    let latido = latido().await;
    let admin = latido.account(Role::Admin).await;
    let url = latido.database.url();
    run(url, &format!("update users set email = 'a@example.com' where id = {}", admin.id)).await;

    let verified = json!({"email": "a@example.com", "email_verified": true});
    let answer = exchange(&latido, &token("7f3c", &verified)).await;

    assert_refused(&answer, 409, "conflict");
}

/// Whoever opens an account under somebody's address first must not keep a way into it.
#[tokio::test]
async fn the_owner_of_an_address_takes_the_account_over_from_who_never_proved_it() {
    let latido = latido().await;
    let password = "a long enough password";
    let squatter = json!({"email": "eva@example.com", "password": password, "nombre": "Eva",
        "apellido": "Paz", "rol": "CLIENTE"});
    let answer = latido.call("POST", "/auth/register").json(&squatter).send().await;
    assert_eq!(answer.status, 201);
    let squatter = answer.json();
    let auth = json!({"token": squatter["access_token"]});
    let mut socket = latido.join(EVENTS, &auth).await.unwrap();
    socket.next("connected").await;

    let verified = json!({"app_metadata": {"email_verified": true}});
    let pair = opened(&latido, &token("eva", &verified)).await;

    assert_eq!(pair["user"]["id"], squatter["user"]["id"]);
    assert_eq!(pair["user"]["email_verified"], true);
    assert_eq!(socket.next("session:revoked").await["reason"], "password_change");
    socket.ended().await;
    let sign_in = json!({"username": "eva@example.com", "password": password});
    let answer = latido.call("POST", "/auth/login").json(&sign_in).send().await;
    assert_refused(&answer, 401, "invalid-credentials");
    let refresh = json!({"refresh_token": squatter["refresh_token"]});
    let answer = latido.call("POST", "/auth/refresh").json(&refresh).send().await;
    assert_refused(&answer, 401, "unauthenticated");
}

#[tokio::test]
async fn parallel_first_uses_make_one_account() {
    let latido = latido().await;
    let told = json!({"app_metadata": {"role": "professional"}});
    let token = token("ana", &told);

    let body = json!({"provider": "supabase", "token": token});
    let calls = (0..8).map(|_| latido.call("POST", "/auth/exchange").json(&body).send());
    let calls: Vec<_> = calls.map(tokio::spawn).collect();
    let mut users = Vec::new();
    for call in calls {
        let answer = within("an exchange", call).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        users.push(answer.json()["user"]["id"].clone());
    }

    users.dedup();
    assert_eq!(users.len(), 1);
    for table in ["users", "auth_identities", "professionals"] {
        assert_eq!(
            value::<i64>(latido.database.url(), &format!("select count(*) from {table}")).await,
            1
        );
    }
}

#[tokio::test]
async fn a_deactivated_or_deleted_account_stays_out() {
    let latido = latido().await;
    let token = token("ana", &json!({}));
    let id = opened(&latido, &token).await["user"]["id"].clone();
    let url = latido.database.url();

    for change in ["is_active = false", "is_active = true, deleted_at = 1"] {
        run(url, &format!("update users set {change} where id = {id}")).await;
        assert_refused(&exchange(&latido, &token).await, 403, "account-inactive");
    }
    let refusals = "select count(*) from audit_log where action = 'login_refused'";
    assert_eq!(value::<i64>(url, refusals).await, 2);
}

#[tokio::test]
async fn a_token_that_proves_nothing_is_refused() {
    let latido = latido().await;
    let expired = json!({"exp": Timestamp::now().seconds() - 60});
    let anonymous = json!({"is_anonymous": true});
    let no_address = json!({"email": null});

    for bad in [
        token("ana", &expired),
        token("ana", &json!({"aud": "anon"})),
        Signer::secret("not the secret of the project, but as long").sign(&json!({})),
        "not a token".to_owned(),
    ] {
        assert_refused(&exchange(&latido, &bad).await, 401, "unauthenticated");
    }
    for nobody in [anonymous, no_address] {
        assert_refused(&exchange(&latido, &token("ana", &nobody)).await, 403, "forbidden");
    }
    assert_eq!(value::<i64>(latido.database.url(), "select count(*) from users").await, 0);
}

#[tokio::test]
async fn a_locked_account_stays_locked_whoever_vouches_for_its_holder() {
    let latido = latido().await;
    let proof = token("ana", &json!({}));
    opened(&latido, &proof).await;
    let guess = async || {
        let body = json!({"username": "ana@example.com", "password": "not the password"});
        latido.call("POST", "/auth/login").json(&body).send().await.status.as_u16()
    };
    for _ in 0..9 {
        assert_eq!(guess().await, 401);
    }
    opened(&latido, &proof).await;
    assert_eq!(guess().await, 401, "the tenth: the exchange did not start the count anew");

    let answer = exchange(&latido, &proof).await;

    assert_refused(&answer, 403, "account-inactive");
    assert!(answer.json()["retryAfter"].as_u64().unwrap() > 800);
    assert_eq!(guess().await, 403, "and still locked");
    let noted = "select count(*) from audit_log where action = 'login_refused'
                 and actor_id is not null and entity_type = 'user'";
    assert_eq!(value::<i64>(latido.database.url(), noted).await, 12);
}
