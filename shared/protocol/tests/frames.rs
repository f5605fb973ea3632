//! A message that is taken reaches every device in one frame, however near to the limits it is.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tidings_domain::{
    history::Page,
    ids::{DeviceId, Sender, Sequence, Timestamp, UserId},
    limits::{ENVELOPE_BYTES_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX, SEQUENCE_MAX},
    log::ConversationState,
    notice::Notice,
};
use tidings_protocol::{
    ClientFrame, ErrorCode, FRAME_BYTES_MAX, FrameHeader, Kind, MessageSend, Payload, ServerFrame,
    convert::{notice_frame, send_request, sync_page},
    parse_body,
};

fn sender() -> Sender {
    Sender { user: UserId::parse(&"u".repeat(64)).unwrap(), device: DeviceId::parse(&"d".repeat(64)).unwrap() }
}

/// JSON text of about this many bytes: of plain characters, of such that take four bytes, or escapes.
fn payload() -> impl Strategy<Value = Payload> {
    let unit = prop::sample::select(vec!["a", "\u{1d11e}", r"\u0000", r#"\""#, "[", " "]);
    let bytes = prop_oneof![0..64_usize, PAYLOAD_BYTES_MAX - 64..PAYLOAD_BYTES_MAX + 16, 0..PAYLOAD_BYTES_MAX];
    (unit, bytes).prop_map(|(unit, bytes)| {
        let body = unit.repeat(bytes / unit.len());
        let text = if unit == "[" { format!("{body}{}", "]".repeat(body.len())) } else { format!("\"{body}\"") };
        Payload::from_text(text).unwrap_or_default()
    })
}

prop_compose! {
    /// A send whose fields are absent, small, or as large as they may be and a little larger.
    fn send()(
        payload in payload(),
        id in prop::sample::select(vec!["1", "\u{1d11e}", "\"", "\\"]),
        id_chars in prop::sample::select(vec![1_usize, 64]),
        has_media in any::<bool>(),
        mentions in prop_oneof![Just(0), Just(MENTIONS_MAX), 0..MENTIONS_MAX + 2],
        envelopes in prop::collection::vec(prop_oneof![0..16_usize, 0..ENVELOPE_BYTES_MAX + 8], 0..4),
        long in any::<bool>(),
        ttl_seconds in prop::option::of(Just(31_536_000_u64)),
    ) -> MessageSend {
        let name = |prefix: &str, n: usize| format!("{prefix}{n:0width$}", width = if long { 60 } else { 1 });
        let message_id = long.then(|| "m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d".to_owned());
        MessageSend {
            conversation_id: format!("u:{}|u:{}", "u".repeat(64), "v".repeat(if long { 64 } else { 1 })),
            client_msg_id: id.repeat(id_chars),
            payload,
            ts: u64::MAX,
            kind: Some(Kind::System),
            media_handle: has_media.then(|| "md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d".to_owned()),
            in_reply_to: message_id.clone(),
            thread_root: message_id,
            mentions: (0..mentions).map(|n| name("m", n)).collect(),
            view_once: long,
            forwards: long.then_some(1_000_000),
            ttl_seconds,
            envelopes: (0..).zip(envelopes).map(|(n, bytes)| (name("e", n), "A".repeat(bytes / 4 * 4))).collect(),
            epoch: Some(u64::MAX),
            devices: long.then(|| ("v".repeat(64), u64::MAX)).into_iter().collect(),
            attempt: Some(u32::MAX),
            base_sequence: Some(SEQUENCE_MAX),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_taken_fits_every_frame(send in send(), id in prop::sample::select(vec!["", "7", "\u{1}", "\u{1d11e}"])) {
        let reply_to = id.repeat(64 / id.chars().count().max(1));
        let request = match send_request(&sender(), send.clone()) {
            Ok(request) => request,
            Err(error) => {
                prop_assert!(matches!(error.code, ErrorCode::TooLarge | ErrorCode::BadRequest));
                prop_assert!(error.message.starts_with(error.field.as_deref().unwrap()));
                prop_assert!(ServerFrame::Error(error.into()).to_text(Some(&reply_to)).len() <= FRAME_BYTES_MAX);
                return Ok(());
            }
        };
        let state = ConversationState { epoch: u64::MAX, membership_version: Sequence(1), indexes_text: true };
        let entry = request.draft.entry_at(Sequence(SEQUENCE_MAX), Timestamp(u64::MAX / 2), state);
        let stranger = DeviceId::parse("stranger").unwrap();
        for reader in entry.content.envelopes.keys().chain([&stranger]) {
            let frame = notice_frame(&Notice::Entry(Box::new(entry.clone())), reader, Timestamp(0));
            prop_assert!(frame.to_text(None).len() <= FRAME_BYTES_MAX);
            let page = Page { entries: vec![entry.clone(); 2], next: entry.sequence, has_more: false };
            let page = sync_page(&entry.conversation, &page, reader, Timestamp(0));
            prop_assert!(!page.messages.is_empty());
            prop_assert!(ServerFrame::Page(page).to_text(Some(&reply_to)).len() <= FRAME_BYTES_MAX);
        }
    }

    #[test]
    fn a_send_reads_back(send in send()) {
        let text = serde_json::to_string(&ClientFrame::Send(Box::new(send.clone()))).unwrap();
        prop_assert_eq!(parse_body::<MessageSend>(&text).unwrap(), send);
        prop_assert_eq!(FrameHeader::parse(&text).is_ok(), text.len() <= FRAME_BYTES_MAX);
    }
}
