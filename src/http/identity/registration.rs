//! Registering oneself.

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use garde::Validate;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::ToSchema;

use super::opening::{Device, Opened};
use super::verification::Verification;
use super::view::TokenPair;
use super::{creation, delegation};
use crate::domain::contact::{is_telephone, one_line};
use crate::domain::identity::Role;
use crate::domain::identity::registration::{Applicant, Application};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::identity::accounts::{self, NewUser, User};
use crate::persistence::identity::profiles::{self, Holder};
use crate::persistence::{Tx, audit};

/// Someone who opens an account.
#[derive(Deserialize, Validate, ToSchema)]
#[schema(example = json!({"email": "maria@example.com", "password": "correct horse battery",
    "nombre": "María", "apellido": "Gómez", "rol": "PACIENTE", "telefono": "+54 351 555 0101",
    "fecha_nacimiento": "1990-05-17"}))]
pub struct Register {
    #[garde(email, length(chars, max = 254))]
    email: String,
    /// 8 to 128 characters, not easy to guess.
    #[garde(length(chars, max = 1024))]
    password: String,
    #[garde(length(chars, min = 1, max = 80), custom(one_line))]
    nombre: String,
    #[garde(length(chars, min = 1, max = 80), custom(one_line))]
    apellido: String,
    /// `CLIENTE`, `PROFESIONAL`, `PACIENTE` or `EMPRESA`
    #[garde(skip)]
    #[schema(value_type = String)]
    rol: Role,
    #[garde(inner(length(chars, min = 6, max = 20), custom(is_telephone)))]
    telefono: Option<String>,
    /// `YYYY-MM-DD`; required for `PACIENTE`
    #[garde(skip)]
    fecha_nacimiento: Option<String>,
    /// Required for `EMPRESA`
    #[garde(inner(custom(one_line)))]
    razon_social: Option<String>,
    /// Required for `EMPRESA`
    #[garde(inner(custom(one_line)))]
    tax_id: Option<String>,
}

/// The answer to a registration: where the account is, its cookie, its tokens.
type Registered = (StatusCode, [(HeaderName, HeaderValue); 2], Json<TokenPair>);

/// Opens an account with the row of its role, and signs it in.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", request_body = Register,
    responses(
        (status = 201, body = TokenPair),
        (status = 403, description = "Accounts are kept at the auth service", body = ProblemBody),
        (status = 409, description = "The e-mail is taken", body = ProblemBody),
        (status = 422, body = ProblemBody),
        (status = 429, body = ProblemBody),
    ),
)]
pub async fn register(
    State(app): State<App>,
    context: Context,
    device: Device,
    Json(new): Json<Register>,
) -> Result<Registered> {
    delegation::accounts_are_ours(&app)?;
    let email = new.email.trim().to_lowercase();
    app.limits.sign_in(context.peer, &email)?;
    let now = Timestamp::now();
    let application = Application {
        rol: new.rol,
        fecha_nacimiento: new.fecha_nacimiento.as_deref(),
        razon_social: new.razon_social.as_deref(),
        tax_id: new.tax_id.as_deref(),
    };
    let applicant = match application.check(jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()) {
        Ok(applicant) => applicant,
        Err(refused) => {
            let password = app.passwords.check_new(&new.password, &email, "/password").await;
            return Err(password.err().into_iter().fold(refused, Error::beside));
        }
    };
    let password_hash = app.passwords.hash_new(&new.password, &email, "/password").await?;

    let mut tx = app.store.begin().await?;
    let account = NewUser {
        email: &email,
        password_hash: Some(&password_hash),
        nombre: Some(&new.nombre),
        apellido: Some(&new.apellido),
        telefono: new.telefono.as_deref(),
        primary_role: new.rol,
        is_active: true,
    };
    let user = match enter(&app, &mut tx, account, &applicant, now).await {
        Ok(user) => user,
        Err(error) => {
            drop(tx);
            creation::refused(&app, &context, None, "registration_refused", &error).await?;
            return Err(error);
        }
    };
    let opened = Opened::insert(&app, &mut tx, &user, &device, now).await?;
    let verification = Verification::insert(&app, &mut tx, user.id, now).await?;
    let mut entry = context.audit(None, "registered", "user", &user.id);
    entry.actor = Some(user.id);
    entry.actor_role = Some(new.rol.user_type());
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    verification.send(&app);
    let location = format!("/users/{}", user.id);
    let (cookie, pair) = opened.announce(&app, user, false, now)?;
    let location = HeaderValue::try_from(location).map_err(Error::internal)?;
    Ok((StatusCode::CREATED, [(LOCATION, location), (SET_COOKIE, cookie)], Json(pair)))
}

/// The account with the row of its role.
async fn enter(
    app: &App,
    tx: &mut Tx,
    account: NewUser<'_>,
    applicant: &Applicant,
    now: Timestamp,
) -> Result<User> {
    let id = accounts::insert(tx, account, now).await?;
    let holder = Holder {
        user: id,
        nombre: account.nombre.unwrap_or_default(),
        apellido: account.apellido.unwrap_or_default(),
        email: account.email,
        currency: &app.settings.default_currency,
    };
    if let Some(reference) = profiles::insert(tx, applicant, holder, now).await? {
        accounts::refer(tx, id, reference, now).await?;
    }
    accounts::within(tx, id).await?.ok_or_else(|| Kind::NotFound("account").into())
}
