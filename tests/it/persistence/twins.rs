//! Migrations are twins: SQLite and PostgreSQL end up with the same tables.
//!
//! What finds patients by any part of a text is each engine's own: a table here, an index there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use latido::persistence::{Settings, Store};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};

use crate::support::database::Database;

/// What a table promises, in words both databases share.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// By name: the portable type and whether null is refused.
    columns: BTreeMap<String, (&'static str, bool)>,
    primary_key: Vec<String>,
    /// Columns that are unique together, and whether only for some rows.
    unique: BTreeSet<(Vec<String>, bool)>,
    /// By name: its columns, whether it is unique, whether it covers only some rows.
    indexes: BTreeMap<String, (Vec<String>, bool, bool)>,
    /// Own columns, the table they point to, and its columns.
    foreign_keys: BTreeSet<(Vec<String>, String, Vec<String>)>,
    checks: usize,
}

type Schema = BTreeMap<String, Table>;

#[tokio::test]
async fn both_databases_have_the_same_tables() {
    let Some(postgres) = Database::postgres().await else { return };
    let sqlite = Database::sqlite();
    migrate(sqlite.url()).await;
    migrate(postgres.url()).await;

    let in_sqlite = read_sqlite(sqlite.url()).await;
    let in_postgres = read_postgres(postgres.url()).await;

    let differences = differences(&in_sqlite, &in_postgres);
    assert!(in_sqlite.len() > 5, "read only {} tables", in_sqlite.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn a_difference_between_the_twins_is_found() {
    let database = Database::sqlite();
    let mut connection = SqliteConnection::connect(database.url()).await.unwrap();
    let read = async |connection: &mut SqliteConnection, change: &str| {
        sqlx::raw_sql(AssertSqlSafe(change.to_owned())).execute(&mut *connection).await.unwrap();
        read_sqlite(database.url()).await
    };
    let first = read(
        &mut connection,
        "create table a (id integer primary key, b text not null, check (b <> ''));
         create unique index a_b on a (b) where b is not null",
    )
    .await;
    let mut seen = Vec::new();
    for other in [
        "drop index a_b; create unique index a_b on a (b)",
        "drop index a_b",
        "drop table a; create table a (id integer primary key, b text, check (b <> ''))",
        "drop table a; create table a (id integer primary key, b bigint not null)",
        "drop table a",
    ] {
        let second = read(&mut connection, other).await;
        assert_ne!(differences(&first, &second), [""; 0], "{other}");
        seen.push(second);
    }
    assert_eq!(differences(&first, &first), [""; 0]);
}

async fn migrate(url: &str) {
    let settings = Settings { url: url.to_owned(), pool_min: 1, pool_max: 2 };
    let store = Store::open(&settings).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
}

fn differences(sqlite: &Schema, postgres: &Schema) -> Vec<String> {
    let mut found = Vec::new();
    for name in sqlite.keys().chain(postgres.keys()).collect::<BTreeSet<_>>() {
        let (Some(left), Some(right)) = (sqlite.get(name), postgres.get(name)) else {
            let side = if sqlite.contains_key(name) { "SQLite" } else { "PostgreSQL" };
            found.push(format!("table {name} is only in {side}"));
            continue;
        };
        let mut compare = |what: &str, left: &dyn Debug, right: &dyn Debug| {
            let (left, right) = (format!("{left:?}"), format!("{right:?}"));
            if left != right {
                found.push(format!("{name}, {what}:\n  SQLite     {left}\n  PostgreSQL {right}"));
            }
        };
        for column in left.columns.keys().chain(right.columns.keys()).collect::<BTreeSet<_>>() {
            let (left, right) = (left.columns.get(column), right.columns.get(column));
            compare(&format!("column {column}"), &left, &right);
        }
        compare("primary key", &left.primary_key, &right.primary_key);
        compare("unique columns", &left.unique, &right.unique);
        compare("indexes", &left.indexes, &right.indexes);
        compare("foreign keys", &left.foreign_keys, &right.foreign_keys);
        compare("number of checks", &left.checks, &right.checks);
    }
    found
}

/// JSON is `text` on SQLite and `jsonb` on PostgreSQL; both hold what the program wrote.
fn portable(declared: &str) -> &'static str {
    match declared.to_ascii_lowercase().as_str() {
        "integer" | "bigint" => "int",
        "text" | "jsonb" => "text",
        "boolean" => "bool",
        "real" | "double precision" => "real",
        "blob" | "bytea" => "bytes",
        other => panic!("{other} is no portable type"),
    }
}

async fn read_sqlite(url: &str) -> Schema {
    let mut connection = SqliteConnection::connect(url).await.unwrap();
    let tables: Vec<(String, String)> = sqlx::query_as(
        "select name, sql from sqlite_master
         where type = 'table' and name not like 'sqlite_%' and name not like '_sqlx_%'
             and name not like 'patients_search%'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let mut schema = Schema::new();
    for (name, sql) in tables {
        let table = read_sqlite_table(&mut connection, &name, &sql).await;
        schema.insert(name, table);
    }
    schema
}

async fn read_sqlite_table(connection: &mut SqliteConnection, name: &str, sql: &str) -> Table {
    let words = sql.to_ascii_lowercase();
    let mut table = Table { checks: words.matches("check (").count(), ..Table::default() };
    let columns = sqlx::query(AssertSqlSafe(format!(
        "select * from pragma_table_info('{name}') order by pk"
    )))
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    for column in columns {
        let own: String = column.get("name");
        let is_key = column.get::<i64, _>("pk") > 0;
        let is_required = column.get::<bool, _>("notnull") || is_key;
        table.columns.insert(own.clone(), (portable(column.get("type")), is_required));
        if is_key {
            table.primary_key.push(own);
        }
    }
    let indexes = sqlx::query(AssertSqlSafe(format!("select * from pragma_index_list('{name}')")))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    for index in indexes {
        let (own, origin): (String, String) = (index.get("name"), index.get("origin"));
        let (is_unique, is_partial): (bool, bool) = (index.get("unique"), index.get("partial"));
        let columns: Vec<Option<String>> = sqlx::query_scalar(AssertSqlSafe(format!(
            "select name from pragma_index_info('{own}') order by seqno"
        )))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
        // A key part without a name is an expression.
        let columns: Vec<_> =
            columns.into_iter().map(|column| column.unwrap_or_else(|| "()".into())).collect();
        if is_unique && origin != "pk" {
            table.unique.insert((columns.clone(), is_partial));
        }
        if origin == "c" {
            table.indexes.insert(own, (columns, is_unique, is_partial));
        }
    }
    let keys = sqlx::query(AssertSqlSafe(format!(
        "select * from pragma_foreign_key_list('{name}') order by id, seq"
    )))
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let mut foreign: BTreeMap<i64, (Vec<String>, String, Vec<String>)> = BTreeMap::new();
    for key in keys {
        let entry =
            foreign.entry(key.get("id")).or_insert_with(|| (vec![], key.get("table"), vec![]));
        entry.0.push(key.get("from"));
        entry.2.push(key.get::<Option<String>, _>("to").unwrap_or_else(|| "id".into()));
    }
    table.foreign_keys.extend(foreign.into_values());
    table
}

// A unique key of a partitioned table must hold the partition column, which is left out of it here.
const POSTGRES_INDEXES: &str = "
    select t.relname::text as table, i.relname::text as name,
           array(select coalesce(a.attname::text, '()')
                 from unnest(x.indkey::int[]) with ordinality as k(number, place)
                 left join pg_attribute a on a.attrelid = t.oid and a.attnum = k.number and k.number > 0
                 where not x.indisunique or not exists (
                     select from pg_partitioned_table p
                     where p.partrelid = t.oid and k.number = any (p.partattrs::int[]))
                 order by k.place) as columns,
           x.indisunique as is_unique, x.indpred is not null as is_partial,
           x.indisprimary as is_primary,
           exists (select 1 from pg_constraint c
                   where c.conindid = i.oid and c.contype in ('p', 'u')) as is_constraint
    from pg_index x
    join pg_class t on t.oid = x.indrelid
    join pg_class i on i.oid = x.indexrelid
    where t.relnamespace = current_schema()::regnamespace and not t.relispartition
        and i.relname <> 'patients_search'";

async fn read_postgres(url: &str) -> Schema {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let mut schema = Schema::new();
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "select table_name::text, column_name::text, data_type::text, is_nullable = 'NO'
         from information_schema.columns
         where table_schema = current_schema() and table_name not like '\\_sqlx\\_%'
             and not (select relispartition from pg_class
                      where oid = to_regclass(quote_ident(table_name)))",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, column, declared, is_required) in columns {
        let table = schema.entry(table).or_default();
        table.columns.insert(column, (portable(&declared), is_required));
    }
    for index in sqlx::query(POSTGRES_INDEXES).fetch_all(&mut connection).await.unwrap() {
        let Some(table) = schema.get_mut(index.get::<&str, _>("table")) else { continue };
        let columns: Vec<String> = index.get("columns");
        if index.get("is_primary") {
            table.primary_key = columns;
            continue;
        }
        let (is_unique, is_partial): (bool, bool) =
            (index.get("is_unique"), index.get("is_partial"));
        if is_unique {
            table.unique.insert((columns.clone(), is_partial));
        }
        if !index.get::<bool, _>("is_constraint") {
            table.indexes.insert(index.get("name"), (columns, is_unique, is_partial));
        }
    }
    let foreign: Vec<(String, Vec<String>, String, Vec<String>)> = sqlx::query_as(
        "select t.relname::text,
                array(select attname::text from unnest(c.conkey) with ordinality as k(number, place)
                      join pg_attribute on attrelid = t.oid and attnum = k.number order by k.place),
                f.relname::text,
                array(select attname::text from unnest(c.confkey) with ordinality as k(number, place)
                      join pg_attribute on attrelid = f.oid and attnum = k.number order by k.place)
         from pg_constraint c
         join pg_class t on t.oid = c.conrelid
         join pg_class f on f.oid = c.confrelid
         where c.contype = 'f' and t.relnamespace = current_schema()::regnamespace",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, own, other, theirs) in foreign {
        schema.entry(table).or_default().foreign_keys.insert((own, other, theirs));
    }
    let checks: Vec<(String, i64)> = sqlx::query_as(
        "select t.relname::text, count(*) from pg_constraint c
         join pg_class t on t.oid = c.conrelid
         where c.contype = 'c' and t.relnamespace = current_schema()::regnamespace
         group by t.relname",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    for (table, count) in checks {
        schema.entry(table).or_default().checks = usize::try_from(count).unwrap();
    }
    schema
}
