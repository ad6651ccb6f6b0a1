//! Who may call what, and the refusals that follow from it, for every operation alike.
//!
//! Operations say of themselves what is special about them. A test calls each of them as everyone
//! there is and holds this table to the answers.

use serde_json::{Map, Value, json};

use super::JSON;
use crate::http::problem::Problem;

const PROBLEM: &str = "application/problem+json";

/// Who an operation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callers {
    /// Everybody; credentials, where they are given, may show more.
    Anyone,
    /// Whoever is signed in.
    Members,
    /// Whoever has credentials of any kind.
    Holders,
    Administrators,
    /// Administrators and services.
    House,
    /// Some of those who take part in care, administrators and services.
    Care,
    /// Some of those who take part in care; no services.
    People,
}

const MEMBERS: &[&str] = &[
    "add_role",
    "change",
    "end",
    "endSession",
    "get_me",
    "get_settings",
    "issueTicket",
    "joinSession",
    "leave",
    "list",
    "listEvents",
    "logout",
    "patchSession",
    "patch_me",
    "patch_settings",
    "replace_settings",
    "resend",
    "validate",
];
const HOLDERS: &[&str] = &[
    "delete_file",
    "download_file",
    "get_doctor_availability",
    "introspect",
    "list_regions",
    "upload_file",
];
const CARE: &[&str] = &[
    "cancel_appointment",
    "cancel_consultation",
    "check_in_appointment",
    "complete_appointment",
    "confirm_appointment",
    "create_appointment",
    "create_consultation",
    "create_doctor",
    "create_patient",
    "create_result",
    "create_room_token",
    "delete_doctor",
    "deliver_result",
    "disconnect_participant",
    "end_consultation",
    "get_appointment",
    "get_care_team",
    "get_consultation",
    "get_doctor",
    "get_health_profile",
    "get_institution",
    "get_medical_record",
    "get_patient",
    "get_patient_dashboard",
    "get_patient_profile",
    "get_recording",
    "get_recording_url",
    "get_result",
    "get_result_file",
    "get_room_stats",
    "hand_over_consultation",
    "invite_to_consultation",
    "list_active_rooms",
    "list_appointments",
    "list_consultation_messages",
    "list_consultations",
    "list_doctors",
    "list_health_profiles",
    "list_institutions",
    "list_patients",
    "list_recordings",
    "list_results",
    "miss_appointment",
    "open_video_appointment",
    "patch_appointment",
    "patch_doctor",
    "patch_institution",
    "patch_patient",
    "patch_result",
    "put_result_file",
    "release_result",
    "replace_doctor",
    "replace_doctor_schedule",
    "replace_health_profile",
    "replace_institution",
    "replace_patient",
    "revoke_consultation_invite",
    "set_doctor_status",
    "start_consultation",
    "start_recording",
    "stop_recording",
    "verify_doctor_license",
];
const PEOPLE: &[&str] = &[
    "add_to_note",
    "cancel_prescription",
    "change_own_doctor",
    "create_diagnosis",
    "create_note",
    "create_prescription",
    "delete_note",
    "get_consultation_key",
    "get_diagnosis",
    "get_doctor_dashboard",
    "get_institution_dashboard",
    "get_note",
    "get_own_doctor",
    "get_own_institution",
    "get_own_patient_record",
    "get_prescription",
    "join_care_team",
    "join_consultation",
    "leave_care_team",
    "list_diagnoses",
    "list_institution_doctors",
    "list_institution_patients",
    "list_notes",
    "list_own_patients",
    "list_prescriptions",
    "mute_participant",
    "patch_diagnosis",
    "patch_recording",
    "precheck_consultation",
    "replace_note",
    "report_room_stats",
    "suggest_diagnoses",
    "validate_patient",
];
const ADMINISTRATORS: &[&str] = &[
    "activate_user",
    "changeLogLevel",
    "deactivate_user",
    "disconnectSocket",
    "listAudit",
    "list_users",
    "nodes",
    "outbox",
    "patch_user",
    "create_specialty",
    "delete_recording",
    "delete_specialty",
    "readLogLevel",
    "replace_specialty",
    "restore_doctor",
    "restore_exam",
    "restore_institution",
    "restore_patient",
    "verify_institution",
    "webSocketStats",
];
const HOUSE: &[&str] = &[
    "adminStats",
    "change_prices",
    "create_category",
    "create_exam",
    "create_institution",
    "create_location",
    "create_package",
    "create_price",
    "create_user",
    "delete_category",
    "delete_exam",
    "delete_institution",
    "delete_location",
    "delete_package",
    "delete_patient",
    "delete_price",
    "get_user",
    "invalidateCache",
    "metrics",
    "patch_category",
    "patch_exam",
    "patch_location",
    "patch_package",
    "patch_price",
    "publishEvent",
    "replace_category",
    "replace_exam",
    "replace_location",
    "replace_package",
    "replace_price",
    "sendMessage",
];

impl Callers {
    fn of(operation: &str) -> Self {
        let lists = [
            (MEMBERS, Self::Members),
            (HOLDERS, Self::Holders),
            (ADMINISTRATORS, Self::Administrators),
            (HOUSE, Self::House),
            (CARE, Self::Care),
            (PEOPLE, Self::People),
        ];
        let listed = lists.iter().find(|(names, _)| names.contains(&operation));
        listed.map_or(Self::Anyone, |(_, callers)| *callers)
    }

    /// The ways to authenticate, any of which will do.
    fn security(self) -> Value {
        let (token, cookie) = (json!({ "accessToken": [] }), json!({ "sessionCookie": [] }));
        let service = json!({ "serviceKey": [] });
        match self {
            Self::Anyone => json!([{}, token, cookie, service]),
            Self::Members | Self::Administrators | Self::People => json!([token, cookie]),
            Self::Holders | Self::House | Self::Care => json!([token, cookie, service]),
        }
    }

    /// Refusals of whoever is not one of them.
    fn refusals(self) -> &'static [&'static str] {
        match self {
            Self::Anyone => &[],
            _ => &["401", "403"],
        }
    }

    fn in_words(self) -> Option<&'static str> {
        match self {
            Self::Anyone => None,
            Self::Members => Some("For whoever is signed in."),
            Self::Holders => Some("For whoever has credentials."),
            Self::Administrators => Some("For administrators."),
            Self::House => Some("For administrators and services."),
            Self::Care => Some("For administrators, services and those of care whom it concerns."),
            Self::People => Some("For those of care whom it concerns."),
        }
    }
}

/// Gives every operation its credentials, its common refusals and its common parameters.
pub(super) fn fill(document: &mut Value) {
    let Some(paths) = document["paths"].as_object_mut() else { return };
    for (path, operations) in paths.iter_mut() {
        for (method, operation) in operations.as_object_mut().into_iter().flatten() {
            describe(operation, path, method);
        }
    }
}

fn describe(operation: &mut Value, path: &str, method: &str) {
    let callers = Callers::of(operation["operationId"].as_str().unwrap_or_default());
    operation["security"] = callers.security();
    if let Some(words) = callers.in_words() {
        let said = operation["description"].as_str().map(|said| format!("{said}\n\n{words}"));
        operation["description"] = json!(said.unwrap_or_else(|| words.to_owned()));
    }
    let mut refusals = callers.refusals().to_vec();
    let has_body = operation.get("requestBody").is_some();
    if has_body {
        refusals.extend(["400", "413", "415", "422"]);
    }
    if path.contains('{') {
        refusals.push("404");
    }
    if has_parameter(operation, "query") {
        refusals.push("400");
    }
    // Removed rows are for administrators, even in lists that are for anyone.
    if parameters(operation).any(|parameter| parameter["name"] == "include_deleted") {
        refusals.push("403");
    }
    if has_parameter(operation, "header") {
        refusals.extend(["400", "412"]);
    }
    if !is_probe(path) {
        refusals.push("429");
    }
    if method == "post" && callers != Callers::Anyone {
        refusals.extend(["400", "409", "422"]);
        let parameters = operation.as_object_mut().map(|operation| operation.entry("parameters"));
        if let Some(Value::Array(parameters)) =
            parameters.map(|parameters| parameters.or_insert_with(|| json!([])))
        {
            parameters.push(idempotency_key());
        }
    }
    if let Some(Value::Object(answers)) = operation.get_mut("responses") {
        refuse(answers, &refusals, path);
    }
}

/// Adds the refusals that are not told yet. All are problems, which have a media type of their own.
fn refuse(answers: &mut Map<String, Value>, refusals: &[&str], path: &str) {
    for status in refusals {
        let untold = || json!({ "description": "", "content": { JSON: { "schema": problem() } } });
        answers.entry(*status).or_insert_with(untold);
    }
    answers.sort_keys();
    for (status, answer) in answers {
        if let Some(Value::Object(content)) = answer.get_mut("content")
            && content.get(JSON).is_some_and(|body| body["schema"] == problem())
            && let Some(mut body) = content.remove(JSON)
        {
            if let Ok(status) = status.parse() {
                body["example"] = Problem::sample(status, path);
            }
            content.insert(PROBLEM.to_owned(), body);
        }
    }
}

fn problem() -> Value {
    json!({ "$ref": "#/components/schemas/Problem" })
}

fn has_parameter(operation: &Value, place: &str) -> bool {
    parameters(operation).any(|parameter| parameter["in"] == place)
}

fn parameters(operation: &Value) -> impl Iterator<Item = &Value> {
    operation["parameters"].as_array().into_iter().flatten()
}

/// Probes and documents are not counted against anyone, nor is what a service signs.
fn is_probe(path: &str) -> bool {
    path.starts_with("/health") || path == "/metrics" || path.starts_with("/webhooks/")
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": false,
        "description": "Under the same key a repeated request gets the first answer again.",
        "schema": { "type": "string", "minLength": 1, "maxLength": 128 },
    })
}
