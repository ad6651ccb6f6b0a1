//! Lists and searches of patients read an index, however many patients there are.

use sqlx::{Row as _, SqlitePool};

use super::*;
use crate::persistence::store::tests::stores;

const MANY: i64 = 20_000;

fn everyone() -> Filter {
    Filter {
        whose: Whose::Everyones,
        text: None,
        doctor: None,
        institution: None,
        validation_status: None,
        bmi: None,
        born_after: None,
        born_until: None,
        created_from: None,
        created_to: None,
        include_deleted: false,
    }
}

/// Adds many patients, one of whom is called `zacarias quintana`.
async fn fill(store: &Store) {
    const SQL: &str = "
        insert into patients (first_name, last_name, date_of_birth, search, created_at, updated_at)
        with recursive n (i) as (select 1 union all select i + 1 from n where i < $1)
        select 'María', 'Gómez', '1990-05-17',
            case when i = 777 then 'zacarias quintana' else 'maria gomez ' || i end, 0, 0 from n";
    let mut tx = store.begin().await.unwrap();
    on!(tx, |conn| sqlx::query(SQL).bind(MANY).execute(conn).await.map(drop)).unwrap();
    on!(tx, |conn| sqlx::query("analyze patients").execute(conn).await.map(drop)).unwrap();
    tx.commit().await.unwrap();
}

/// How the database would answer.
async fn plan(store: &Store, filter: &Filter) -> String {
    let (before, limit) = (i64::MAX, 21_i64);
    let rows: Vec<String> = match store.engine() {
        Either::Sqlite(pool) => sqlite_plan(pool, filter, before, limit).await,
        Either::Postgres(pool) => {
            let mut sql = QueryBuilder::new("explain select id");
            if let Some(text) = filter.text.as_deref() {
                let groups = groups(text);
                page_of_found!(sql, filter, text, groups, before, limit);
            } else {
                page_of!(sql, filter, before, limit, AMONG_POSTGRES);
            }
            let rows = sql.build().persistent(false).fetch_all(pool).await.unwrap();
            rows.iter().map(|row| row.get::<String, _>(0)).collect()
        }
    };
    rows.join("\n")
}

async fn sqlite_plan(pool: &SqlitePool, filter: &Filter, before: i64, limit: i64) -> Vec<String> {
    let mut sql = QueryBuilder::new("explain query plan select id");
    page_on_sqlite!(sql, filter, before, limit);
    let rows = sql.build().fetch_all(pool).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

fn reads_the_whole_table(plan: &str) -> bool {
    plan.contains("Seq Scan on patients") || plan.lines().any(|line| line == "SCAN patients")
}

#[tokio::test]
async fn lists_and_searches_read_an_index() {
    for store in stores().await {
        fill(&store).await;
        let narrowed = [
            everyone(),
            Filter { doctor: Some(DoctorId(1)), ..everyone() },
            Filter { institution: Some(InstitutionId(1)), ..everyone() },
            Filter { validation_status: Some(ValidationStatus::FullAccess), ..everyone() },
            Filter { whose: Whose::Doctors(DoctorId(1), Timestamp(0)), ..everyone() },
            Filter { text: Some("Quintana".into()), ..everyone() },
        ];
        for filter in &narrowed {
            let plan = plan(&store, filter).await;
            assert!(!reads_the_whole_table(&plan), "{filter:?}\n{plan}");
        }
        let search = plan(&store, &narrowed[5]).await;
        let is_indexed = search.contains("patients_search");
        assert!(is_indexed, "{search}");
    }
}

#[tokio::test]
async fn a_search_finds_one_among_many_and_pages_through_many() {
    for store in stores().await {
        fill(&store).await;
        let named = |text: &str| Filter { text: Some(text.into()), ..everyone() };

        let rare = page(&store, &named("QUINTÁNA"), None, 21).await.unwrap();
        assert_eq!(rare.len(), 1);
        let common = page(&store, &named("maría"), None, 3).await.unwrap();
        let ids: Vec<i64> = common.iter().map(|patient| patient.id.0).collect();
        assert_eq!(ids, [MANY, MANY - 1, MANY - 2]);
        let next = page(&store, &named("maría"), Some(MANY - 2), 1).await.unwrap();
        assert_eq!(next[0].id.0, MANY - 3);
        assert_eq!(count(&store, &named("maría")).await.unwrap(), MANY - 1);
    }
}

/// What is called so, by descending id, as a look at every row would find it.
fn looked_for(text: &str, before: i64, limit: usize) -> Vec<i64> {
    let is_called = |id: &i64| {
        let name =
            if *id == 777 { "zacarias quintana".into() } else { format!("maria gomez {id}") };
        text.split(' ').all(|word| name.contains(word))
    };
    (1..before.min(MANY + 1)).rev().filter(is_called).take(limit).collect()
}

#[tokio::test]
async fn a_search_finds_the_frequent_the_rare_and_what_is_between() {
    for store in stores().await {
        fill(&store).await;
        // Everywhere; among the newest only; a few among the newest; none among the newest; once; nowhere.
        for text in [
            "maria",
            "gom 19",
            "1999 mar",
            "195",
            "150",
            "77",
            "9 maria",
            "1",
            "zacarias quintan",
            "quintana gomez",
            "mariana",
            "99999",
        ] {
            let filter = Filter { text: Some(text.into()), ..everyone() };
            for before in [i64::MAX, MANY - 7, 15_050, 900] {
                let rows = page(&store, &filter, Some(before), 21).await.unwrap();
                let ids: Vec<i64> = rows.iter().map(|patient| patient.id.0).collect();
                assert_eq!(ids, looked_for(text, before, 21), "{text} before {before}");
            }
        }
    }
}
