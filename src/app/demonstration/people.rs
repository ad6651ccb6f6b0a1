//! Institutions, doctors and patients of Córdoba: made up, and the same every time.

use jiff::civil::date;
use serde_json::json;

use crate::domain::clinical::doctor::DoctorDraft;
use crate::domain::clinical::health::HealthProfile;
use crate::domain::clinical::institution::{InstitutionDraft, InstitutionKind, Verification};
use crate::domain::clinical::patient::PatientDraft;
use crate::domain::clinical::validation::ValidationStatus;
use crate::domain::id::{DoctorId, InstitutionId, PatientId, SpecialtyId, UserId};
use crate::domain::identity::Role;
use crate::domain::money::Currency;
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::contacts::{self, Contacts, Holder};
use crate::persistence::clinical::institutions::Finding;
use crate::persistence::clinical::row::hold;
use crate::persistence::clinical::{doctors, health_profiles, institutions, patients, specialties};
use crate::persistence::identity::accounts::{self, NewUser};

/// Name, kind, region, city.
const INSTITUTIONS: [(&str, &str, &str, &str); 3] = [
    ("Clínica Sur", "clinic", "Córdoba", "Córdoba"),
    ("Hospital Sierras Chicas", "hospital", "Córdoba", "Villa Allende"),
    ("Laboratorio Punilla", "laboratory", "Córdoba", "Villa Carlos Paz"),
];
const SPECIALTIES: [(&str, &str); 6] = [
    ("Clínica médica", "clínica"),
    ("Cardiología", "clínica"),
    ("Pediatría", "clínica"),
    ("Dermatología", "clínica"),
    ("Traumatología", "quirúrgica"),
    ("Ginecología", "quirúrgica"),
];
/// First and last names; the first doctor is the one who signs in.
const DOCTORS: [(&str, &str); 12] = [
    ("Ana", "Ruiz"),
    ("Julián", "Peralta"),
    ("Carla", "Sosa"),
    ("Martín", "Ferreyra"),
    ("Lucía", "Bustos"),
    ("Diego", "Molina"),
    ("Paula", "Ledesma"),
    ("Sergio", "Quiroga"),
    ("Valeria", "Funes"),
    ("Hernán", "Luque"),
    ("Mariana", "Oviedo"),
    ("Gustavo", "Arce"),
];
const FIRST_NAMES: [&str; 20] = [
    "María",
    "Juan",
    "Sofía",
    "Pedro",
    "Camila",
    "José",
    "Valentina",
    "Luis",
    "Martina",
    "Carlos",
    "Agustina",
    "Miguel",
    "Florencia",
    "Jorge",
    "Rocío",
    "Raúl",
    "Micaela",
    "Oscar",
    "Belén",
    "Hugo",
];
const LAST_NAMES: [&str; 20] = [
    "Gómez",
    "Fernández",
    "López",
    "Díaz",
    "Martínez",
    "Pérez",
    "Romero",
    "Sánchez",
    "Álvarez",
    "Torres",
    "Ramírez",
    "Flores",
    "Acosta",
    "Benítez",
    "Medina",
    "Herrera",
    "Aguirre",
    "Cabrera",
    "Ojeda",
    "Núñez",
];
const PATIENTS: usize = 200;

/// Accounts that are there already, by what they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) doctor: UserId,
    pub(super) patient: UserId,
    pub(super) institution: UserId,
}

/// Who was written, the one who signs in first.
pub(super) struct People {
    pub(super) doctors: Vec<Staff>,
    pub(super) patients: Vec<PatientId>,
}

/// A doctor, their account and where they work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Staff {
    pub(super) id: DoctorId,
    pub(super) user: UserId,
    pub(super) house: Option<InstitutionId>,
}

impl People {
    /// Whose patient somebody is, by the number of the patient.
    pub(super) fn doctor_of(&self, number: usize) -> Staff {
        self.doctors[number % self.doctors.len()]
    }
}

/// Writes everyone; those without an account of their own sign in with the same password as all.
pub(super) async fn write(
    tx: &mut Tx,
    known: Known,
    password_hash: &str,
    now: Timestamp,
) -> Result<People> {
    let mut specialties = Vec::new();
    for (name, category) in SPECIALTIES {
        specialties.push(specialties::insert(tx, name, Some(category), now).await?.id);
    }
    let mut houses = Vec::new();
    for (number, institution) in INSTITUTIONS.iter().enumerate() {
        let user = match number {
            0 => known.institution,
            _ => {
                account(tx, Role::Institution, number, institution.0, None, password_hash, now)
                    .await?
            }
        };
        houses.push(house(tx, institution, number, user, now).await?);
    }
    let mut doctors = Vec::new();
    for (number, (first, last)) in DOCTORS.iter().enumerate() {
        let user = match number {
            0 => known.doctor,
            _ => account(tx, Role::Doctor, number, first, Some(last), password_hash, now).await?,
        };
        // The last works for none.
        let house = houses.get(number % 4).copied();
        let id = doctor(tx, number, house, &specialties, user, now).await?;
        doctors.push(Staff { id, user, house });
    }
    let mut people = People { doctors, patients: Vec::new() };
    for number in 0..PATIENTS {
        let (first, last) = name(number);
        let user = match number {
            0 => known.patient,
            _ => account(tx, Role::Patient, number, first, Some(last), password_hash, now).await?,
        };
        let doctor = people.doctor_of(number).id;
        people.patients.push(patient(tx, number, doctor, &houses, user, now).await?);
    }
    Ok(people)
}

/// `doctor2@demo.latido` and so on; the first of each has an address of its own.
async fn account(
    tx: &mut Tx,
    role: Role,
    number: usize,
    nombre: &str,
    apellido: Option<&str>,
    password_hash: &str,
    now: Timestamp,
) -> Result<UserId> {
    let account = NewUser {
        email: &email(role, number),
        password_hash: Some(password_hash),
        nombre: Some(nombre),
        apellido,
        telefono: None,
        primary_role: role,
        is_active: true,
    };
    accounts::insert(tx, account, now).await
}

fn email(role: Role, number: usize) -> String {
    match number {
        0 => format!("{}@demo.latido", role.user_type()),
        number => format!("{}{}@demo.latido", role.user_type(), number + 1),
    }
}

async fn house(
    tx: &mut Tx,
    (name, kind, region, city): &(&str, &str, &str, &str),
    number: usize,
    user: UserId,
    now: Timestamp,
) -> Result<InstitutionId> {
    let kind: InstitutionKind = serde_json::from_value(json!(kind)).map_err(Error::internal)?;
    let draft = InstitutionDraft {
        name: (*name).to_owned(),
        kind,
        contact_email: email(Role::Institution, number),
        license_number: format!("INS-{}", 770 + number),
        region: (*region).to_owned(),
        country: "AR".to_owned(),
        city: Some((*city).to_owned()),
        website: None,
        phones: Vec::new(),
        addresses: Vec::new(),
        status: None,
        accreditation: Some("ITAES".to_owned()),
    };
    let id = institutions::insert(tx, &draft, user, now).await?;
    accounts::refer(tx, user, id.0, now).await?;
    let (contacts, email) = (Contacts::default(), &draft.contact_email);
    contacts::replace(tx, Holder::Institution, id.0, &contacts, email, now).await?;
    let finding = Finding {
        status: if number < 2 { Verification::Verified } else { Verification::Pending },
        accreditation: draft.accreditation,
        accredited_until: Some(date(2027, 6, 30).into()),
    };
    institutions::verify(tx, id, &finding, now).await?;
    Ok(id)
}

async fn doctor(
    tx: &mut Tx,
    number: usize,
    house: Option<InstitutionId>,
    specialties: &[SpecialtyId],
    user: UserId,
    now: Timestamp,
) -> Result<DoctorId> {
    let (first, last) = DOCTORS[number];
    let specialty = specialties[number % specialties.len()];
    let draft: DoctorDraft = serde_json::from_value(json!({
        "first_name": first, "last_name": last, "email": email(Role::Doctor, number),
        "medical_license": format!("MN-{}", 12_345 + number), "specialty_ids": [specialty],
        "institution_id": house, "years_experience": 3 + 2 * number,
        "consultation_fee_cents": 1_200_000 + 50_000 * number, "currency": "ARS",
        "languages": ["es"], "external_ref": format!("doctor-{}", number + 1),
    }))
    .map_err(Error::internal)?;
    let currency: Currency = "ARS".parse().map_err(Error::internal)?;
    let id = doctors::insert(tx, &draft, user, &currency, now).await?;
    accounts::refer(tx, user, id.0, now).await?;
    specialties::fill(tx, id, &[specialty]).await?;
    let contacts = Contacts::default();
    contacts::replace(tx, Holder::Doctor, id.0, &contacts, &draft.email, now).await?;
    let until = date(2027, 1, 31).into();
    doctors::set_license(tx, id, true, Some(&until), now).await?;
    Ok(id)
}

async fn patient(
    tx: &mut Tx,
    number: usize,
    doctor: DoctorId,
    houses: &[InstitutionId],
    user: UserId,
    now: Timestamp,
) -> Result<PatientId> {
    let (first, last) = name(number);
    let born = date(1940, 1, 1).saturating_add(jiff::Span::new().days(born_after(number)));
    let draft: PatientDraft = serde_json::from_value(json!({
        "first_name": first, "last_name": last, "email": email(Role::Patient, number),
        "date_of_birth": born, "sex": if number.is_multiple_of(2) { "female" } else { "male" },
        "document_number": format!("{}", 20_000_000 + 123_457 * number),
        "doctor_id": doctor,
        "institution_id": houses.get(number % 4),
        "emergency_contact": {"name": format!("{} {last}", FIRST_NAMES[(number + 7) % 20]),
            "phone": "+54 351 555 0101", "relationship": "familiar"},
        "external_ref": format!("patient-{}", number + 1),
    }))
    .map_err(Error::internal)?;
    let id = patients::insert(tx, &draft, user, now).await?;
    accounts::refer(tx, user, id.0, now).await?;
    let contacts = Contacts::default();
    contacts::replace(tx, Holder::Patient, id.0, &contacts, &draft.email, now).await?;
    let profile = profile(number)?;
    let kpis = profile.kpis(born, date(2025, 10, 13));
    health_profiles::write(tx, id, &profile, &kpis, None, now).await?;
    validate(tx, id, number, houses.get(number % 4).is_some(), now).await?;
    Ok(id)
}

/// A quarter each waits, was seen by a doctor, by an institution, and sees everything.
async fn validate(
    tx: &mut Tx,
    id: PatientId,
    number: usize,
    has_house: bool,
    now: Timestamp,
) -> Result<()> {
    use ValidationStatus as S;
    let steps = [S::ValidatedByDoctor, S::ValidatedByInstitution, S::FullAccess];
    // The one who signs in sees everything.
    let reached = if number == 0 { 3 } else { (number / 4) % 4 };
    for step in &steps[..reached] {
        if *step == S::ValidatedByInstitution && !has_house {
            continue;
        }
        let patient = hold(tx, id).await?;
        patients::validate(tx, &patient, *step, None, None, now).await?;
    }
    Ok(())
}

fn name(number: usize) -> (&'static str, &'static str) {
    match number {
        0 => ("María", "Gómez"),
        number => (FIRST_NAMES[number % 20], LAST_NAMES[(number / 20 + number) % 20]),
    }
}

/// Days after 1 January 1940: from newborns to the old.
fn born_after(number: usize) -> i64 {
    let number = i64::try_from(number).unwrap_or(0);
    if number == 0 { 18_399 } else { (number * 157) % 31_000 }
}

/// As different as people are, and within what a body can be.
fn profile(number: usize) -> Result<HealthProfile> {
    const BLOOD: [&str; 5] = ["O+", "A+", "B+", "AB+", "O-"];
    const SMOKING: [&str; 4] = ["never", "never", "former", "current"];
    let turn = |step: usize, of: usize| (number * step) % of;
    let conditions: &[&str] = match turn(3, 5) {
        0 => &["hipertensión arterial"],
        1 => &["diabetes tipo 2", "dislipemia"],
        _ => &[],
    };
    serde_json::from_value(json!({
        "height_cm": 150 + turn(7, 45), "weight_kg": 48 + turn(11, 62),
        "blood_type": BLOOD[turn(1, 5)],
        "systolic": 105 + turn(13, 60), "diastolic": 65 + turn(5, 35), "heart_rate": 58 + turn(9, 40),
        "temperature_c": 36.5, "spo2": 95 + turn(1, 5),
        "fasting_glucose_mgdl": 80 + turn(17, 60),
        "smoking": SMOKING[turn(1, 4)],
        "alcohol_units_week": turn(3, 16), "activity_minutes_week": turn(29, 260),
        "sleep_hours": 5 + turn(1, 5), "chronic_conditions": conditions,
        "allergies": if number.is_multiple_of(6) { json!(["penicilina"]) } else { json!([]) },
    }))
    .map_err(Error::internal)
}
