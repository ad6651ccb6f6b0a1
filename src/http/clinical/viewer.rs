//! Who looks at records of care: what a caller is to them, and whose rows they may see (contract §4).

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::domain::id::{DoctorId, InstitutionId, PatientId};
use crate::domain::identity::Principal;
use crate::domain::time::Timestamp;
use crate::error::{Error, Kind, Result};
use crate::http::App;
use crate::http::caller::Caller;
use crate::persistence::clinical::patient_list::Whose;
use crate::persistence::clinical::patients::Patient;
use crate::persistence::clinical::row::find;
pub(in crate::http) use crate::persistence::clinical::standing::Standing;

/// A caller, as seen from the records of care.
#[derive(Debug, Clone)]
pub(in crate::http) struct Viewer {
    pub(in crate::http) caller: Principal,
    pub(in crate::http) standing: Standing,
}

impl FromRequestParts<App> for Viewer {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Caller(caller) = Caller::from_request_parts(parts, app).await?;
        let standing = Standing::of(&app.store, &caller).await?;
        Ok(Self { caller, standing })
    }
}

impl Viewer {
    pub(in crate::http) fn is_admin(&self) -> bool {
        self.caller.is_admin()
    }

    pub(in crate::http) fn is_house(&self) -> bool {
        self.standing == Standing::House
    }

    /// Whose patients the caller may list.
    pub(in crate::http) fn whose(&self, app: &App) -> Result<Whose> {
        let since = since(app);
        Ok(match self.standing {
            Standing::House => Whose::Everyones,
            Standing::Doctor(doctor) => Whose::Doctors(doctor, since),
            Standing::Institution(institution) => Whose::Institutions(institution, since),
            Standing::Patient(patient) => Whose::Own(patient),
            Standing::Company | Standing::Outsider => return Err(not_for_you()),
        })
    }

    /// Whether a patient is among those, or the caller.
    pub(in crate::http) async fn is_related(&self, app: &App, patient: PatientId) -> Result<bool> {
        if matches!(self.standing, Standing::Company | Standing::Outsider) {
            return Err(not_for_you());
        }
        self.standing.is_related(&app.store, patient, since(app)).await
    }

    /// A patient the caller may look at. Anyone else's is not there.
    pub(in crate::http) async fn patient(&self, app: &App, id: PatientRef) -> Result<Patient> {
        let id = self.resolve(id)?;
        if !self.is_related(app, id).await? {
            return Err(Kind::NotFound("patient").into());
        }
        find(&app.store, id).await
    }

    /// The patient that a path names.
    pub(in crate::http) fn resolve(&self, id: PatientRef) -> Result<PatientId> {
        match (id, self.standing) {
            (PatientRef::Id(id), _) => Ok(id),
            (PatientRef::Me, Standing::Patient(own)) => Ok(own),
            (PatientRef::Me, _) => Err(Kind::Forbidden("for patients only").into()),
        }
    }

    /// The doctor who calls.
    pub(in crate::http) fn doctor(&self) -> Result<DoctorId> {
        match self.standing {
            Standing::Doctor(doctor) => Ok(doctor),
            _ => Err(Kind::Forbidden("for doctors only").into()),
        }
    }

    /// The institution that calls.
    pub(in crate::http) fn institution(&self) -> Result<InstitutionId> {
        match self.standing {
            Standing::Institution(institution) => Ok(institution),
            _ => Err(Kind::Forbidden("for institutions only").into()),
        }
    }
}

/// A patient in a path: an id, or `me`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum PatientRef {
    Id(PatientId),
    Me,
}

impl<'de> serde::Deserialize<'de> for PatientRef {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        if text == "me" {
            return Ok(Self::Me);
        }
        let id = text.parse().map_err(|_| serde::de::Error::custom("not an id"))?;
        Ok(Self::Id(PatientId(id)))
    }
}

/// From when on visits relate a doctor and a patient.
pub(in crate::http) fn since(app: &App) -> Timestamp {
    Timestamp::now().minus(app.settings.relation)
}

pub(in crate::http) fn not_for_you() -> Error {
    Kind::Forbidden("records of care are for those who take part in it").into()
}
