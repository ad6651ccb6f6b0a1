//! What room tokens say, and whom they do not let in.

use serde_json::{Value, json};

use super::*;
use crate::auth::{KeyPair, Tokens, Voucher, keys, token};
use crate::domain::consultations::reference::Reference;
use crate::domain::events::signaling::SeatRole;

const HUB: &[u8] = b"a secret of the hub, long enough to sign with";
const LIFE: Duration = Duration::from_hours(2);

fn with_media() -> RoomTokens {
    let (key, secret) =
        (Secret::new("devkey"), Secret::new("a secret of the media server, long enough"));
    let media = Some((&key, &secret));
    RoomTokens::new(&Settings { secret: HUB, previous_secret: None, media })
}

fn alone() -> RoomTokens {
    RoomTokens::new(&Settings { secret: HUB, previous_secret: None, media: None })
}

fn pass(role: SeatRole, reference: &str) -> Pass {
    let reference = Reference::from(reference);
    Pass::of_party(&"c-1".into(), "consultation-c-1", role, &reference)
}

/// Claims as they travel, whoever signed them.
fn decoded(token: &str) -> Value {
    let body = token.split('.').nth(1).unwrap();
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    serde_json::from_slice(&base64::Engine::decode(&engine, body).unwrap()).unwrap()
}

#[test]
fn every_claim_of_every_role_is_as_promised() {
    let now = Timestamp(1_759_666_066_209);
    let all = json!(["camera", "microphone", "screen_share"]);
    let cases = [
        (SeatRole::Patient, "maria", "maria", true, json!(["camera", "microphone"]), false, None),
        (SeatRole::Patient, "7", "patient-7", true, json!(["camera", "microphone"]), false, None),
        (SeatRole::Doctor, "7", "doctor-7", true, all, true, None),
        (SeatRole::Observer, "9", "observer-9", false, json!([]), false, Some(true)),
    ];
    for (role, reference, identity, takes_part, sources, records, hidden) in cases {
        let metadata = json!({"role": role, "consultationId": "c-1", "userId": reference});
        let mut expected = json!({
            "iss": "devkey", "sub": identity, "nbf": 1_759_666_066, "exp": 1_759_673_266,
            "name": "Ana", "metadata": metadata.to_string(),
            "attributes": {"issuedAt": "2025-10-05T12:07:46.209Z"},
            "video": {"roomJoin": true, "room": "consultation-c-1", "canPublish": takes_part,
                "canSubscribe": true, "canPublishData": takes_part, "canPublishSources": sources,
                "roomRecord": records},
        });
        if let Some(hidden) = hidden {
            expected["video"]["hidden"] = json!(hidden);
        }
        let pass = Pass { name: Some("Ana".into()), ..pass(role, reference) };

        let sfu = with_media().issue(&pass, Audience::MediaServer, LIFE, now).unwrap();
        let mock = alone().issue(&pass, Audience::MediaServer, LIFE, now).unwrap();

        assert_eq!(decoded(&sfu), expected);
        expected["iss"] = json!("latido");
        expected["typ"] = json!("room");
        assert_eq!(decoded(&mock), expected);
        let peers = with_media().issue(&pass, Audience::Signaling, LIFE, now).unwrap();
        assert_eq!(decoded(&peers), expected);
    }
}

#[test]
fn a_room_token_is_read_by_whoever_could_have_signed_it_until_it_expires() {
    let (now, tokens) = (Timestamp::now(), with_media());
    let pass = pass(SeatRole::Patient, "7");
    let issue = |audience, at| tokens.issue(&pass, audience, LIFE, at).unwrap();

    for audience in [Audience::MediaServer, Audience::Signaling] {
        let claims = tokens.read(&issue(audience, now)).unwrap();
        assert_eq!(claims.sub, "patient-7");
        let late = tokens.read(&issue(audience, now.minus(2 * LIFE)));
        assert_eq!(late.unwrap_err(), Unauthenticated::Expired);
    }
    let stranger =
        RoomTokens::new(&Settings { secret: &[7; 32], previous_secret: None, media: None });
    let token = stranger.issue(&pass, Audience::Signaling, LIFE, now).unwrap();
    assert_eq!(tokens.read(&token).unwrap_err(), Unauthenticated::Signature);
    let rotated = RoomTokens::new(&Settings {
        secret: &[8; 32],
        previous_secret: Some(&[7; 32]),
        media: None,
    });
    assert!(rotated.read(&token).is_ok());
}

#[test]
fn who_waits_gets_nothing_that_the_media_server_takes() {
    let waiting = Pass { is_waiting: true, ..pass(SeatRole::Patient, "7") };

    let token =
        with_media().issue(&waiting, Audience::MediaServer, LIFE, Timestamp::now()).unwrap();

    let claims = decoded(&token);
    assert_eq!((&claims["iss"], &claims["typ"]), (&json!("latido"), &json!("room")));
    assert_eq!(claims["video"]["roomJoin"], false);
}

#[test]
fn a_room_token_is_never_an_access_token() {
    let settings = |private_key: Option<KeyPair>| token::Settings {
        secret: HUB.to_vec(),
        previous_secret: None,
        private_key,
        previous_public_key: None,
        ttl: LIFE,
    };
    let pair = KeyPair::from_pem(&keys::tests::elliptic(3).0).unwrap();
    let access = [None, Some(pair)].map(|pair| Tokens::new(&settings(pair)).unwrap());
    // A reference may be any number, also somebody's account.
    for (role, reference) in
        [(SeatRole::Doctor, "7"), (SeatRole::Patient, "1"), (SeatRole::Observer, "ana")]
    {
        for pass in [
            pass(role, reference),
            Pass { identity: reference.into(), ..pass(role, reference) },
            Pass { is_waiting: true, ..pass(role, reference) },
        ] {
            let token = alone().issue(&pass, Audience::Signaling, LIFE, Timestamp::now()).unwrap();
            for tokens in &access {
                assert!(tokens.verify(&token).is_err());
            }
            assert!(Voucher::new([HUB]).verify(&token).is_err());
        }
    }
}
