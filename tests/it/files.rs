//! Files: brought over HTTP and sockets, given back byte for byte to who may have them.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use latido::domain::identity::Role;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::accounts::{self, Account};
use crate::support::directory::Directory;
use crate::support::files::{document, form, found};
use crate::support::http::Answer;
use crate::support::upstream::{Reply, Upstream};
use crate::support::{self, Latido};

async fn start(directory: &Directory, more: &[(&str, &str)]) -> Latido {
    let path = directory.path().display().to_string();
    let settings: Vec<_> =
        [("FILES_DIR", path.as_str())].into_iter().chain(more.to_vec()).collect();
    support::start_with(&settings).await
}

async fn get(latido: &Latido, by: &Account, file: &Value) -> Answer {
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    latido.call("GET", &path).bearer(&by.token).send().await
}

async fn delete(latido: &Latido, by: &Account, file: &Value) -> Answer {
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    latido.call("DELETE", &path).bearer(&by.token).send().await
}

fn hash(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap();
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[tokio::test]
async fn a_file_comes_back_byte_for_byte() {
    let directory = Directory::fresh();
    let latido = start(&directory, &[]).await;
    let ana = latido.account(Role::Patient).await;
    let bytes = document(300_000);

    for (purpose, is_sealed) in [("result", true), ("kyc", true), ("note", true), ("other", false)]
    {
        let parts =
            [("purpose", None, purpose.as_bytes()), ("file", Some("../análisis.pdf"), &bytes)];
        let brought = latido.bring(&ana, &parts).await;
        assert_eq!(brought.status, 201, "{}", brought.text());
        let file = brought.json();
        let given = get(&latido, &ana, &file).await;

        assert_eq!(brought.header("location"), format!("/files/{}", file["id"].as_str().unwrap()));
        assert_eq!((&file["name"], &file["purpose"]), (&json!("análisis.pdf"), &json!(purpose)));
        assert_eq!((&file["size"], &file["sha256"]), (&json!(300_000), &json!(hash(&bytes))));
        assert!(given.body == bytes, "{purpose}: {}", given.status);
        assert_eq!(given.header("content-type"), "application/pdf");
        assert_eq!(
            given.header("content-disposition"),
            "attachment; filename=\"an_lisis.pdf\"; filename*=UTF-8''an%C3%A1lisis.pdf"
        );
        assert_eq!(given.header("etag"), format!("\"{}\"", hash(&bytes)));
        assert_eq!(given.header("cache-control"), "no-store");
        let on_disk = found(directory.path());
        let stored = std::fs::read(&on_disk[0]).unwrap();
        assert_eq!(on_disk.len(), 1, "{on_disk:?}");
        assert_eq!(stored != bytes, is_sealed, "{purpose}");
        assert_eq!(stored.windows(64).any(|window| window == &bytes[1000..1064]), !is_sealed);
        assert_eq!(delete(&latido, &ana, &file).await.status, 204);
        assert!(found(directory.path()).is_empty());
        assert_eq!(get(&latido, &ana, &file).await.status, 404);
        assert_eq!(delete(&latido, &ana, &file).await.status, 404);
    }
}

#[tokio::test]
async fn a_file_whose_purpose_is_told_after_it_is_encrypted_to_be_safe() {
    let directory = Directory::fresh();
    let latido = start(&directory, &[]).await;
    let ana = latido.account(Role::Client).await;
    let bytes = document(5000);

    let parts = [("file", Some("x.pdf"), bytes.as_slice()), ("purpose", None, b"chat")];
    let file = latido.bring(&ana, &parts).await.json();

    assert_eq!(file["purpose"], "chat");
    assert!(get(&latido, &ana, &file).await.body == bytes);
    assert_ne!(std::fs::read(&found(directory.path())[0]).unwrap(), bytes);
}

#[tokio::test]
async fn a_part_of_a_file_is_given_by_its_range() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let bytes = document(200_000);
    let file = latido.file(&ana, "note", &bytes).await;
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    let call = |method: &str| latido.call(method, &path).bearer(&ana.token);
    let tag = format!("\"{}\"", file["sha256"].as_str().unwrap());

    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=131072-", 131_072, 200_000),
        ("bytes=-10", 199_990, 200_000),
    ] {
        let part = call("GET").header("range", range).header("if-range", &tag).send().await;
        assert_eq!(part.status, 206, "{range}");
        assert!(part.body == bytes[from..to], "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {from}-{}/200000", to - 1));
        assert_eq!(part.header("content-length"), (to - from).to_string());
    }
    let behind = call("GET").header("range", "bytes=200000-").send().await;
    assert_eq!((behind.status.as_u16(), behind.header("content-range")), (416, "bytes */200000"));
    let other = call("GET").header("range", "bytes=0-0").header("if-range", "\"x\"").send().await;
    assert_eq!((other.status.as_u16(), other.body.len()), (200, 200_000));
    let known = call("GET").header("if-none-match", &tag).send().await;
    assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
    let head = call("HEAD").send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!((head.header("content-length"), head.header("etag")), ("200000", tag.as_str()));
}

#[tokio::test]
async fn what_is_no_file_of_ours_is_refused_and_leaves_nothing() {
    let directory = Directory::fresh();
    let latido = start(&directory, &[("MAX_FILE_BYTES", "100000")]).await;
    let ana = latido.account(Role::Patient).await;
    let (small, large) = (document(50), document(100_001));
    let file = |bytes| ("file", Some("x.pdf"), bytes);
    let purpose = |name: &'static str| ("purpose", None, name.as_bytes());

    for (parts, status, wrong) in [
        (vec![purpose("result"), file(&b"<html><script>alert(1)"[..])], 415, ""),
        (vec![purpose("result"), file(&b""[..])], 415, ""),
        (vec![purpose("result"), file(&large)], 413, ""),
        (vec![purpose("result")], 422, "/file"),
        (vec![file(&small)], 422, "/purpose"),
        (vec![purpose("Result"), file(&small)], 422, "/purpose"),
        (vec![purpose("note"), purpose("note"), file(&small)], 400, ""),
        (vec![], 422, "/file"),
    ] {
        let answer = latido.bring(&ana, &parts).await;
        assert_eq!(answer.status, status, "{}", answer.text());
        if !wrong.is_empty() {
            assert_eq!(answer.json()["errors"][0]["pointer"], wrong);
        }
    }
    let json = latido.call("POST", "/files").bearer(&ana.token).json(&json!({})).send().await;
    assert_eq!(json.status, 415);
    let (kind, body) = form(&[purpose("note"), file(&small)]);
    let stranger =
        latido.call("POST", "/files").header("content-type", kind).body(body).send().await;
    assert_eq!(stranger.status, 401);
    support::within("the refused files to be gone", async {
        while !found(directory.path()).is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_upload_repeated_under_its_key_is_one_file_however_it_is_parted() {
    let directory = Directory::fresh();
    let latido = start(&directory, &[]).await;
    let [ana, luis] = [latido.account(Role::Patient).await, latido.account(Role::Patient).await];
    let (bytes, others) = (document(70_000), document(70_001));
    let bring = async |by: &Account, purpose: &str, name: &str, bytes: &[u8]| {
        let (kind, body) =
            form(&[("purpose", None, purpose.as_bytes()), ("file", Some(name), bytes)]);
        let call = latido.call("POST", "/files").bearer(&by.token).header("content-type", kind);
        call.header("idempotency-key", "k1").body(body).send().await
    };

    let first = bring(&ana, "note", "x.pdf", &bytes).await;
    let again = bring(&ana, "note", "x.pdf", &bytes).await;

    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201), "{}", again.text());
    assert_eq!(first.header("idempotency-replayed"), "");
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), first.json());
    assert_eq!(again.header("location"), first.header("location"));
    for (purpose, name, bytes) in
        [("other", "x.pdf", &bytes), ("note", "y.pdf", &bytes), ("note", "x.pdf", &others)]
    {
        let other = bring(&ana, purpose, name, bytes).await;
        assert_eq!(other.status, 422, "{}", other.text());
        assert_eq!(other.json()["type"], "urn:latido:problem:idempotency-key-reuse");
    }
    let of_another = bring(&luis, "note", "x.pdf", &bytes).await;
    assert_eq!(of_another.header("idempotency-replayed"), "");
    assert_ne!(of_another.json()["id"], first.json()["id"]);
    let rows = "select count(*) from files";
    assert_eq!(accounts::value::<i64>(latido.database.url(), rows).await, 2);
    support::within("only the bytes of rows to be left", async {
        while found(directory.path()).len() > 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(get(&latido, &ana, &first.json()).await.body == bytes);
}

#[tokio::test]
async fn a_refused_upload_leaves_its_key_to_a_better_one() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let bring = async |bytes: &[u8]| {
        let (kind, body) = form(&[("purpose", None, b"note"), ("file", Some("x.pdf"), bytes)]);
        let call = latido.call("POST", "/files").bearer(&ana.token).header("content-type", kind);
        call.header("idempotency-key", "k1").body(body).send().await
    };

    let refused = bring(b"<html>").await;
    let taken = bring(&document(99)).await;

    assert_eq!((refused.status.as_u16(), taken.status.as_u16()), (415, 201));
}

#[tokio::test]
async fn a_file_is_there_for_its_owner_and_the_house() {
    let key = "a-key-of-a-service-for-the-files-test";
    let latido = support::start_with(&[("SERVICE_API_KEYS", &format!("lab:{key}"))]).await;
    let [ana, luis] = [latido.account(Role::Patient).await, latido.account(Role::Patient).await];
    let admin = latido.account(Role::Admin).await;
    let file = latido.file(&ana, "kyc", &document(100)).await;

    assert_eq!(get(&latido, &luis, &file).await.status, 404);
    assert_eq!(delete(&latido, &luis, &file).await.status, 404);
    assert_eq!(get(&latido, &admin, &file).await.status, 200);
    let path = format!("/files/{}", file["id"].as_str().unwrap());
    let service = latido.call("GET", &path).header("x-service-key", key).send().await;
    assert_eq!(service.status, 200);
    assert_eq!(latido.call("GET", &path).send().await.status, 401);
    let sql = "select count(*) from audit_log where action = 'read' and entity_type = 'file'";
    assert_eq!(accounts::value::<i64>(latido.database.url(), sql).await, 2);
}

#[tokio::test]
async fn a_picture_of_ones_own_becomes_the_avatar_and_stays() {
    let latido = support::start().await;
    let [ana, luis] = [latido.account(Role::Client).await, latido.account(Role::Client).await];
    let [own, foreign] = [
        latido.file(&ana, "avatar", &document(99)).await,
        latido.file(&luis, "avatar", &document(99)).await,
    ];
    let other = latido.file(&ana, "other", &document(99)).await;
    let set = async |file: &Value| {
        let call = latido.call("PATCH", "/users/me").bearer(&ana.token);
        call.json(&json!({ "avatar_file_id": file })).send().await
    };

    for refused in [&foreign["id"], &other["id"], &json!("f_none")] {
        let answer = set(refused).await;
        assert_eq!(answer.status, 422);
        assert_eq!(answer.json()["errors"][0]["code"], "reference");
    }
    let answer = set(&own["id"]).await;
    assert_eq!(answer.json()["avatar_file_id"], own["id"], "{}", answer.text());
    assert_eq!(delete(&latido, &ana, &own).await.status, 409);
    assert_eq!(set(&Value::Null).await.json()["avatar_file_id"], Value::Null);
    assert_eq!(delete(&latido, &ana, &own).await.status, 204);
}

#[tokio::test]
async fn a_socket_brings_a_file_beside_its_message() {
    let latido = support::start().await;
    let ana = latido.account(Role::Professional).await;
    let mut socket = latido.connect(&ana).await;
    let bytes = document(200_000);
    let ask = |purpose: &str, data: Value| {
        json!({ "name": "título.pdf", "contentType": "application/pdf", "purpose": purpose,
            "data": data })
    };
    let beside = json!({ "_placeholder": true, "num": 0 });

    let (answer, _) =
        socket.ask_with("file:send", &ask("portfolio", beside.clone()), &[&bytes]).await;
    assert_eq!(answer["ok"], true, "{answer}");
    let given = get(&latido, &ana, &json!({ "id": answer["fileId"] })).await;
    assert!(given.body == bytes);

    let (answer, _) =
        socket.ask_with("file:send", &ask("portfolio", beside.clone()), &[b"MZ\x90\0"]).await;
    assert_eq!(answer["error"]["code"], "invalid", "{answer}");
    let answer = socket.ask("file:send", &ask("portfolio", beside)).await;
    assert_eq!(answer["error"]["field"], "data", "{answer}");
    let answer = socket.ask("file:send", &ask("virus", json!("AA=="))).await;
    assert_eq!(answer["error"]["code"], "invalid", "{answer}");
}

#[tokio::test]
async fn a_plain_socket_brings_a_file_in_base64() {
    let latido = support::start().await;
    let ana = latido.account(Role::Patient).await;
    let mut socket = latido.connect_plain(&ana).await;
    let bytes = document(70_001);

    let sent = json!({ "name": "x.pdf", "contentType": "application/pdf", "purpose": "chat",
        "data": STANDARD.encode(&bytes) });
    let answer = socket.ask("file:send", &sent).await;

    assert_eq!(answer["ok"], true, "{answer}");
    let given = get(&latido, &ana, &json!({ "id": answer["fileId"] })).await;
    assert!(given.body == bytes);
}

#[tokio::test]
async fn what_a_node_that_died_left_unfinished_is_removed_after_a_day() {
    let directory = Directory::fresh();
    let unfinished = directory.path().join("unfinished");
    std::fs::create_dir(&unfinished).unwrap();
    let hours_ago = |name: &str, hours: u64| {
        let path = unfinished.join(name);
        let file = std::fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(hours)).unwrap();
        path
    };
    let (old, recent) = (hours_ago("f_old", 25), hours_ago("f_recent", 23));

    let latido = start(&directory, &[]).await;

    support::within("the old upload to be gone", async {
        while old.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(recent.exists());
    let ana = latido.account(Role::Patient).await;
    let bytes = document(9000);
    let file = latido.file(&ana, "other", &bytes).await;
    assert!(get(&latido, &ana, &file).await.body == bytes);
    assert_eq!(std::fs::read_dir(&unfinished).unwrap().count(), 1);
}

#[tokio::test]
async fn with_a_bucket_files_are_kept_there_encrypted_by_its_key() {
    let objects = std::sync::Arc::new(parking_lot::Mutex::new(std::collections::HashMap::<
        String,
        Vec<u8>,
    >::new()));
    let kept = std::sync::Arc::clone(&objects);
    let bucket = Upstream::start(move |asked| {
        let mut kept = kept.lock();
        if asked.headers.contains_key("range") {
            let bytes = &kept[&asked.path];
            let (from, to) = asked.header("range")["bytes=".len()..].split_once('-').unwrap();
            let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
            let to = (to + 1).min(bytes.len());
            let response = axum::response::Response::builder()
                .status(206)
                .header("content-range", format!("bytes {from}-{}/{}", to - 1, bytes.len()))
                .header("etag", "\"1\"")
                .header("last-modified", "Mon, 13 Oct 2025 04:58:18 GMT");
            return Reply::With(response.body(bytes[from..to].to_vec().into()).unwrap());
        }
        if asked.headers.contains_key("x-amz-server-side-encryption") {
            kept.insert(asked.path.clone(), asked.body.to_vec());
            let response = axum::response::Response::builder().header("etag", "\"1\"");
            return Reply::With(response.body(axum::body::Body::empty()).unwrap());
        }
        kept.remove(&asked.path);
        Reply::text(204, "")
    })
    .await;
    let directory = Directory::fresh();
    let latido = start(
        &directory,
        &[
            ("AWS_S3_BUCKET", "files-of-tests"),
            ("AWS_REGION", "sa-east-1"),
            ("AWS_ACCESS_KEY_ID", "an id"),
            ("AWS_SECRET_ACCESS_KEY", "a secret"),
            ("AWS_S3_ENDPOINT", &bucket.url("")),
            ("AWS_S3_FORCE_PATH_STYLE", "true"),
            ("AWS_KMS_KEY_ID", "a key"),
        ],
    )
    .await;
    let ana = latido.account(Role::Patient).await;
    let bytes = document(150_000);

    let file = latido.file(&ana, "result", &bytes).await;
    let given = get(&latido, &ana, &file).await;

    assert!(given.body == bytes, "{}", given.status);
    assert!(found(directory.path()).is_empty());
    let put = bucket.asked().into_iter().find(|asked| !asked.body.is_empty()).unwrap();
    assert!(put.path.starts_with("/files-of-tests/files/"), "{}", put.path);
    assert_eq!(put.header("x-amz-server-side-encryption"), "aws:kms");
    assert_eq!(put.header("x-amz-server-side-encryption-aws-kms-key-id"), "a key");
    assert!(put.body != bytes, "sealed before it leaves");
    assert_eq!(delete(&latido, &ana, &file).await.status, 204);
    assert!(objects.lock().is_empty());
    bucket.change(|_| Reply::text(403, "no"));
    let parts = [("purpose", None, &b"note"[..]), ("file", Some("x.pdf"), &bytes)];
    assert_eq!(latido.bring(&ana, &parts).await.status, 502);
}
