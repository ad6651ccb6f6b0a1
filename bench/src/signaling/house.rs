//! Whom the rooms need: doctors, patients and administrators who observe, signed in once per run, and a
//! consultation for every room. Made over HTTP, as they are in production.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde::Deserialize;

use super::seating::{PARTIES, Part, Seat, Seating};
use crate::{
    http,
    load::load,
    servers::{Kind, PASSWORD, Stand, access_token},
};

const OBSERVERS: usize = 2;
/// Requests on the way at once while consultations are made.
const AT_ONCE: usize = 4;

pub(super) struct House {
    doctors: Vec<Person>,
    patients: Vec<Person>,
    /// Access tokens.
    observers: Vec<String>,
}

struct Person {
    /// Of the row.
    id: i64,
    token: String,
}

#[derive(Deserialize)]
struct Made {
    id: i64,
}

/// Where an administrator adds things.
struct Office {
    address: SocketAddr,
    authorization: String,
}

impl House {
    /// Makes everybody and everything for that many rooms.
    pub(super) fn open(stand: &Stand, rooms: usize) -> io::Result<Self> {
        let observer = |number| stand.administrator(&format!("bench-observer{number}@example.com"));
        let observers: Vec<String> = (0..OBSERVERS).map(observer).collect::<io::Result<_>>()?;
        let server = stand.start(Kind::Latido)?;
        let authorization = format!("Authorization: Bearer {}\r\n", observers[0]);
        let office = Office { address: server.address, authorization };
        let specialty = office.add("/api/v1/specialties", r#"{"name":"Clínica general"}"#)?;
        let doctors = office.add_people("/api/v1/doctors", |number| {
            let email = format!("bench-doctor{number}@example.com");
            let body = format!(
                r#"{{"email":"{email}","password":"{PASSWORD}","first_name":"Ana","last_name":"Ruiz","medical_license":"MN-{number:05}","specialty_ids":[{specialty}],"years_experience":12,"consultation_fee_cents":1500000}}"#
            );
            (email, body)
        })?;
        let patients = office.add_people("/api/v1/patients", |number| {
            let email = format!("bench-patient{number}@example.com");
            let doctor = doctors[number].id;
            let body = format!(
                r#"{{"email":"{email}","password":"{PASSWORD}","first_name":"Luz","last_name":"Vega","date_of_birth":"1990-05-17","sex":"female","doctor_id":{doctor},"emergency_contact":{{"name":"Luis","phone":"+54 351 555 0101"}}}}"#
            );
            (email, body)
        })?;
        let house = Self { doctors, patients, observers };
        house.arrange(&office, rooms)?;
        Ok(house)
    }

    /// What the clients of that seating sign in with, in their order.
    pub(super) fn tokens(&self, seating: &Seating) -> Vec<String> {
        let mut tokens = vec![String::new(); seating.clients()];
        for &Seat { room, part, client } in seating.seats() {
            let token = match part {
                Part::Doctor => &self.doctors[room % PARTIES].token,
                Part::Patient => &self.patients[room % PARTIES].token,
                Part::Observer(number) => &self.observers[number],
            };
            tokens[client].clone_from(token);
        }
        tokens
    }

    /// Makes the consultation of each room.
    fn arrange(&self, office: &Office, rooms: usize) -> io::Result<()> {
        let request = |room: usize| {
            let (doctor, patient) =
                (self.doctors[room % PARTIES].id, self.patients[room % PARTIES].id);
            let id = consultation(room);
            let body = format!(
                r#"{{"consultationId":"{id}","doctorId":"{doctor}","patientId":"{patient}","mode":"p2p"}}"#
            );
            http::json_request("/api/consultations/create", &office.authorization, &body)
        };
        let asked = AtomicUsize::new(0);
        let goes_on = || asked.fetch_add(1, Ordering::Relaxed) < rooms;
        load(office.address, AT_ONCE, &request, &goes_on).map(drop)
    }
}

/// The id of a room's consultation.
pub(super) fn consultation(room: usize) -> String {
    format!("bench-{room}")
}

impl Office {
    /// Adds people by what `draft` says of each, an e-mail and a body, and signs them in.
    fn add_people(
        &self,
        path: &str,
        draft: impl Fn(usize) -> (String, String),
    ) -> io::Result<Vec<Person>> {
        let person = |number| {
            let (email, body) = draft(number);
            let id = self.add(path, &body)?;
            Ok(Person { id, token: access_token(self.address, &email)? })
        };
        (0..PARTIES).map(person).collect()
    }

    /// Adds something and gives its id.
    fn add(&self, path: &str, body: &str) -> io::Result<i64> {
        let request = http::json_request(path, &self.authorization, body);
        let (status, answer) = http::call(self.address, &request)?;
        if status != 201 {
            return Err(io::Error::other(format!("{path} answered {status}: {answer}")));
        }
        Ok(serde_json::from_str::<Made>(&answer)?.id)
    }
}
