-- Records of care: contacts, health, validation, notes, visits, results and files.

create table emails (
    id integer primary key autoincrement,
    entity_type text not null check (entity_type in ('doctor', 'patient', 'institution', 'company', 'user')),
    entity_id bigint not null,
    type text not null check (type in ('personal', 'work', 'contact')),
    email text not null,
    is_primary boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index emails_entity on emails (entity_type, entity_id);
create index emails_email on emails (email);

create table phones (
    id integer primary key autoincrement,
    entity_type text not null check (entity_type in ('doctor', 'patient', 'institution', 'company', 'user')),
    entity_id bigint not null,
    type text not null check (type in ('mobile', 'home', 'work', 'emergency')),
    number text not null,
    is_primary boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index phones_entity on phones (entity_type, entity_id);

create table addresses (
    id integer primary key autoincrement,
    entity_type text not null check (entity_type in ('doctor', 'patient', 'institution', 'company', 'user')),
    entity_id bigint not null,
    type text not null check (type in ('home', 'work', 'billing')),
    line1 text not null,
    line2 text,
    city text not null,
    region text,
    postal_code text,
    country text not null,
    lat real,
    lon real,
    is_primary boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index addresses_entity on addresses (entity_type, entity_id);

-- What people are found by: words in lower case and without accents.
alter table doctors add column search text not null default '';
alter table medical_institutions add column search text not null default '';
alter table patients add column search text not null default '';

-- Lists go by descending id within what they are narrowed to.
drop index doctors_institution;
create index doctors_institution on doctors (institution_id, id);
drop index patients_doctor;
create index patients_doctor on patients (doctor_id, id);
drop index patients_institution;
create index patients_institution on patients (institution_id, id);
drop index patients_validation_status;
create index patients_validation_status on patients (validation_status, id);
create index patients_born on patients (date_of_birth);

create table patient_doctors (
    patient_id bigint not null references patients (id) on delete restrict,
    doctor_id bigint not null references doctors (id) on delete restrict,
    role text not null check (role in ('primary', 'specialist', 'nurse', 'other')),
    since bigint not null,
    primary key (patient_id, doctor_id)
);
create index patient_doctors_doctor on patient_doctors (doctor_id);

create table health_profiles (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    height_cm real,
    weight_kg real,
    blood_type text check (blood_type in ('A+', 'A-', 'B+', 'B-', 'AB+', 'AB-', 'O+', 'O-')),
    systolic bigint,
    diastolic bigint,
    heart_rate bigint,
    temperature_c real,
    spo2 real,
    fasting_glucose_mgdl real,
    smoking text check (smoking in ('never', 'former', 'current')),
    alcohol_units_week real,
    activity_minutes_week bigint,
    sleep_hours real,
    chronic_conditions text,
    allergies text,
    medications text,
    family_history text,
    notes text,
    -- Six decimals, for classing.
    bmi real,
    health_score bigint,
    recorded_at bigint not null,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index health_profiles_patient on health_profiles (patient_id);
create index health_profiles_bmi on health_profiles (bmi);

create table health_profile_history (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    recorded_at bigint not null,
    data text not null,
    kpis text not null,
    recorded_by bigint references users (id) on delete restrict
);
create index health_profile_history_patient on health_profile_history (patient_id, id);

create table validation_history (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    from_status text not null,
    to_status text not null,
    by_user_id bigint references users (id) on delete restrict,
    note text,
    created_at bigint not null
);
create index validation_history_patient on validation_history (patient_id, id);

create table appointments (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    doctor_id bigint references doctors (id) on delete restrict,
    institution_id bigint references medical_institutions (id) on delete restrict,
    kind text not null check (kind in ('in_person', 'video', 'lab')),
    status text not null check (status in ('scheduled', 'confirmed', 'checked_in', 'in_progress', 'completed', 'cancelled', 'no_show')),
    starts_at bigint not null,
    ends_at bigint not null,
    location_id bigint references locations (id) on delete restrict,
    reason text,
    consultation_id text,
    cancelled_by bigint references users (id) on delete restrict,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    check (kind = 'lab' or doctor_id is not null),
    check (ends_at > starts_at)
);
create unique index appointments_consultation on appointments (consultation_id);
create index appointments_doctor on appointments (doctor_id, starts_at);
create index appointments_patient on appointments (patient_id, starts_at);
create index appointments_institution on appointments (institution_id, starts_at);
create index appointments_status on appointments (status, starts_at);
create index appointments_starts_at on appointments (starts_at);

create table appointment_exams (
    appointment_id bigint not null references appointments (id) on delete restrict,
    exam_id bigint not null references exams (id) on delete restrict,
    primary key (appointment_id, exam_id)
);

-- Reminders that went out; a row claims one for the node that sends it.
create table appointment_reminders (
    appointment_id bigint not null references appointments (id) on delete restrict,
    minutes bigint not null,
    starts_at bigint not null,
    sent_at bigint not null,
    primary key (appointment_id, minutes, starts_at)
);

create table consultations (
    id text not null primary key,
    appointment_id bigint references appointments (id) on delete restrict,
    patient_ref text not null,
    doctor_ref text not null,
    patient_id bigint references patients (id) on delete restrict,
    doctor_id bigint references doctors (id) on delete restrict,
    room_name text not null,
    room_sid text,
    mode text not null check (mode in ('p2p', 'sfu')),
    e2ee boolean not null default false,
    status text not null check (status in ('created', 'waiting', 'live', 'ended', 'cancelled')),
    max_participants bigint not null default 10,
    summary text,
    created_by bigint references users (id) on delete restrict,
    started_at bigint,
    ended_at bigint,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index consultations_room on consultations (room_name);
create index consultations_patient on consultations (patient_id, created_at);
create index consultations_doctor on consultations (doctor_id, created_at);
create index consultations_status on consultations (status, created_at);

create table notes (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    consultation_id text references consultations (id) on delete restrict,
    author_id bigint not null references users (id) on delete restrict,
    kind text not null check (kind in ('soap', 'progress', 'admission', 'discharge', 'other')),
    body text not null,
    addendum_to bigint references notes (id) on delete restrict,
    released_to_patient boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index notes_patient on notes (patient_id, id);

create table prescriptions (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    doctor_id bigint not null references doctors (id) on delete restrict,
    consultation_id text references consultations (id) on delete restrict,
    items text not null,
    status text not null check (status in ('active', 'cancelled', 'expired')),
    valid_until text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index prescriptions_patient on prescriptions (patient_id, id);
create index prescriptions_valid_until on prescriptions (status, valid_until);

create table ai_suggestions (
    id text not null primary key,
    patient_id bigint not null references patients (id) on delete restrict,
    doctor_id bigint references doctors (id) on delete restrict,
    provider text not null check (provider in ('rules', 'openai')),
    request text not null,
    response text not null,
    created_at bigint not null
);
create index ai_suggestions_patient on ai_suggestions (patient_id, created_at);

create table diagnoses (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    doctor_id bigint not null references doctors (id) on delete restrict,
    consultation_id text references consultations (id) on delete restrict,
    code text not null,
    description text not null,
    status text not null check (status in ('suspected', 'confirmed', 'ruled_out', 'resolved')),
    source text not null check (source in ('doctor', 'ai')),
    suggestion_id text references ai_suggestions (id) on delete restrict,
    released_to_patient boolean not null default false,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index diagnoses_patient on diagnoses (patient_id, id);

create table files (
    id text not null primary key,
    owner_id bigint references users (id) on delete restrict,
    name text not null,
    content_type text not null,
    size bigint not null,
    sha256 text not null,
    purpose text not null check (purpose in ('kyc', 'chat', 'result', 'avatar', 'portfolio', 'note', 'other')),
    storage text not null check (storage in ('local', 's3')),
    storage_key text not null,
    -- Present when the stored bytes are encrypted.
    enc_nonce text,
    created_at bigint not null,
    deleted_at bigint
);
create index files_owner on files (owner_id);

create table results (
    id integer primary key autoincrement,
    patient_id bigint not null references patients (id) on delete restrict,
    exam_id bigint references exams (id) on delete restrict,
    exam_name text not null,
    appointment_id bigint references appointments (id) on delete restrict,
    ordered_by bigint references users (id) on delete restrict,
    status text not null check (status in ('pending', 'ready', 'delivered')),
    exam_values text not null default '[]',
    file_id text references files (id) on delete restrict,
    comment text,
    ready_at bigint,
    delivered_at bigint,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create index results_patient on results (patient_id, id);
create index results_status on results (status, id);
create index results_ordered_by on results (ordered_by, id);
create index results_file on results (file_id);

create table notifications (
    id integer primary key autoincrement,
    user_id bigint not null references users (id) on delete restrict,
    kind text not null,
    title text not null,
    body text not null,
    data text not null default '{}',
    channels text not null default '[]',
    read_at bigint,
    send_at bigint,
    created_at bigint not null,
    deleted_at bigint
);
create index notifications_user on notifications (user_id, id);

-- The chain over the audit trail; each hash covers the one before.
create table audit_seals (
    audit_id bigint not null primary key,
    prev_hash text not null,
    hash text not null
);
create trigger audit_seals_not_updated before update on audit_seals
begin select raise(abort, 'audit_seals is append-only'); end;
create trigger audit_seals_not_deleted before delete on audit_seals
begin select raise(abort, 'audit_seals is append-only'); end;

-- Any three letters of a patient's search text lead to it.
create virtual table patients_search using fts5 (search, content = 'patients', content_rowid = 'id', detail = none, columnsize = 0, tokenize = 'trigram case_sensitive 1');
create trigger patients_search_insert after insert on patients begin
    insert into patients_search (rowid, search) values (new.id, new.search);
end;
create trigger patients_search_update after update of search on patients when old.search <> new.search begin
    insert into patients_search (patients_search, rowid, search) values ('delete', old.id, old.search);
    insert into patients_search (rowid, search) values (new.id, new.search);
end;
