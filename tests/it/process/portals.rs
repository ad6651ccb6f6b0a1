//! Portals built elsewhere, served beside the API (contract §1.2).

use std::net::{Ipv4Addr, SocketAddr};

use crate::support::database::Database;
use crate::support::directory::Directory;
use crate::support::http::{Answer, Call};
use crate::support::process::{Process, finish, free_port, settings};

const PROBLEM: &str = "application/problem+json";
const PAGE: &str = "<!doctype html><title>Portal</title>";

struct Served {
    address: SocketAddr,
    directory: Directory,
    _node: (Process, Database),
}

impl Served {
    async fn start() -> Self {
        let (database, directory, port) =
            (Database::fresh().await, Directory::fresh(), free_port());
        directory.write("index.html", PAGE);
        directory.write("app-0123abcd.js", "portal()");
        directory.write(".env", "SECRET=1");
        let (path, number) = (directory.path().to_str().unwrap(), port.to_string());
        let more = [("PORTAL_DOCTORS_DIR", path), ("PORTAL_DOCTORS_PORT", number.as_str())];
        let mut process = Process::serve(&database, &more).await;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        process.listens(address).await;
        Self { address, directory, _node: (process, database) }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self.address, method, path)
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }
}

#[tokio::test]
async fn its_files_its_own_routes_and_the_api_share_an_origin() {
    let portal = Served::start().await;
    for (path, status, kind, text) in [
        ("/", 200, "text/html", PAGE),
        ("/patients/7", 200, "text/html", PAGE),
        ("/app-0123abcd.js", 200, "text/javascript", "portal()"),
        ("/missing.js", 404, PROBLEM, ""),
        ("/.env", 404, PROBLEM, ""),
        ("/%2e%2e/%2e%2e/etc/hostname", 404, PROBLEM, ""),
        ("/health/live", 200, "application/json", ""),
        ("/socket.io/?EIO=4&transport=polling", 200, "text/plain", ""),
    ] {
        let answer = portal.get(path).await;

        assert_eq!(answer.status, status, "{path}: {}", answer.text());
        assert!(answer.header("content-type").starts_with(kind), "{path}: {:?}", answer.headers);
        assert!(text.is_empty() || answer.text() == text, "{path}: {}", answer.text());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
    let posted = portal.call("POST", "/patients/7").send().await;
    assert_eq!((posted.status.as_u16(), posted.header("allow")), (405, "GET,HEAD"));
    let looked = portal.call("HEAD", "/").send().await;
    assert_eq!((looked.status.as_u16(), looked.text()), (200, ""));
}

#[tokio::test]
async fn what_a_browser_has_it_need_not_fetch_again() {
    let portal = Served::start().await;

    let (page, script) = (portal.get("/").await, portal.get("/app-0123abcd.js").await);

    assert_eq!(page.header("cache-control"), "no-cache");
    assert_eq!(script.header("cache-control"), "public,max-age=31536000,immutable");
    let tag = page.header("etag");
    assert!(tag.starts_with('"'), "a strong tag: {tag}");
    let again = portal.call("GET", "/").header("if-none-match", tag).send().await;
    assert_eq!((again.status.as_u16(), again.header("etag"), again.text()), (304, tag, ""));
    portal.directory.write("index.html", "<!doctype html><title>Newer</title>");
    let changed = portal.call("GET", "/").header("if-none-match", tag).send().await;
    assert_eq!((changed.status.as_u16(), changed.text().contains("Newer")), (200, true));
    let part = portal.call("GET", "/app-0123abcd.js").header("range", "bytes=0-2").send().await;
    assert_eq!((part.status.as_u16(), part.text()), (206, "por"));
}

#[tokio::test]
async fn a_condition_on_a_file_is_heeded() {
    let portal = Served::start().await;
    let tag = portal.get("/app-0123abcd.js").await.header("etag").to_owned();
    let script = |name, value: &str| portal.call("GET", "/app-0123abcd.js").header(name, value);

    assert_eq!(script("if-match", &tag).send().await.status, 200);
    let other = script("if-match", "\"other\"").send().await;
    assert_eq!((other.status.as_u16(), other.header("content-type")), (412, PROBLEM));
    let whole = script("range", "bytes=0-2").header("if-range", "\"other\"").send().await;
    assert_eq!((whole.status.as_u16(), whole.text()), (200, "portal()"));
    let beyond = script("range", "bytes=99-").send().await;
    assert_eq!((beyond.status.as_u16(), beyond.header("content-range")), (416, "bytes */8"));
}

#[test]
fn a_directory_without_a_page_is_refused_at_start() {
    let (database, directory) = (Database::sqlite(), Directory::fresh());
    let path = directory.path().to_str().unwrap();
    let settings =
        [settings(&database, "8888").as_slice(), &[("PORTAL_PATIENTS_DIR", path)]].concat();

    let done = finish(&["serve"], &settings, "");

    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains("PORTAL_PATIENTS_DIR"), "{done:?}");
}
