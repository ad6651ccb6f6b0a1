-- The rows behind the roles: doctors, institutions, patients, professionals, companies.

create table doctor_specialties (
    id integer primary key autoincrement,
    name text not null,
    category text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index doctor_specialties_name on doctor_specialties (name) where deleted_at is null;

create table medical_institutions (
    id integer primary key autoincrement,
    user_id bigint references users (id) on delete restrict,
    name text not null,
    type text not null check (type in ('clinic', 'hospital', 'insurer', 'laboratory', 'pharmacy', 'health_center', 'other')),
    contact_email text not null,
    license_number text not null,
    region text not null,
    country text not null,
    city text,
    website text,
    status text not null default 'active' check (status in ('active', 'inactive', 'suspended')),
    verification_status text not null default 'pending' check (verification_status in ('pending', 'verified', 'rejected')),
    accreditation text,
    accredited_until text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index medical_institutions_user on medical_institutions (user_id) where deleted_at is null;
create unique index medical_institutions_contact_email on medical_institutions (contact_email) where deleted_at is null;
create unique index medical_institutions_license on medical_institutions (license_number) where deleted_at is null;
create index medical_institutions_region on medical_institutions (region);

create table doctors (
    id integer primary key autoincrement,
    user_id bigint references users (id) on delete restrict,
    first_name text not null,
    last_name text not null,
    medical_license text not null,
    license_verified boolean not null default false,
    license_valid_until text,
    status text not null default 'active' check (status in ('active', 'suspended', 'retired')),
    main_specialty_id bigint references doctor_specialties (id) on delete restrict,
    institution_id bigint references medical_institutions (id) on delete restrict,
    years_experience bigint not null default 0 check (years_experience between 0 and 70),
    consultation_fee_cents bigint not null default 0 check (consultation_fee_cents >= 0),
    currency text not null,
    bio text,
    languages text not null default '[]',
    schedule text not null default '{}',
    time_zone text not null default 'UTC',
    rating_avg real,
    rating_count bigint not null default 0,
    external_ref text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index doctors_user on doctors (user_id) where deleted_at is null;
create unique index doctors_license on doctors (medical_license) where deleted_at is null;
create unique index doctors_external_ref on doctors (external_ref) where deleted_at is null;
create index doctors_institution on doctors (institution_id);
create index doctors_status on doctors (status, id);

create table doctor_specialty_links (
    doctor_id bigint not null references doctors (id) on delete restrict,
    specialty_id bigint not null references doctor_specialties (id) on delete restrict,
    position bigint not null,
    primary key (doctor_id, specialty_id)
);
create index doctor_specialty_links_specialty on doctor_specialty_links (specialty_id);

create table patients (
    id integer primary key autoincrement,
    user_id bigint references users (id) on delete restrict,
    first_name text not null,
    last_name text not null,
    date_of_birth text not null,
    sex text not null default 'unspecified' check (sex in ('female', 'male', 'intersex', 'unspecified')),
    document_number text,
    doctor_id bigint references doctors (id) on delete restrict,
    institution_id bigint references medical_institutions (id) on delete restrict,
    association_status text not null default 'unassociated' check (association_status in ('associated', 'unassociated')),
    validation_status text not null default 'pending' check (validation_status in ('pending', 'validated_by_doctor', 'validated_by_institution', 'full_access')),
    emergency_contact_name text,
    emergency_contact_phone text,
    emergency_contact_relationship text,
    external_ref text,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint,
    check (association_status = 'unassociated' or doctor_id is not null or institution_id is not null),
    check (association_status = 'unassociated' or (emergency_contact_name is not null and emergency_contact_phone is not null))
);
create unique index patients_user on patients (user_id) where deleted_at is null;
create unique index patients_external_ref on patients (external_ref) where deleted_at is null;
create index patients_doctor on patients (doctor_id);
create index patients_institution on patients (institution_id);
create index patients_validation_status on patients (validation_status);

create table professionals (
    id integer primary key autoincrement,
    user_id bigint not null references users (id) on delete restrict,
    headline text not null default '',
    bio text,
    hourly_rate_cents bigint check (hourly_rate_cents >= 0),
    currency text not null,
    service_radius_km bigint not null default 25 check (service_radius_km between 1 and 500),
    lat real check (lat between -90 and 90),
    lon real check (lon between -180 and 180),
    city text,
    available boolean not null default false,
    active boolean not null default true,
    kyc_status text not null default 'not_submitted' check (kyc_status in ('not_submitted', 'pending', 'in_review', 'approved', 'rejected', 'expired', 'revoked')),
    rating_avg real,
    rating_count bigint not null default 0,
    jobs_completed bigint not null default 0,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index professionals_user on professionals (user_id) where deleted_at is null;
create index professionals_place on professionals (lat, lon);

create table companies (
    id integer primary key autoincrement,
    user_id bigint references users (id) on delete restrict,
    name text not null,
    tax_id text not null,
    contact_email text not null,
    industry text,
    employee_count bigint check (employee_count >= 0),
    institution_id bigint references medical_institutions (id) on delete restrict,
    version bigint not null default 1,
    created_at bigint not null,
    updated_at bigint not null,
    deleted_at bigint
);
create unique index companies_user on companies (user_id) where deleted_at is null;
create unique index companies_tax_id on companies (tax_id) where deleted_at is null;
