//! One account per role.

use std::collections::HashMap;

use super::SignIn;
use super::people::Known;
use crate::domain::identity::Role;
use crate::domain::identity::registration::Applicant;
use crate::domain::time::Timestamp;
use crate::error::Result;
use crate::persistence::Tx;
use crate::persistence::identity::accounts::{self, NewUser};
use crate::persistence::identity::profiles::{self, Holder};

/// Someone who may sign in.
pub(super) struct Account {
    email: &'static str,
    role: Role,
    nombre: &'static str,
    apellido: &'static str,
}

impl Account {
    const fn new(
        email: &'static str,
        role: Role,
        nombre: &'static str,
        apellido: &'static str,
    ) -> Self {
        Self { email, role, nombre, apellido }
    }

    pub(super) fn sign_in(&self) -> SignIn {
        SignIn { email: self.email, role: self.role }
    }

    /// The row beside the account, for roles that have one of their own by registering.
    fn applicant(&self) -> Option<Applicant> {
        match self.role {
            Role::Company => Some(Applicant::Company {
                name: "Metalúrgica del Centro SA".to_owned(),
                tax_id: "30-70000001-9".to_owned(),
            }),
            Role::Professional => Some(Applicant::Professional),
            _ => None,
        }
    }
}

/// The first is written first, and tells that all are.
pub(super) const ACCOUNTS: [Account; 7] = [
    Account::new("admin@demo.latido", Role::Admin, "Alma", "Quiroga"),
    Account::new("doctor@demo.latido", Role::Doctor, "Ana", "Ruiz"),
    Account::new("patient@demo.latido", Role::Patient, "María", "Gómez"),
    Account::new("institution@demo.latido", Role::Institution, "Clínica", "Sur"),
    Account::new("company@demo.latido", Role::Company, "Raúl", "Paz"),
    Account::new("professional@demo.latido", Role::Professional, "Nora", "Vega"),
    Account::new("client@demo.latido", Role::Client, "Luis", "Sosa"),
];

/// Writes every account with the same password hash, and answers whose rows of care are still to be
/// written.
pub(super) async fn write(tx: &mut Tx, password_hash: &str, now: Timestamp) -> Result<Known> {
    let mut written = HashMap::new();
    for account in &ACCOUNTS {
        let user = NewUser {
            email: account.email,
            password_hash: Some(password_hash),
            nombre: Some(account.nombre),
            apellido: Some(account.apellido),
            telefono: None,
            primary_role: account.role,
            is_active: true,
        };
        let id = accounts::insert(tx, user, now).await?;
        written.insert(account.role, id);
        let Some(applicant) = account.applicant() else { continue };
        let holder = Holder {
            user: id,
            nombre: account.nombre,
            apellido: account.apellido,
            email: account.email,
            currency: "ARS",
        };
        if let Some(reference) = profiles::insert(tx, &applicant, holder, now).await? {
            accounts::refer(tx, id, reference, now).await?;
        }
    }
    Ok(Known {
        doctor: written[&Role::Doctor],
        patient: written[&Role::Patient],
        institution: written[&Role::Institution],
    })
}
