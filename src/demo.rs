//! Demonstration data: one account per role and a catalogue, the same on every machine.
//!
//! For development only: the password of every account is public. The data goes into an empty
//! database, all of it or nothing, and never next to accounts of others.

mod exams;

use std::collections::HashMap;

use self::exams::{LOCATIONS, PACKAGES, SHELVES};
use crate::auth::Passwords;
use crate::domain::address::{Address, AddressKind};
use crate::domain::clinical::catalogue::{
    CategoryDraft, ExamDraft, LocationDraft, PackageDraft, PriceDraft,
};
use crate::domain::id::{CategoryId, ExamId, LocationId, PackageId};
use crate::domain::identity::Role;
use crate::domain::identity::registration::Application;
use crate::domain::money::{Cents, Currency};
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::persistence::clinical::catalogue::{Category, Entry, Exam, Location, Package, Price};
use crate::persistence::identity::accounts::{self, NewUser};
use crate::persistence::identity::profiles::{self, Holder};
use crate::persistence::{Store, Tx};

/// The password of every account of the demonstration.
const PASSWORD: &str = "password123";
const CURRENCY: &str = "ARS";
/// When everything was written, so that two machines show the same.
const WRITTEN: Timestamp = Timestamp(1_759_276_800_000);
/// Exams at the second place cost this much more, in percent.
const SURCHARGE: i64 = 10;

/// Someone to sign in as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignIn {
    pub role: Role,
    pub email: &'static str,
    pub password: &'static str,
}

/// Role, e-mail, given name, family name.
const PEOPLE: [(Role, &str, &str, &str); 7] = [
    (Role::Admin, "admin@demo.latido", "Alicia", "Campos"),
    (Role::Doctor, "doctor@demo.latido", "Ana", "Ruiz"),
    (Role::Patient, "patient@demo.latido", "Pedro", "Suárez"),
    (Role::Institution, "institution@demo.latido", "Irene", "Molina"),
    (Role::Company, "company@demo.latido", "Carla", "Ferreyra"),
    (Role::Professional, "professional@demo.latido", "Pablo", "Ledesma"),
    (Role::Client, "client@demo.latido", "Clara", "Ortiz"),
];

/// Fills an empty database, or finds the demonstration already in it.
///
/// Fails with [`Kind::Forbidden`] on a database that holds other accounts.
pub async fn seed(store: &Store, passwords: &Passwords) -> Result<Vec<SignIn>> {
    let sign_ins: Vec<_> = PEOPLE
        .iter()
        .map(|(role, email, ..)| SignIn { role: *role, email, password: PASSWORD })
        .collect();
    if accounts::by_email(store, PEOPLE[0].1).await?.is_some() {
        return Ok(sign_ins);
    }
    let mut hashes = Vec::with_capacity(PEOPLE.len());
    for (_, email, ..) in PEOPLE {
        hashes.push(passwords.hash_new(PASSWORD, email, "/password").await?);
    }
    let mut tx = store.begin().await?;
    if !accounts::is_empty(&mut tx).await? {
        let refused = "demonstration data never goes next to other accounts";
        return Err(Kind::Forbidden(refused).into());
    }
    for (person, hash) in PEOPLE.iter().zip(&hashes) {
        account(&mut tx, *person, hash).await?;
    }
    catalogue(&mut tx).await?;
    tx.commit().await?;
    Ok(sign_ins)
}

async fn account(
    tx: &mut Tx,
    (role, email, nombre, apellido): (Role, &str, &str, &str),
    password_hash: &str,
) -> Result<()> {
    let new = NewUser {
        email,
        password_hash,
        nombre: Some(nombre),
        apellido: Some(apellido),
        telefono: None,
        primary_role: role,
        is_active: true,
    };
    let id = accounts::insert(tx, new, WRITTEN).await?;
    accounts::verify_email(tx, id, WRITTEN).await?;
    if !matches!(role, Role::Patient | Role::Company | Role::Professional) {
        return Ok(());
    }
    let applicant = Application {
        rol: role,
        fecha_nacimiento: Some("1988-04-12"),
        razon_social: Some("Textil del Sur S.A."),
        tax_id: Some("30-71234567-1"),
    }
    .check(jiff::civil::date(2025, 10, 1))?;
    let holder = Holder { user: id, nombre, apellido, email, currency: CURRENCY };
    if let Some(reference) = profiles::insert(tx, &applicant, holder, WRITTEN).await? {
        accounts::refer(tx, id, reference, WRITTEN).await?;
    }
    Ok(())
}

async fn catalogue(tx: &mut Tx) -> Result<()> {
    let places = locations(tx).await?;
    let mut roots: HashMap<&str, CategoryId> = HashMap::new();
    let mut known: HashMap<&str, ExamId> = HashMap::new();
    for shelf in SHELVES {
        let root = match roots.get(shelf.root) {
            Some(root) => *root,
            None => category(tx, shelf.root, None).await?,
        };
        roots.insert(shelf.root, root);
        let category = category(tx, shelf.name, Some(root)).await?;
        for (code, name, minutes, cents) in shelf.exams {
            let draft = ExamDraft {
                code: (*code).to_owned(),
                name: (*name).to_owned(),
                description: None,
                category_id: Some(category),
                preparation: shelf.preparation.map(ToOwned::to_owned),
                duration_minutes: Some(*minutes),
                active: true,
            };
            let exam = Exam::insert(tx, &draft, WRITTEN).await?.id;
            known.insert(code, exam);
            price(tx, Target::Exam(exam), None, *cents).await?;
            let there = cents + cents * SURCHARGE / 100;
            price(tx, Target::Exam(exam), Some(places[1]), there).await?;
        }
    }
    for (name, codes, cents) in PACKAGES {
        let draft = PackageDraft {
            name: (*name).to_owned(),
            exam_ids: codes.iter().map(|code| known[code]).collect(),
            description: None,
            active: true,
        };
        let package = Package::insert(tx, &draft, WRITTEN).await?.id;
        price(tx, Target::Package(package), None, *cents).await?;
    }
    Ok(())
}

async fn category(tx: &mut Tx, name: &str, parent_id: Option<CategoryId>) -> Result<CategoryId> {
    let draft = CategoryDraft { name: name.to_owned(), parent_id };
    Ok(Category::insert(tx, &draft, WRITTEN).await?.id)
}

async fn locations(tx: &mut Tx) -> Result<Vec<LocationId>> {
    let mut ids = Vec::with_capacity(LOCATIONS.len());
    for (name, line1, lat, lon) in LOCATIONS {
        let address = Address {
            kind: AddressKind::Work,
            line1: (*line1).to_owned(),
            line2: None,
            city: "Córdoba".to_owned(),
            region: Some("Córdoba".to_owned()),
            postal_code: None,
            country: "AR".to_owned(),
            lat: Some(*lat),
            lon: Some(*lon),
            primary: true,
        };
        let (name, lat, lon) = ((*name).to_owned(), Some(*lat), Some(*lon));
        let draft = LocationDraft { name, address, lat, lon, active: true };
        ids.push(Location::insert(tx, &draft, WRITTEN).await?.id);
    }
    Ok(ids)
}

enum Target {
    Exam(ExamId),
    Package(PackageId),
}

async fn price(
    tx: &mut Tx,
    target: Target,
    location_id: Option<LocationId>,
    cents: i64,
) -> Result<()> {
    let (exam_id, package_id) = match target {
        Target::Exam(exam) => (Some(exam), None),
        Target::Package(package) => (None, Some(package)),
    };
    let currency: Currency = CURRENCY.parse().map_err(Error::internal)?;
    let draft = PriceDraft {
        exam_id,
        package_id,
        location_id,
        amount_cents: Cents(cents),
        currency: Some(currency),
        valid_from: None,
        valid_to: None,
    };
    Price::insert(tx, &draft, WRITTEN).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::clinical::catalogue::{Filter, count};
    use crate::persistence::store::tests::stores;

    #[tokio::test]
    async fn the_demonstration_is_written_once() {
        let passwords = Passwords::new(2, 0).unwrap();
        for store in stores().await {
            let first = seed(&store, &passwords).await.unwrap();
            let again = seed(&store, &passwords).await.unwrap();

            assert_eq!(first, again);
            assert_eq!(first.len(), 7);
            assert_eq!(count::<Exam>(&store, &Filter::default()).await.unwrap(), 60);
            assert_eq!(count::<Price>(&store, &Filter::default()).await.unwrap(), 125);
            for sign_in in first {
                let user = accounts::by_email(&store, sign_in.email).await.unwrap().unwrap();
                assert!(user.email_verified && user.is_active);
            }
        }
    }

    #[tokio::test]
    async fn a_database_with_other_accounts_is_left_alone() {
        let passwords = Passwords::new(2, 0).unwrap();
        for store in stores().await {
            let mut tx = store.begin().await.unwrap();
            let other = (Role::Client, "someone@example.com", "Some", "One");
            account(&mut tx, other, "hash").await.unwrap();
            tx.commit().await.unwrap();

            let refused = seed(&store, &passwords).await.unwrap_err();

            assert!(matches!(refused.kind(), Kind::Forbidden(_)));
            assert_eq!(count::<Exam>(&store, &Filter::default()).await.unwrap(), 0);
        }
    }
}
