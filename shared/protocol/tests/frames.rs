//! A message that is taken reaches every device in one frame, however near to the limits it is.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use proptest::prelude::*;
use tidings_domain::{
    history::Page,
    ids::{ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    limits::{ENVELOPE_BYTES_MAX, MENTIONS_MAX, PAYLOAD_BYTES_MAX, SEQUENCE_MAX},
    log::ConversationState,
    notice::Notice,
};
use tidings_protocol::{
    ClientFrame, Encoding, ErrorCode, FRAME_BYTES_MAX, FrameHeader, Kind, MessageSend, Payload, ServerFrame, SyncPage,
    convert::{notice_frame, pull_answer, send_request},
    parse_body,
};

fn sender() -> Sender {
    Sender { user: UserId::parse(&"u".repeat(64)).unwrap(), device: DeviceId::parse(&"d".repeat(64)).unwrap() }
}

/// The page of the answer to a pull.
fn unpacked(answer: ServerFrame) -> SyncPage {
    match answer {
        ServerFrame::Page(page) => page,
        ServerFrame::Packed(packed) => unpacked(ServerFrame::parse(&packed.unpack().unwrap()).unwrap().unwrap()),
        other => panic!("a {} answers a pull", other.frame_type()),
    }
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
            for encoding in [None, Some(Encoding::Gzip)] {
                let answer = pull_answer(&entry.conversation, &page, reader, Timestamp(0), encoding);
                prop_assert!(answer.to_text(Some(&reply_to)).len() <= FRAME_BYTES_MAX);
                let is_packed = matches!(answer, ServerFrame::Packed(_));
                let unpacked = unpacked(answer);
                prop_assert!(!unpacked.messages.is_empty());
                let has_ciphertext = unpacked.messages.iter().any(|m| m.epoch.is_some() || m.envelope.is_some());
                prop_assert!(!(is_packed && has_ciphertext), "ciphertext is sent as it is");
            }
        }
    }

    #[test]
    fn a_send_reads_back(send in send()) {
        let text = serde_json::to_string(&ClientFrame::Send(Box::new(send.clone()))).unwrap();
        prop_assert_eq!(parse_body::<MessageSend>(&text).unwrap(), send);
        prop_assert_eq!(FrameHeader::parse(&text).is_ok(), text.len() <= FRAME_BYTES_MAX);
    }
}

/// A hundred entries of a conversation of two, each with so long a text of words.
fn hundred(epoch: u64) -> Page {
    let sender = sender();
    let conversation = ConversationId::direct(sender.user.clone(), UserId::parse("v").unwrap());
    let entries = (1..=100).map(|sequence| {
        const WORDS: [&str; 12] =
            ["bob", "comes", "at", "noon", "with", "the", "papers", "and", "a", "bottle", "of", "wine"];
        let place = |n: u64| usize::try_from((sequence * 7919 + n * n * 31) % 12).unwrap();
        let words: Vec<&str> = (0..120).map(|n| WORDS[place(n)]).collect();
        let send = MessageSend {
            conversation_id: conversation.to_string(),
            client_msg_id: sequence.to_string(),
            payload: Payload::of(&words.join(" ").into()),
            ..MessageSend::default()
        };
        let state = ConversationState { epoch, membership_version: Sequence(0), indexes_text: false };
        send_request(&sender, send).unwrap().draft.entry_at(Sequence(sequence), Timestamp(1), state)
    });
    Page { entries: entries.collect(), next: Sequence(100), has_more: false }
}

#[test]
fn a_long_page_is_packed_for_who_reads_that_and_has_more_in_fewer_bytes() {
    let reader = DeviceId::parse("d").unwrap();
    let page = hundred(0);
    let conversation = page.entries[0].conversation.clone();
    let answer = |page: &Page, encoding| pull_answer(&conversation, page, &reader, Timestamp(1), encoding);
    let (plain, packed) = (answer(&page, None), answer(&page, Some(Encoding::Gzip)));
    assert!(matches!(plain, ServerFrame::Page(_)) && matches!(packed, ServerFrame::Packed(_)));
    let (plain_bytes, packed_bytes) = (plain.to_text(None).len(), packed.to_text(None).len());
    let (plain, packed) = (unpacked(plain), unpacked(packed));
    assert!(plain.has_more && !packed.has_more, "{} and {}", plain.messages.len(), packed.messages.len());
    assert_eq!(packed.messages[..plain.messages.len()], plain.messages);
    assert_eq!((packed.messages.len(), packed.next), (100, 100));
    assert!(packed_bytes < plain_bytes, "{packed_bytes} of {plain_bytes}");
    // Ciphertext, and what is short, go as they are.
    assert!(matches!(answer(&hundred(3), Some(Encoding::Gzip)), ServerFrame::Page(_)));
    let short = Page { entries: page.entries[..2].to_vec(), ..page };
    assert!(matches!(answer(&short, Some(Encoding::Gzip)), ServerFrame::Page(_)));
}
