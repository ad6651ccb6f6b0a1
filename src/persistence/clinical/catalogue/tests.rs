use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::*;
use crate::domain::time::Timestamp;
use crate::error::{Kind, Result};
use crate::persistence::Store;
use crate::persistence::clinical::row::{find, hold, remove};
use crate::persistence::store::tests::stores;

const NOW: Timestamp = Timestamp(1_000);

fn draft<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

async fn create<E: Entry>(store: &Store, value: Value) -> Result<E> {
    let mut tx = store.begin().await?;
    let row = E::insert(&mut tx, &draft(value), NOW).await?;
    tx.commit().await?;
    Ok(row)
}

async fn change<E: Entry>(store: &Store, id: E::Id, value: Value) -> Result<E> {
    let mut tx = store.begin().await?;
    let row = hold::<E>(&mut tx, id).await?.update(&mut tx, &draft(value), NOW).await?;
    tx.commit().await?;
    Ok(row)
}

async fn erase<E: Entry>(store: &Store, id: E::Id) {
    let mut tx = store.begin().await.unwrap();
    remove::<E>(&mut tx, id, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

async fn exam(store: &Store, code: &str) -> Exam {
    create(store, json!({"code": code, "name": code})).await.unwrap()
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T>) -> &'static str {
    match outcome.unwrap_err().kind() {
        Kind::Conflict { field } | Kind::Overlap { field } => field,
        other => panic!("{other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(outcome: Result<T>) -> String {
    match outcome.unwrap_err().kind() {
        Kind::Validation(fields) => format!("{} {:?}", fields[0].pointer, fields[0].code),
        other => panic!("{other:?}"),
    }
}

/// The one that won, and the conflict of the other.
fn one_wins<T: std::fmt::Debug>(left: Result<T>, right: Result<T>) -> (T, &'static str) {
    match (left, right) {
        (Ok(won), lost @ Err(_)) | (lost @ Err(_), Ok(won)) => (won, conflict(lost)),
        other => panic!("{other:?}"),
    }
}

async fn ids<E: Entry>(store: &Store, filter: &Filter) -> Vec<i64> {
    let rows: Vec<E> = page(store, filter, None, 100).await.unwrap();
    assert_eq!(count::<E>(store, filter).await.unwrap(), i64::try_from(rows.len()).unwrap());
    rows.iter().map(|row| row.id().into()).collect()
}

#[tokio::test]
async fn of_two_parallel_creations_with_one_code_one_wins() {
    for store in stores().await {
        let new = || create::<Exam>(&store, json!({"code": "HEM", "name": "Hemograma"}));

        let (left, right) = tokio::join!(new(), new());

        assert_eq!(one_wins(left, right).1, "code");
    }
}

#[tokio::test]
async fn of_two_parallel_prices_for_the_same_days_one_wins() {
    for store in stores().await {
        let exam = exam(&store, "HEM").await.id;
        let new = |from: &'static str| {
            create::<Price>(
                &store,
                json!({"exam_id": exam, "amount_cents": 1, "currency": "ARS", "valid_from": from}),
            )
        };

        let (left, right) = tokio::join!(new("2025-01-01"), new("2025-02-01"));

        let (won, field) = one_wins(left, right);
        assert_eq!(field, "valid_from");
        let changed = change::<Price>(
            &store,
            won.id,
            json!({"exam_id": exam, "amount_cents": 2, "currency": "ARS", "valid_to": "2024-12-31"}),
        );
        assert_eq!(changed.await.unwrap().stamp.version, 2);
        new("2025-01-01").await.unwrap();
    }
}

#[tokio::test]
async fn prices_of_different_places_do_not_contradict_each_other() {
    for store in stores().await {
        let exam = exam(&store, "HEM").await.id;
        let place: Location = create(
            &store,
            json!({"name": "Centro", "address": {"line1": "x", "city": "y", "country": "AR"}}),
        )
        .await
        .unwrap();
        let new = |location: Option<i64>| {
            create::<Price>(
                &store,
                json!({"exam_id": exam, "location_id": location, "amount_cents": 1, "currency": "ARS"}),
            )
        };

        new(None).await.unwrap();
        new(Some(place.id.0)).await.unwrap();

        assert_eq!(conflict(new(Some(place.id.0)).await), "valid_from");
    }
}

#[tokio::test]
async fn two_parallel_moves_cannot_close_a_cycle() {
    for store in stores().await {
        let shelf = |name: &'static str| create::<Category>(&store, json!({"name": name}));
        let (a, b) = (shelf("a").await.unwrap().id, shelf("b").await.unwrap().id);

        let (left, right) = tokio::join!(
            change::<Category>(&store, a, json!({"name": "a", "parent_id": b})),
            change::<Category>(&store, b, json!({"name": "b", "parent_id": a})),
        );

        // PostgreSQL may end one of the two as a deadlock instead.
        assert!(left.is_ok() != right.is_ok(), "{left:?} {right:?}");
    }
}

#[tokio::test]
async fn what_is_referred_to_must_stand() {
    for store in stores().await {
        let exam = exam(&store, "HEM").await.id;
        let package: Package =
            create(&store, json!({"name": "p", "exam_ids": [exam]})).await.unwrap();
        erase::<Exam>(&store, exam).await;

        let new = create::<Package>(&store, json!({"name": "q", "exam_ids": [exam]})).await;
        assert_eq!(refused(new), "/exam_ids/0 Reference");
        let new = create::<Exam>(&store, json!({"code": "X", "name": "x", "category_id": 9})).await;
        assert_eq!(refused(new), "/category_id Reference");

        // What it held before the removal it may keep.
        let kept = json!({"name": "renamed", "exam_ids": [exam]});
        let kept = change::<Package>(&store, package.id, kept).await.unwrap();
        assert_eq!(kept.exam_ids.0, [exam]);
    }
}

#[tokio::test]
async fn a_removed_row_is_gone_and_its_code_is_free() {
    for store in stores().await {
        let old = exam(&store, "HEM").await.id;
        erase::<Exam>(&store, old).await;

        let found = find::<Exam>(&store, old).await;
        assert!(matches!(found.unwrap_err().kind(), Kind::NotFound("exam")));
        let new = exam(&store, "HEM").await.id;

        assert_eq!(ids::<Exam>(&store, &Filter::default()).await, [new.0]);
        let all = Filter { include_deleted: true, ..Filter::default() };
        assert_eq!(ids::<Exam>(&store, &all).await, [new.0, old.0]);
    }
}

#[tokio::test]
async fn lists_are_narrowed_by_every_filter_on_every_table() {
    for store in stores().await {
        let shelf: Category = create(&store, json!({"name": "Laboratorio"})).await.unwrap();
        let place: Location = create(
            &store,
            json!({"name": "Centro", "address": {"line1": "x", "city": "y", "country": "AR"}}),
        )
        .await
        .unwrap();
        let body = json!({"code": "HEM", "name": "Hemograma", "category_id": shelf.id});
        let hem: Exam = create(&store, body).await.unwrap();
        let off = json!({"code": "OLD", "name": "Viejo 100%", "active": false});
        let off: Exam = create(&store, off).await.unwrap();
        let package: Package =
            create(&store, json!({"name": "Chequeo", "exam_ids": [hem.id]})).await.unwrap();
        let price = json!({"exam_id": hem.id, "location_id": place.id, "amount_cents": 1,
            "currency": "ARS"});
        let price: Price = create(&store, price).await.unwrap();

        let category = Filter { category: Some(shelf.id.0), ..Filter::default() };
        let location = Filter { location: Some(place.id.0), ..Filter::default() };
        let active = Filter { active: Some(true), ..Filter::default() };
        let inactive = Filter { active: Some(false), ..Filter::default() };
        let text = |text: &str| Filter { text: Some(text.into()), ..Filter::default() };

        for filter in [&category, &location, &active, &text("hEmO")] {
            assert_eq!(ids::<Exam>(&store, filter).await, [hem.id.0], "{filter:?}");
            assert_eq!(ids::<Price>(&store, filter).await, [price.id.0], "{filter:?}");
        }
        for filter in [&category, &active, &text("cheq")] {
            assert_eq!(ids::<Package>(&store, filter).await, [package.id.0], "{filter:?}");
        }
        for filter in [&location, &active, &text("labo")] {
            assert_eq!(ids::<Category>(&store, filter).await, [shelf.id.0], "{filter:?}");
        }
        for filter in [&category, &location, &active, &text("cent")] {
            assert_eq!(ids::<Location>(&store, filter).await, [place.id.0], "{filter:?}");
        }
        assert_eq!(ids::<Exam>(&store, &inactive).await, [off.id.0]);
        assert_eq!(ids::<Exam>(&store, &text("0%")).await, [off.id.0]);
        assert!(ids::<Exam>(&store, &text("e_o")).await.is_empty());
        let later = Filter { created_from: Some(Timestamp(NOW.0 + 1)), ..Filter::default() };
        assert!(ids::<Exam>(&store, &later).await.is_empty());
    }
}
