//! A small house: an administrator, an institution, its doctors and patients, made over HTTP.

use latido::domain::identity::Role;
use serde_json::{Value, json};

use super::accounts::{self, Account};
use super::http::Answer;
use super::node::Latido;
use super::socket_io::SocketIo;

/// A node with an administrator who can add people.
pub(crate) struct Care {
    pub(crate) latido: Latido,
    pub(crate) admin: Account,
}

/// Someone with a row of care, signed in.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// Of the row.
    pub(crate) id: i64,
    pub(crate) account: Account,
}

impl Care {
    pub(crate) async fn start() -> Self {
        Self::on(super::start().await).await
    }

    pub(crate) async fn on(latido: Latido) -> Self {
        let admin = latido.account(Role::Admin).await;
        Self { latido, admin }
    }

    /// Asks as someone; a body of null is none.
    pub(crate) async fn ask(&self, by: &Account, method: &str, path: &str, body: Value) -> Answer {
        let call = self.latido.call(method, path).bearer(&by.token);
        if body.is_null() { call.send().await } else { call.json(&body).send().await }
    }

    pub(crate) async fn get(&self, by: &Account, path: &str) -> Answer {
        self.ask(by, "GET", path, Value::Null).await
    }

    pub(crate) async fn post(&self, by: &Account, path: &str, body: Value) -> Answer {
        self.ask(by, "POST", path, body).await
    }

    /// What the administrator adds at a path.
    pub(crate) async fn added(&self, path: &str, body: Value) -> Value {
        let answer = self.post(&self.admin, path, body).await;
        assert_eq!(answer.status, 201, "{path}: {}", answer.text());
        answer.json()
    }

    pub(crate) async fn specialty(&self, name: &str) -> i64 {
        self.added("/api/v1/specialties", json!({"name": name})).await["id"].as_i64().unwrap()
    }

    pub(crate) async fn institution(&self) -> Person {
        let (account, email) = self.account(Role::Institution).await;
        let body = json!({"name": format!("Clínica {}", account.id), "type": "clinic",
            "contact_email": email, "license_number": format!("INS-{}", account.id),
            "region": "Córdoba", "country": "AR", "user_id": account.id});
        self.person("/api/v1/institutions", body, account).await
    }

    /// A doctor; `more` are further fields, such as `institution_id`.
    pub(crate) async fn doctor(&self, more: Value) -> Person {
        let (account, email) = self.account(Role::Doctor).await;
        let specialty = self.specialty(&format!("Especialidad {}", account.id)).await;
        let body = json!({"first_name": "Ana", "last_name": format!("Ruiz {}", account.id),
            "email": email, "medical_license": format!("MN-{}", account.id),
            "specialty_ids": [specialty], "years_experience": 12,
            "consultation_fee_cents": 1_500_000, "user_id": account.id});
        self.person("/api/v1/doctors", joined(body, more), account).await
    }

    /// A patient; `more` are further fields, of which one must be `doctor_id` or `institution_id`.
    pub(crate) async fn patient(&self, more: Value) -> Person {
        let (account, email) = self.account(Role::Patient).await;
        let body = json!({"first_name": "María", "last_name": format!("Gómez {}", account.id),
            "email": email, "date_of_birth": "1990-05-17", "sex": "female",
            "emergency_contact": {"name": "Luis", "phone": "+54 351 555 0101"},
            "user_id": account.id});
        self.person("/api/v1/patients", joined(body, more), account).await
    }

    pub(crate) async fn connect(&self, person: &Person) -> SocketIo {
        self.latido.connect(&person.account).await
    }

    async fn account(&self, role: Role) -> (Account, String) {
        let account = self.latido.account(role).await;
        let sql = format!("select email from users where id = {}", account.id);
        let email = accounts::value(self.latido.database.url(), &sql).await;
        (account, email)
    }

    async fn person(&self, path: &str, body: Value, account: Account) -> Person {
        let id = self.added(path, body).await["id"].as_i64().unwrap();
        Person { id, account }
    }
}

/// The first object with the fields of the second.
pub(crate) fn joined(mut object: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (object.as_object_mut(), more) {
        fields.extend(more);
    }
    object
}
