//! Films of which the hub and the recorder know different things: what was not heard of, was not told, or
//! is not known any more.
//!
//! A node asks the recorder as soon as it starts, so each test has another one start.

use serde_json::{Value, json};

use super::livekit::{BUCKET, until};
use super::{Visit, data};
use crate::support::livekit::MediaServer;
use crate::support::upstream::{Asked, Reply, Upstream};
use crate::support::{Latido, accounts, within};

const ROOM: &str = "consultation-c-1";
const START: &str = "/StartRoomCompositeEgress";
const STOP: &str = "/StopEgress";

/// A consultation at a media server with a recorder.
struct Filmed {
    server: std::sync::Arc<MediaServer>,
    visit: Visit,
    settings: Vec<(String, String)>,
}

impl Filmed {
    async fn start() -> Self {
        Self::start_with(&BUCKET).await
    }

    async fn start_with(bucket: &[(&str, &str)]) -> Self {
        let server = MediaServer::double().await;
        let settings = [&server.settings()[..], bucket].concat();
        let visit = Visit::start_with(&settings).await;
        visit.opened("c-1").await;
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let settings = settings.iter().map(owned).collect();
        Self { server: server.into(), visit, settings }
    }

    /// The double answers what it is asked by this name so, and all else as usual.
    fn when_asked(&self, method: &'static str, answer: impl Fn() -> Reply + Send + Sync + 'static) {
        let server = std::sync::Arc::downgrade(&self.server);
        self.server.upstream().change(move |asked| {
            if asked.path.ends_with(method) {
                answer()
            } else {
                server.upgrade().expect("asked while it is there").usual(asked)
            }
        });
    }

    fn as_usual(&self) {
        self.when_asked("nothing", || Reply::Silence);
    }

    /// A recording that no recorder took.
    async fn given_up() -> (Self, Value) {
        let filmed = Self::start().await;
        let none =
            json!({"code": "unavailable", "msg": "twirp error unknown: no response from servers"});
        filmed.when_asked(START, move || Reply::json(503, &none));
        let recording = filmed.begin().await;
        until(&filmed.visit, &recording, |it| it["status"] == "failed").await;
        (filmed, recording)
    }

    async fn begin(&self) -> Value {
        let path = "/api/consultations/c-1/recording/start";
        let consent = json!({"consent": true});
        let answer = self.visit.care.post(&self.visit.doctor.account, path, consent).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        data(&answer)
    }

    /// A film the recorder is known to make.
    async fn named(&self) -> (Value, String) {
        let recording = self.begin().await;
        let named = until(&self.visit, &recording, |it| it["egressId"].is_string()).await;
        (recording, named["egressId"].as_str().unwrap().to_owned())
    }

    /// As if nothing had changed for two minutes.
    async fn pass_time(&self) {
        let sql = "update recordings set updated_at = updated_at - 120000";
        accounts::run(self.visit.care.latido.database.url(), sql).await;
    }

    async fn look(&self) -> Latido {
        let settings: Vec<_> =
            self.settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        self.visit.care.latido.beside(&settings).await
    }

    async fn until_asked(&self, method: &'static str, times: usize) {
        let is_it = |asked: &&Asked| asked.path.ends_with(method);
        within(method, async {
            while self.server.upstream().asked().iter().filter(is_it).count() < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// What the server tells of a film that begins.
    async fn tell_of_start(&self, egress: &str, filepath: &Value) {
        let event = json!({"event": "egress_started", "id": format!("EV_{egress}"),
            "createdAt": "1795479059", "egressInfo": {"egressId": egress, "roomName": ROOM,
                "roomComposite": {"roomName": ROOM, "layout": "grid",
                    "fileOutputs": [{"fileType": "MP4", "filepath": filepath}]}}});
        let answer = self.server.tell(&self.visit.care.latido, &event).await;
        assert_eq!(answer.status, 204, "{}", answer.text());
    }
}

#[tokio::test]
async fn a_recording_whose_node_died_before_it_was_begun_has_failed() {
    let filmed = Filmed::start().await;
    filmed.when_asked(START, || Reply::Silence);
    let recording = filmed.begin().await;
    filmed.as_usual();

    filmed.pass_time().await;
    let _node = filmed.look().await;

    let failed = until(&filmed.visit, &recording, |it| it["status"] == "failed").await;
    assert_eq!(failed["error"], "the recorder knows nothing of it");
    filmed.named().await;
}

#[tokio::test]
async fn a_film_that_was_begun_without_an_answer_is_taken_on() {
    let filmed = Filmed::start().await;
    filmed.when_asked(START, || Reply::Silence);
    let recording = filmed.begin().await;
    filmed.as_usual();
    let egress = filmed.server.film(ROOM, recording["filepath"].as_str().unwrap());

    filmed.pass_time().await;
    let _node = filmed.look().await;

    let taken = until(&filmed.visit, &recording, |it| it["egressId"].is_string()).await;
    assert_eq!((&taken["egressId"], &taken["status"]), (&json!(egress), &json!("starting")));
}

#[tokio::test]
async fn a_film_the_server_tells_of_is_taken_on_before_its_start_is_answered() {
    let filmed = Filmed::start().await;
    filmed.when_asked(START, || Reply::Silence);
    let recording = filmed.begin().await;

    filmed.tell_of_start("EG_told", &recording["filepath"]).await;

    let taken = until(&filmed.visit, &recording, |it| it["egressId"].is_string()).await;
    assert_eq!(taken["egressId"], "EG_told");
    let stopped = filmed.visit.step("c-1", "recording/stop").await;
    assert_eq!(data(&stopped)["status"], "stopping");
    filmed.until_asked(STOP, 1).await;
}

#[tokio::test]
async fn a_film_that_begins_after_it_was_given_up_is_stopped() {
    let (filmed, recording) = Filmed::given_up().await;
    let filepath = &recording["filepath"];

    let egress = filmed.server.film(ROOM, filepath.as_str().unwrap());
    filmed.tell_of_start(&egress, filepath).await;

    filmed.until_asked(STOP, 1).await;
    assert_eq!(filmed.server.filmed(&egress), "EGRESS_ENDING");
}

#[tokio::test]
async fn a_film_that_was_given_up_is_found_among_those_that_are_made() {
    let (filmed, recording) = Filmed::given_up().await;
    let egress = filmed.server.film(ROOM, recording["filepath"].as_str().unwrap());

    let _node = filmed.look().await;

    filmed.until_asked(STOP, 1).await;
    assert_eq!(filmed.server.filmed(&egress), "EGRESS_ENDING");
}

#[tokio::test]
async fn a_stop_that_failed_is_sent_again() {
    let filmed = Filmed::start().await;
    let (_, egress) = filmed.named().await;
    filmed.when_asked(STOP, || Reply::json(503, &json!({"code": "unavailable", "msg": "x"})));
    filmed.visit.step("c-1", "recording/stop").await;
    filmed.until_asked(STOP, 1).await;
    assert_eq!(filmed.server.filmed(&egress), "EGRESS_STARTING");
    filmed.as_usual();

    let _node = filmed.look().await;

    filmed.until_asked(STOP, 2).await;
    within("the film to end", async {
        while filmed.server.filmed(&egress) != "EGRESS_ENDING" {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_film_the_recorder_forgot_is_complete_if_it_is_in_the_bucket() {
    for (status, size) in [("completed", Some(1_048_576)), ("failed", None)] {
        let bucket = Upstream::start(move |_| film_in_bucket(size)).await;
        let url = bucket.url("");
        let settings: Vec<_> = BUCKET
            .into_iter()
            .map(
                |(key, value)| {
                    if key == "AWS_S3_ENDPOINT" { (key, url.as_str()) } else { (key, value) }
                },
            )
            .chain([("AWS_S3_FORCE_PATH_STYLE", "true")])
            .collect();
        let filmed = Filmed::start_with(&settings).await;
        let (recording, _) = filmed.named().await;
        filmed.visit.step("c-1", "recording/stop").await;
        filmed.until_asked(STOP, 1).await;
        filmed.server.forget();

        filmed.pass_time().await;
        let _node = filmed.look().await;

        let over = until(&filmed.visit, &recording, |it| it["status"] != "stopping").await;
        assert_eq!((&over["status"], &over["sizeBytes"]), (&json!(status), &json!(size)));
        let asked = bucket.asked();
        let path = format!("/films/{}", recording["filepath"].as_str().unwrap());
        assert!(asked.iter().all(|it| it.path == path) && !asked.is_empty(), "{asked:?}");
    }
}

/// What a bucket says of an object of that size.
fn film_in_bucket(size: Option<u64>) -> Reply {
    let Some(size) = size else { return Reply::text(404, "") };
    let response = axum::response::Response::builder()
        .header("content-length", size)
        .header("etag", "\"1\"")
        .header("last-modified", "Mon, 13 Oct 2025 04:58:18 GMT");
    Reply::With(response.body(axum::body::Body::empty()).unwrap())
}
