//! A media server: a double that answers in the bytes of a `LiveKit` server, or a real one where
//! `LIVEKIT_TEST_URL`, `LIVEKIT_TEST_KEY` and `LIVEKIT_TEST_SECRET` name it.
//!
//! The double knows rooms, who is in them, and recordings; it checks the signature and the grants of every
//! call as the server does. What a server refuses or does slowly is the double's to show.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use latido::domain::time::Timestamp;
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::Answer;
use super::node::Latido;
use super::upstream::{Asked, Reply, Upstream};
use super::within;

/// What the double knows.
#[derive(Default)]
struct State {
    /// By name: their ids.
    rooms: BTreeMap<String, String>,
    /// By room: identities, and what each publishes.
    people: BTreeMap<String, Vec<Value>>,
    /// By id: recordings as the server tells them.
    egresses: BTreeMap<String, Value>,
    /// Data that was sent to people, in order.
    sent: Vec<Sent>,
    made: u32,
    is_away: bool,
}

/// Data from the hub to people in a room.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sent {
    pub(crate) room: String,
    pub(crate) to: Vec<String>,
    pub(crate) kind: String,
    pub(crate) topic: String,
    /// As JSON.
    pub(crate) data: Value,
}

/// A media server and the key of its API.
pub(crate) struct MediaServer {
    pub(crate) url: String,
    pub(crate) key: String,
    pub(crate) secret: String,
    double: Option<Double>,
}

struct Double {
    upstream: Upstream,
    state: Arc<Mutex<State>>,
}

impl MediaServer {
    /// The real one where one is named, else a double.
    pub(crate) async fn start() -> Self {
        let named = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let keys = ["LIVEKIT_TEST_URL", "LIVEKIT_TEST_KEY", "LIVEKIT_TEST_SECRET"];
        if let [Some(url), Some(key), Some(secret)] = keys.map(named) {
            return Self { url, key, secret, double: None };
        }
        Self::double().await
    }

    pub(crate) async fn double() -> Self {
        let key = "devkey".to_owned();
        let secret = "a secret of the media server, long enough".to_owned();
        let state = Arc::<Mutex<State>>::default();
        let (told, known) = (Arc::clone(&state), (key.clone(), secret.clone()));
        let upstream =
            Upstream::start(move |asked| told.lock().answer(asked, &known.0, &known.1)).await;
        Self { url: upstream.url(""), key, secret, double: Some(Double { upstream, state }) }
    }

    /// What a node is told of it.
    pub(crate) fn settings(&self) -> [(&str, &str); 3] {
        [
            ("LIVEKIT_API_URL", &self.url),
            ("LIVEKIT_API_KEY", &self.key),
            ("LIVEKIT_API_SECRET", &self.secret),
        ]
    }

    /// The double behind it.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.double.as_ref().expect("a double").upstream
    }

    /// Lets somebody into a room of the double by the claims of their token, as the server does: whoever is
    /// there under the same name goes. Answers the event that tells of it.
    pub(crate) fn admit(&self, claims: &Value) -> Value {
        let (room, identity) = (&claims["video"]["room"], &claims["sub"]);
        let (room, identity) = (room.as_str().unwrap(), identity.as_str().unwrap());
        let double = self.double.as_ref().expect("a double");
        double.state.lock().remove(room, identity);
        self.seat(room, identity, &json!([]));
        let mut state = double.state.lock();
        state.made += 1;
        let (made, sid) = (state.made, state.rooms.get(room).cloned());
        let person = state.people.get_mut(room).and_then(|people| people.last_mut()).unwrap();
        for name in ["metadata", "attributes"] {
            person[name] = claims[name].clone();
        }
        let at = 1_795_479_000_u32 + made;
        json!({"event": "participant_joined", "id": format!("EV_double{made}"),
            "createdAt": at.to_string(), "room": {"sid": sid, "name": room},
            "participant": {"sid": "PA_1", "identity": identity, "state": "ACTIVE",
                "metadata": claims["metadata"], "attributes": claims["attributes"],
                "joinedAt": at.to_string(), "joinedAtMs": format!("{at}000")}})
    }

    /// Has somebody leave a room of the double, of which nobody is told.
    pub(crate) fn lose(&self, room: &str, identity: &str) {
        self.double.as_ref().expect("a double").state.lock().remove(room, identity);
    }

    /// Whether somebody is in a room of the double.
    pub(crate) fn holds(&self, room: &str, identity: &str) -> bool {
        let state = self.double.as_ref().expect("a double").state.lock();
        let people = state.people.get(room);
        people.is_some_and(|people| people.iter().any(|it| it["identity"] == identity))
    }

    /// Has the double fail, or serve again.
    pub(crate) fn fail(&self, is_away: bool) {
        self.double.as_ref().expect("a double").state.lock().is_away = is_away;
    }

    /// Puts somebody into a room of the double.
    pub(crate) fn seat(&self, room: &str, identity: &str, tracks: &Value) {
        let double = self.double.as_ref().expect("a double");
        let person = json!({"sid": "PA_YsRjUWaWgdnD", "identity": identity, "state": "ACTIVE",
            "tracks": tracks, "metadata": "", "joined_at": "1795479008",
            "joined_at_ms": "1795479008617", "name": "", "version": 2,
            "permission": {"can_subscribe": true, "can_publish": true, "can_publish_data": true,
                "can_publish_sources": [], "hidden": false, "recorder": false,
                "can_update_metadata": false, "agent": false, "can_subscribe_metrics": false,
                "can_manage_agent_session": false},
            "region": "", "is_publisher": false, "kind": "STANDARD", "attributes": {},
            "disconnect_reason": "UNKNOWN_REASON", "kind_details": [], "data_tracks": [],
            "client_protocol": 2, "capabilities": []});
        double.state.lock().people.entry(room.to_owned()).or_default().push(person);
    }

    /// Has the double's recorder film a room, asked or not, and answers the recording's id.
    pub(crate) fn film(&self, room: &str, filepath: &str) -> String {
        let double = self.double.as_ref().expect("a double");
        double.state.lock().film(room, filepath)["egress_id"].as_str().unwrap().to_owned()
    }

    /// How far a recording of the double is.
    pub(crate) fn filmed(&self, egress: &str) -> Value {
        let double = self.double.as_ref().expect("a double");
        double.state.lock().egresses[egress]["status"].clone()
    }

    /// The data of an event the double was given, once there is so much of it.
    pub(crate) async fn sent(&self, event: &str, times: usize) -> Vec<Sent> {
        let double = self.double.as_ref().expect("a double");
        let sent = || {
            let state = double.state.lock();
            let sent = state.sent.iter().filter(|it| it.data["event"] == event);
            sent.cloned().collect::<Vec<_>>()
        };
        within("data for people at the media server", async {
            while sent().len() < times {
                tokio::task::yield_now().await;
            }
        })
        .await;
        sent()
    }

    /// The double knows nothing of its rooms and recordings any more.
    pub(crate) fn forget(&self) {
        let mut state = self.double.as_ref().expect("a double").state.lock();
        state.rooms.clear();
        state.egresses.clear();
    }

    /// What the double answers by itself.
    pub(crate) fn usual(&self, asked: &Asked) -> Reply {
        let state = &self.double.as_ref().expect("a double").state;
        state.lock().answer(asked, &self.key, &self.secret)
    }

    /// The names of the rooms there are, as the server says.
    pub(crate) async fn rooms(&self) -> Vec<String> {
        let body = self.ask("ListRooms", &json!({"roomList": true}), &json!({})).await;
        texts(&body["rooms"], "name")
    }

    /// The identities of who is in a room, as the server says.
    pub(crate) async fn people(&self, room: &str) -> Vec<String> {
        let video = json!({"roomAdmin": true, "room": room});
        let body = self.ask("ListParticipants", &video, &json!({ "room": room })).await;
        texts(&body["participants"], "identity")
    }

    /// Opens a room without a word to the hub, and answers its id.
    pub(crate) async fn open(&self, room: &str) -> Value {
        self.ask("CreateRoom", &json!({"roomCreate": true}), &json!({"name": room})).await["sid"]
            .clone()
    }

    /// Closes a room without a word to the hub.
    pub(crate) async fn close(&self, room: &str) {
        let closed =
            self.ask("DeleteRoom", &json!({"roomCreate": true}), &json!({ "room": room })).await;
        assert_eq!(closed, json!({}));
    }

    async fn ask(&self, method: &str, video: &Value, body: &Value) -> Value {
        let now = Timestamp::now().seconds();
        let token =
            self.signed(&json!({"iss": self.key, "nbf": now - 5, "exp": now + 60, "video": video}));
        let answer = latido::outgoing::client(std::time::Duration::from_secs(5))
            .unwrap()
            .post(format!("{}/twirp/livekit.RoomService/{method}", self.url))
            .bearer_auth(token)
            .json(body)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// Whether a real server is asked.
    pub(crate) fn is_real(&self) -> bool {
        self.double.is_none()
    }

    /// Tells a node of an event as the server does.
    pub(crate) async fn tell(&self, latido: &Latido, event: &Value) -> Answer {
        let body = event.to_string();
        self.tell_signed(latido, &body, &self.signature(&body)).await
    }

    pub(crate) async fn tell_signed(&self, latido: &Latido, body: &str, token: &str) -> Answer {
        latido
            .call("POST", "/webhooks/livekit")
            .header("content-type", "application/webhook+json")
            .header("authorization", token)
            .body(body.to_owned())
            .send()
            .await
    }

    /// The bare token that goes with a body.
    pub(crate) fn signature(&self, body: &str) -> String {
        let now = Timestamp::now().seconds();
        self.signed(&json!({"iss": self.key, "iat": now, "nbf": now, "exp": now + 300,
            "sha256": STANDARD.encode(Sha256::digest(body))}))
    }

    fn signed(&self, claims: &Value) -> String {
        let key = EncodingKey::from_secret(self.secret.as_bytes());
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &key).unwrap()
    }
}

impl State {
    fn answer(&mut self, asked: &Asked, key: &str, secret: &str) -> Reply {
        if self.is_away {
            return twirp(503, "unavailable", "x");
        }
        if asked.path == "/" {
            return Reply::text(200, "OK");
        }
        let video = match grants(asked, key, secret) {
            Ok(video) => video,
            Err(refused) => return *refused,
        };
        let Some(method) = asked.path.strip_prefix("/twirp/livekit.") else {
            return twirp(404, "bad_route", "no handler");
        };
        let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else {
            return twirp(400, "malformed", "the json request could not be decoded");
        };
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        let room = text("room");
        let is = |grant: &str| video[grant] == true;
        let is_admin = is("roomAdmin") && video["room"] == room.as_str();
        let may = match method {
            "RoomService/CreateRoom" | "RoomService/DeleteRoom" => is("roomCreate"),
            "RoomService/ListRooms" => is("roomList"),
            method if method.starts_with("Egress/") => is("roomRecord"),
            _ => is_admin,
        };
        if !may {
            return denied();
        }
        match method {
            "RoomService/CreateRoom" => self.create(&text("name"), &body),
            "RoomService/DeleteRoom" => match self.rooms.remove(&room) {
                Some(_) => {
                    self.people.remove(&room);
                    Reply::json(200, &json!({}))
                }
                None => absent("requested room does not exist"),
            },
            "RoomService/ListRooms" => {
                let rooms: Vec<_> =
                    self.rooms.iter().map(|(name, sid)| room_json(name, sid, &json!({}))).collect();
                Reply::json(200, &json!({ "rooms": rooms }))
            }
            "RoomService/ListParticipants" => {
                let people = self.people.get(&room).cloned().unwrap_or_default();
                Reply::json(200, &json!({ "participants": people }))
            }
            "RoomService/SendData" => self.send(room, &body),
            "RoomService/RemoveParticipant" => self.remove(&room, &text("identity")),
            "RoomService/MutePublishedTrack" => self.mute(&room, &body),
            "Egress/StartRoomCompositeEgress" => {
                let room = text("room_name");
                if !self.rooms.contains_key(&room) {
                    return absent("requested room does not exist");
                }
                let filepath = body["file_outputs"][0]["filepath"].as_str().unwrap_or_default();
                Reply::json(200, &self.film(&room, filepath))
            }
            "Egress/ListEgress" => self.list_films(&body),
            "Egress/StopEgress" => match self.egresses.get_mut(&text("egress_id")) {
                Some(egress) => {
                    egress["status"] = json!("EGRESS_ENDING");
                    Reply::json(200, egress)
                }
                None => absent("egress does not exist"),
            },
            _ => twirp(404, "bad_route", "no handler"),
        }
    }

    /// A room that is there stays as it is.
    fn create(&mut self, name: &str, options: &Value) -> Reply {
        self.made += 1;
        let sid = format!("RM_double{:06}", self.made);
        let sid = self.rooms.entry(name.to_owned()).or_insert(sid).clone();
        Reply::json(200, &room_json(name, &sid, options))
    }

    fn remove(&mut self, room: &str, identity: &str) -> Reply {
        let people = self.people.entry(room.to_owned()).or_default();
        let before = people.len();
        people.retain(|person| person["identity"] != identity);
        if people.len() < before {
            Reply::json(200, &json!({}))
        } else {
            absent("participant does not exist")
        }
    }

    fn mute(&mut self, room: &str, body: &Value) -> Reply {
        if body["muted"] == false {
            return twirp(
                412,
                "failed_precondition",
                "twirp error unknown: remote unmute not enabled",
            );
        }
        let people = self.people.entry(room.to_owned()).or_default();
        let person = people.iter_mut().find(|person| person["identity"] == body["identity"]);
        let Some(person) = person else { return absent("participant does not exist") };
        let tracks = person["tracks"].as_array_mut().unwrap();
        let track = tracks.iter_mut().find(|track| track["sid"] == body["track_sid"]);
        let track = track.map(|track| {
            track["muted"] = json!(true);
            track.clone()
        });
        Reply::json(200, &json!({ "track": track }))
    }

    /// Names of fields are taken in either spelling. Nobody named is everybody there.
    fn send(&mut self, room: String, body: &Value) -> Reply {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let named = [&body["destination_identities"], &body["destinationIdentities"]];
        let mut to: Vec<_> =
            named.into_iter().filter_map(Value::as_array).flatten().map(text).collect();
        if to.is_empty() {
            to = texts(&json!(self.people.get(&room)), "identity");
        }
        let Ok(data) = STANDARD.decode(text(&body["data"])) else {
            return twirp(400, "malformed", "the json request could not be decoded");
        };
        let (kind, topic) = (text(&body["kind"]), text(&body["topic"]));
        let data = serde_json::from_slice(&data).expect("the hub sends JSON");
        self.sent.push(Sent { room, to, kind, topic, data });
        Reply::json(200, &json!({}))
    }

    fn film(&mut self, room: &str, filepath: &str) -> Value {
        self.made += 1;
        let id = format!("EG_double{:06}", self.made);
        let egress = json!({"egress_id": id, "room_id": "", "room_name": room,
            "source_type": "EGRESS_SOURCE_TYPE_WEB", "status": "EGRESS_STARTING",
            "started_at": "0", "ended_at": "0", "updated_at": "0", "details": "", "error": "",
            "error_code": 0, "room_composite": {"room_name": room, "layout": "grid",
                "audio_only": false, "video_only": false, "custom_base_url": "",
                "file_outputs": [{"file_type": "MP4", "filepath": filepath,
                    "disable_manifest": false}]},
            "stream_results": [], "file_results": [], "segment_results": []});
        self.egresses.insert(id, egress.clone());
        egress
    }

    fn list_films(&self, filter: &Value) -> Reply {
        let is_meant = |egress: &&Value| {
            let is_active = egress["status"] != "EGRESS_COMPLETE";
            (filter["room_name"].is_null() || filter["room_name"] == egress["room_name"])
                && (filter["active"] != true || is_active)
        };
        let items: Vec<_> = self.egresses.values().filter(is_meant).collect();
        Reply::json(200, &json!({ "items": items, "next_page_token": null }))
    }
}

/// The `video` claim of a call, or what the server says of a token that has none.
fn grants(asked: &Asked, key: &str, secret: &str) -> Result<Value, Box<Reply>> {
    let Some(token) = asked.header("authorization").strip_prefix("Bearer ") else {
        return Err(Box::new(denied()));
    };
    if jsonwebtoken::decode_header(token).is_err() {
        return Err(Box::new(Reply::text(401, "invalid authorization token")));
    }
    let mut rules = Validation::new(Algorithm::HS256);
    rules.set_required_spec_claims(&["exp", "iss"]);
    let secret = DecodingKey::from_secret(secret.as_bytes());
    let claims = jsonwebtoken::decode::<Value>(token, &secret, &rules)
        .map_err(|_| {
            let said = format!("invalid token: {token}, error: signature is invalid");
            Box::new(Reply::text(401, said))
        })?
        .claims;
    if claims["iss"] != key {
        return Err(Box::new(Reply::text(401, "invalid API key: otherkey")));
    }
    Ok(claims["video"].clone())
}

fn room_json(name: &str, sid: &str, options: &Value) -> Value {
    let number = |name: &str, usual: i64| options[name].as_i64().unwrap_or(usual);
    json!({"sid": sid, "name": name, "empty_timeout": number("empty_timeout", 300),
        "departure_timeout": number("departure_timeout", 20),
        "max_participants": number("max_participants", 0), "creation_time": "1795479008",
        "creation_time_ms": "1795479008360",
        "turn_password": "mz5pJWK0r85W3h0ptc5WRvnSTCUPjIvvoPefQqa7xMo",
        "enabled_codecs": [{"mime": "audio/opus", "fmtp_line": ""},
            {"mime": "video/VP8", "fmtp_line": ""}],
        "metadata": "", "num_participants": 0, "num_publishers": 0, "active_recording": false,
        "version": null})
}

fn texts(rows: &Value, field: &str) -> Vec<String> {
    let rows = rows.as_array().into_iter().flatten();
    rows.map(|row| row[field].as_str().unwrap().to_owned()).collect()
}

fn twirp(status: u16, code: &str, said: &str) -> Reply {
    Reply::json(status, &json!({ "code": code, "msg": said }))
}

fn absent(said: &str) -> Reply {
    twirp(404, "not_found", &format!("twirp error unknown: {said}"))
}

fn denied() -> Reply {
    twirp(401, "unauthenticated", "permissions denied")
}
