//! What the decoder takes, what it refuses, and that packets survive the wire.

use proptest::prelude::*;

use super::*;

fn client() -> Decoder {
    Decoder::new(Limits::default())
}

fn refusal(text: &str) -> DecodeError {
    let mut decoder = client();
    let error = decoder.text(text).unwrap_err();
    assert!(!decoder.is_assembling());
    error
}

fn packet(text: &str) -> Packet {
    client().text(text).unwrap().unwrap()
}

#[test]
fn an_idle_decoder_is_sixteen_bytes() {
    assert!(size_of::<Decoder>() <= 16);
}

#[test]
fn the_parts_of_a_packet_are_told_apart() {
    let event = packet(r#"2/admin,12["hello",1]"#);
    assert_eq!(event, Packet::event("/admin", "hello", "1").with_id(12));
    assert_eq!(packet("0").data, None);
    assert_eq!(packet(r#"0/admin,{"token":"x"}"#), Packet::connect("/admin", r#"{"token":"x"}"#));
    assert_eq!(packet("1/admin,"), Packet::disconnect("/admin"));
    assert_eq!(packet("1/admin"), Packet::disconnect("/admin"));
    assert_eq!(packet(r#"31["ok"]"#), Packet::ack("/", 1, r#""ok""#));
    assert_eq!(packet("218446744073709551615[\"e\"]").id, Some(u64::MAX));
}

#[test]
fn malformed_texts_are_refused_by_cause() {
    for (text, error) in [
        ("", DecodeError::EmptyPacket),
        ("9", DecodeError::UnknownType),
        ("é", DecodeError::UnknownType),
        (r#"4{"message":"no"}"#, DecodeError::WrongDirection),
        ("5[\"e\"]", DecodeError::AttachmentCount),
        ("51[\"e\"]", DecodeError::AttachmentCount),
        ("5-[\"e\"]", DecodeError::AttachmentCount),
        ("599999999999999999999-[\"e\"]", DecodeError::AttachmentCount),
        ("511-[\"e\"]", DecodeError::TooManyAttachments),
        ("599999999999999999-[\"e\"]", DecodeError::TooManyAttachments),
        ("218446744073709551616[\"e\"]", DecodeError::Id),
        ("3[]", DecodeError::MissingId),
        ("01{}", DecodeError::UnexpectedId),
        ("11", DecodeError::UnexpectedId),
        ("1{}", DecodeError::TrailingData),
        ("2", DecodeError::MissingData),
        ("31", DecodeError::MissingData),
        ("2{}", DecodeError::NotAnArray),
        ("2null", DecodeError::NotAnArray),
        ("31{}", DecodeError::NotAnArray),
        ("0[]", DecodeError::NotAnObject),
        ("0\"token\"", DecodeError::NotAnObject),
        ("2[]", DecodeError::EventName),
        ("2[1,2]", DecodeError::EventName),
        ("2[\"e\"", DecodeError::Json),
        ("2[\"e\"]x", DecodeError::Json),
        (r#"2["e",{"a":1,"a":2}]"#, DecodeError::DuplicateKey),
        ("2/a\n,[\"e\"]", DecodeError::Namespace),
    ] {
        assert_eq!(refusal(text), error, "{text}");
    }
    assert_eq!(refusal(&format!("2/{},[\"e\"]", "n".repeat(300))), DecodeError::Namespace);
    let deep = format!("2[\"e\",{}{}]", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refusal(&deep), DecodeError::JsonDepth);
}

#[test]
fn a_binary_packet_waits_for_its_attachments_in_order() {
    let text = r#"52-/a,7["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let (one, two) = (Bytes::from_static(b"1"), Bytes::from_static(b"2"));
    let mut decoder = client();
    assert_eq!(decoder.text(text), Ok(None));
    assert!(decoder.is_assembling());
    assert_eq!(decoder.binary(one.clone()), Ok(None));
    let packet = decoder.binary(two.clone()).unwrap().unwrap();
    assert!(!decoder.is_assembling());
    assert_eq!((packet.kind, packet.id), (Kind::BinaryEvent, Some(7)));
    assert_eq!(packet.attachments, [one, two]);
    assert_eq!(packet.encode().0, text);
}

#[test]
fn attachments_out_of_turn_are_refused() {
    let text = r#"51-["e",{"_placeholder":true,"num":0}]"#;
    let mut decoder = client();
    assert_eq!(decoder.binary(Bytes::new()), Err(DecodeError::UnexpectedAttachment));
    assert_eq!(decoder.text(text), Ok(None));
    assert_eq!(decoder.text("2[\"e\"]"), Err(DecodeError::TextWhileAssembling));
    assert!(!decoder.is_assembling());
    assert_eq!(refusal(&text.replace("51-", "52-")), DecodeError::Placeholders);
    assert_eq!(refusal(&text.replace("51-", "50-")), DecodeError::Placeholders);
    assert_eq!(refusal(&text.replace(":0}", ":1}")), DecodeError::Placeholders);
    assert_eq!(packet("50-[\"e\"]").kind, Kind::BinaryEvent);
}

#[test]
fn attachments_share_one_budget() {
    let mut decoder = Decoder::new(Limits { max_attachments: 2, max_attachment_bytes: 10 });
    let text = r#"52-["e",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    decoder.text(text).unwrap();
    assert_eq!(decoder.binary(vec![0; 6].into()), Ok(None));
    assert_eq!(decoder.binary(vec![0; 5].into()), Err(DecodeError::AttachmentBytes));
    assert!(!decoder.is_assembling());
}

fn packets() -> impl Strategy<Value = Packet> {
    let head = (0..5_u8, prop_oneof![Just("/".to_owned()), "/[a-z0-9/é?=]{1,20}"]);
    let attachments = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..4);
    (head, any::<Option<u64>>(), any::<String>(), attachments).prop_map(
        |((kind, namespace), id, word, attachments)| {
            let object = serde_json::json!({ "message": word }).to_string();
            let mut args = vec![object.clone()];
            for num in 0..attachments.len() {
                args.push(format!(r#"{{"_placeholder":true,"num":{num}}}"#));
            }
            let args = args.join(",");
            let packet = match kind {
                0 => return Packet::connect(namespace, object),
                1 => return Packet::disconnect(namespace),
                2 => return Packet::connect_error(namespace, object),
                3 => Packet { id, ..Packet::event(namespace, &word, &args) },
                _ => Packet::ack(namespace, id.unwrap_or_default(), &args),
            };
            let attachments: Vec<_> = attachments.into_iter().map(Bytes::from).collect();
            if attachments.is_empty() { packet } else { packet.with_attachments(attachments) }
        },
    )
}

proptest! {
    #[test]
    fn a_packet_survives_the_wire(packet in packets()) {
        let mut decoder = Decoder::of_server_packets(Limits::default());
        let (text, attachments) = packet.encode();
        let mut decoded = decoder.text(&text).unwrap();
        for attachment in attachments {
            prop_assert_eq!(&decoded, &None);
            decoded = decoder.binary(attachment.clone()).unwrap();
        }
        prop_assert_eq!(decoded, Some(packet));
    }

    #[test]
    fn any_text_is_answered(
        texts in prop::collection::vec(r#"[0-6][0-9]{0,2}-?(/[a-z]{0,3},)?[0-9]{0,2}[\[\]{}",:a0-9]{0,30}"#, 1..4),
        noise in any::<String>(),
    ) {
        let mut decoder = client();
        for text in texts.iter().chain([&noise]) {
            let _ = decoder.text(text);
            let _ = decoder.binary(Bytes::from_static(b"x"));
        }
    }
}
