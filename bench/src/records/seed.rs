//! Fills a database that the product has migrated, by statements that make their own rows.
//!
//! Patient `i` is the same on both engines. Names come with the skew of real ones; every patient has an
//! account, a doctor and an institution, every second one a health profile.

use std::io;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection, raw_sql};

use super::names;

/// Patients that one statement makes.
const CHUNK: u64 = 50_000;
const DOCTORS: u64 = 2_000;
const INSTITUTIONS: u64 = 50;
const EXAMS: u64 = 300;
/// Ids of the patients' accounts come after those of everyone who signs in.
const FIRST_ACCOUNT: u64 = 1_000_000;
/// When the first patient was written, in milliseconds.
const EPOCH: u64 = 1_700_000_000_000;

/// Whoever was born before that year is of age. Scores are written as the product writes them: it would
/// go through those of adults that are not, while it is measured.
fn adult_before() -> u64 {
    const SECONDS_OF_A_YEAR: u64 = 31_556_952;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    1970 + since_1970.as_secs() / SECONDS_OF_A_YEAR - 18
}

/// PostgreSQL builds the search index over rows that are there many times faster than row by row.
const TAKE_INDEX: &str = "
    create table bench_index as select indexdef from pg_indexes where indexname = 'patients_search';
    drop index if exists patients_search";
const MAKE_INDEX: &str = "
    do $$ declare made text; begin
        for made in select indexdef from bench_index loop execute made; end loop;
    end $$;
    drop table bench_index";

/// A connection to either engine.
enum Database {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Makes `patients` patients with all that belongs to them.
pub(super) fn fill(url: &str, patients: u64) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill_in_chunks(url, patients)).map_err(io::Error::other)
}

/// Makes an empty PostgreSQL database beside the one at `url`.
pub(super) fn create_database(url: &str, name: &str) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let create = async { Database::open(url).await?.run(format!("create database {name}")).await };
    runtime.block_on(create).map_err(io::Error::other)
}

/// Whether the database at `url` lets us in.
pub(super) fn answers(url: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.is_ok_and(|runtime| runtime.block_on(Database::open(url)).is_ok())
}

async fn fill_in_chunks(url: &str, patients: u64) -> sqlx::Result<()> {
    let started = Instant::now();
    let mut database = Database::open(url).await?;
    match database {
        // Rows that are lost with the machine can be made again.
        Database::Sqlite(_) => database.run("pragma synchronous = off").await?,
        Database::Postgres(_) => database.run(TAKE_INDEX).await?,
    }
    database.run(houses()).await?;
    let (first, last) = (relation(&names::given()), relation(&names::surnames()));
    for from in (1..=patients).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        let to = patients.min(from + CHUNK - 1);
        let people = people(from, to, &first, &last);
        database.run(format!("begin; {}; commit", people.join("; "))).await?;
        if to.is_multiple_of(4 * CHUNK) {
            let seconds = started.elapsed().as_secs();
            eprintln!("  {to} of {patients} patients after {seconds} s");
        }
    }
    match database {
        Database::Sqlite(_) => database.run("pragma wal_checkpoint(truncate)").await?,
        Database::Postgres(_) => {
            database.run(MAKE_INDEX).await?;
            // Autovacuum would do it in the middle of the measurement.
            database.run("vacuum analyze").await?;
        }
    }
    database.close().await
}

impl Database {
    async fn open(url: &str) -> sqlx::Result<Self> {
        Ok(if url.starts_with("sqlite:") {
            Self::Sqlite(SqliteConnection::connect(url).await?)
        } else {
            Self::Postgres(PgConnection::connect(url).await?)
        })
    }

    async fn run(&mut self, sql: impl Into<String>) -> sqlx::Result<()> {
        let sql = raw_sql(AssertSqlSafe(sql.into()));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(drop),
            Self::Postgres(connection) => sql.execute(connection).await.map(drop),
        }
    }

    async fn close(self) -> sqlx::Result<()> {
        match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        }
    }
}

/// Numbers `from` to `to` as the relation `n (i)`.
fn numbers(from: u64, to: u64) -> String {
    format!(
        "with recursive n (i) as (
             select cast({from} as bigint) union all select i + 1 from n where i < {to})"
    )
}

/// Institutions, doctors and the catalogue.
fn houses() -> String {
    let institutions = numbers(1, INSTITUTIONS);
    let doctors = numbers(1, DOCTORS);
    let (categories, exams) = (numbers(1, 12), numbers(1, EXAMS));
    format!(
        "insert into medical_institutions
             (id, name, type, contact_email, license_number, region, country, created_at, updated_at)
         {institutions}
         select i, 'Clínica ' || i, 'clinic', 'clinica' || i || '@example.com', 'L-' || i, 'Córdoba', 'AR',
             {EPOCH}, {EPOCH}
         from n;
         insert into doctors
             (id, first_name, last_name, medical_license, institution_id, currency, created_at, updated_at)
         {doctors}
         select i, 'Ana', 'Ruiz', 'MN-' || i, 1 + i % {INSTITUTIONS}, 'ARS', {EPOCH}, {EPOCH} from n;
         insert into categories (id, name, created_at, updated_at)
         {categories}
         select i, 'Categoría ' || i, {EPOCH}, {EPOCH} from n;
         insert into exams
             (id, code, name, description, category_id, duration_minutes, created_at, updated_at)
         {exams}
         select i, 'LAB-' || i, 'Hemograma ' || i, 'Sangre venosa, en ayunas', 1 + i % 12, 15, {EPOCH}, {EPOCH}
         from n"
    )
}

/// Names with their places and folded forms, as rows of `values`.
fn relation(names: &[&str]) -> (usize, String) {
    let row =
        |(place, name): (usize, &&str)| format!("({place}, '{name}', '{}')", names::folded(name));
    let rows: Vec<String> = names.iter().enumerate().map(row).collect();
    (names.len(), rows.join(", "))
}

/// Statements that make the accounts, the patients and the health profiles of a chunk.
///
/// `a` to `d` scatter: multiples of `i` in four prime fields. Their squares choose names, so that the first
/// of a hundred is borne by a tenth and the last by a two-hundredth.
fn people(from: u64, to: u64, first: &(usize, String), last: &(usize, String)) -> [String; 3] {
    let people = format!(
        "{numbers},
         given (place, name, folded) as (values {given}),
         surnames (place, name, folded) as (values {surnames}),
         scattered as (
             select i, (i * 48271) % 10007 as a, (i * 69621) % 10009 as b, (i * 40014) % 10037 as c,
                 (i * 16807) % 10039 as d
             from n),
         people as (
             select i, a, b, c, d, given.name as first_name, own.name || ' ' || other.name as last_name,
                 given.folded || ' ' || own.folded || ' ' || other.folded as folded,
                 given.folded || '.' || own.folded || i || '@example.com' as email,
                 cast(20000000 + (i * 7919) % 40000000 as text) as document
             from scattered
             join given on given.place = (a * a) * {given_count} / (10007 * 10007)
             join surnames own on own.place = (b * b) * {surname_count} / (10009 * 10009)
             join surnames other on other.place = (c * c) * {surname_count} / (10037 * 10037))",
        numbers = numbers(from, to),
        given = first.1,
        surnames = last.1,
        given_count = first.0,
        surname_count = last.0,
    );
    let adult_before = adult_before();
    [
        format!(
            "insert into users
                 (id, email, nombre, apellido, primary_role, reference_id, created_at, updated_at)
             {people}
             select {FIRST_ACCOUNT} + i, email, first_name, last_name, 'patient', i, {EPOCH} + i, {EPOCH} + i
             from people order by i"
        ),
        format!(
            "insert into patients
                 (id, user_id, first_name, last_name, date_of_birth, sex, document_number, doctor_id,
                  institution_id, association_status, validation_status, emergency_contact_name,
                  emergency_contact_phone, search, created_at, updated_at)
             {people}
             select i, {FIRST_ACCOUNT} + i, first_name, last_name,
                 (1935 + a % 85) || '-' || substr(cast(101 + b % 12 as text), 2) || '-'
                     || substr(cast(101 + c % 28 as text), 2),
                 case when a % 2 = 0 then 'female' else 'male' end, document,
                 1 + (a * 31 + b) % {DOCTORS}, 1 + b % {INSTITUTIONS}, 'associated',
                 case when d < 6000 then 'full_access' when d < 8000 then 'validated_by_doctor'
                     when d < 9000 then 'validated_by_institution' else 'pending' end,
                 'Luis Gómez', '+54 351 555 0101', folded || ' ' || replace(replace(email, '.', ' '), '@', ' ') || ' ' || document,
                 {EPOCH} + i, {EPOCH} + i
             from people order by i"
        ),
        format!(
            "insert into health_profiles
                 (patient_id, height_cm, weight_kg, systolic, diastolic, bmi, health_score, as_adult,
                  recorded_at, created_at, updated_at)
             {people}
             select i, 150 + a % 45, 50 + b % 60, 100 + c % 50, 60 + d % 40,
                 (50 + b % 60) * 10000.0 / ((150 + a % 45) * (150 + a % 45)), 40 + a % 60,
                 1935 + a % 85 < {adult_before}, {EPOCH} + i, {EPOCH} + i, {EPOCH} + i
             from people where i % 2 = 0 order by i"
        ),
    ]
}
