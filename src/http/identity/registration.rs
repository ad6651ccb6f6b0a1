//! Registering oneself.

use axum::extract::State;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use garde::Validate;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::ToSchema;

use super::delegation;
use super::opening::{Device, Opened};
use super::verification::Verification;
use super::view::TokenPair;
use crate::domain::contact::{is_telephone, one_line};
use crate::domain::identity::Role;
use crate::domain::identity::registration::Application;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::context::Context;
use crate::http::json::Json;
use crate::http::problem::ProblemBody;
use crate::persistence::audit;
use crate::persistence::identity::accounts::{self, NewUser};
use crate::persistence::identity::profiles::{self, Holder};

/// Someone who opens an account.
#[derive(Deserialize, Validate, ToSchema)]
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
    let id = accounts::insert(&mut tx, account, now).await?;
    let holder = Holder {
        user: id,
        nombre: &new.nombre,
        apellido: &new.apellido,
        email: &email,
        currency: &app.settings.default_currency,
    };
    if let Some(reference) = profiles::insert(&mut tx, &applicant, holder, now).await? {
        accounts::refer(&mut tx, id, reference, now).await?;
    }
    let user = accounts::within(&mut tx, id).await?.ok_or(Kind::NotFound("account"))?;
    let opened = Opened::insert(&app, &mut tx, &user, &device, now).await?;
    let verification = Verification::insert(&app, &mut tx, id, now).await?;
    let mut entry = context.audit(None, "registered", "user", &id);
    entry.actor = Some(id);
    entry.actor_role = Some(new.rol.user_type());
    audit::append(&mut tx, &entry, now).await?;
    tx.commit().await?;

    verification.send(&app);
    app.limits.strangers.forget(&email);
    let (cookie, pair) = opened.announce(&app, user, false, now)?;
    let location = HeaderValue::try_from(format!("/users/{id}")).map_err(Error::internal)?;
    Ok((StatusCode::CREATED, [(LOCATION, location), (SET_COOKIE, cookie)], Json(pair)))
}
