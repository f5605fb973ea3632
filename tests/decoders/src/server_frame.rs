//! What the service says, as a client reads it: written, a frame reads back, with `replyTo` and without.

use tidings_domain::limits::UNPACKED_BYTES_MAX;
use tidings_protocol::{
    ConversationSettings, ConversationUpdated, DeviceChanged, Draft, Encoding, ErrorCode, ErrorFrame, FlowControl,
    Kind, MessageEvent, MessageHidden, MessageNew, MessageSent, Packed, Payload, PresenceOk, PresenceState,
    PresenceUpdate, Receipt, ServerFrame, SessionReady, SyncComplete, SyncPage, Typing, UserPresence,
    keys::{KeysLow, MailNew},
};

use crate::Seed;

pub(crate) fn check(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let Ok(Some(frame)) = ServerFrame::parse(text) else { return false };
    let written = frame.to_text(None);
    let again = read(&written);
    assert_eq!(again, frame);
    assert_eq!(again.to_text(None), written);
    assert_eq!(frame.frame_type(), again.frame_type());
    if let ServerFrame::Packed(packed) = &frame
        && let Ok(text) = packed.unpack()
    {
        assert!(text.len() <= UNPACKED_BYTES_MAX);
    }

    let answer = read(&frame.to_text(Some("7")));
    match answer {
        ServerFrame::Error(ErrorFrame { reply_to, .. }) | ServerFrame::Page(SyncPage { reply_to, .. }) => {
            assert_eq!(reply_to.as_deref(), Some("7"));
        }
        answer => assert_eq!(answer, frame),
    }
    true
}

fn read(text: &str) -> ServerFrame {
    ServerFrame::parse(text).unwrap().unwrap()
}

fn draft(conversation_id: &str, ts: u64) -> ServerFrame {
    let payload = Payload::of(&serde_json::json!({ "text": "he" }));
    ServerFrame::Draft(Draft { conversation_id: conversation_id.to_owned(), payload, ts })
}

fn settings(conversation_id: &str, ts: u64) -> ServerFrame {
    ServerFrame::Settings(ConversationSettings {
        conversation_id: conversation_id.to_owned(),
        muted_until: Some(ts),
        pinned: true,
        archived: false,
        ttl_seconds: Some(60),
        searchable: true,
        text_indexed: false,
    })
}

fn mail(user_id: &str, device_id: &str, ts: u64) -> ServerFrame {
    ServerFrame::Mail(Box::new(MailNew {
        mail_id: "1800000000000-5d4f6cde3f545a8e9d6b1c2f5b8a7e90".into(),
        kind: "welcome".into(),
        from_user_id: user_id.to_owned(),
        from_device_id: device_id.to_owned(),
        conversation_id: Some("u:alice|u:bob".into()),
        sequence: Some(7),
        payload: Payload::of(&"AAAA".into()),
        ts,
    }))
}

/// One frame of each type.
pub(crate) fn seeds() -> Vec<Seed> {
    let conversation_id = "u:alice|u:bob".to_owned();
    let message_id = "m:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d".to_owned();
    let (user_id, device_id) = ("bob".to_owned(), "ios:3f2a".to_owned());
    let ts = 1_800_000_000_000;
    let message = MessageNew {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        sequence: 7,
        sender_user_id: "alice".into(),
        sender_device_id: device_id.clone(),
        client_msg_id: "é-1".into(),
        event: MessageEvent::Edit,
        kind: Kind::Image,
        payload: Payload::from_text(r#"{"text":"hey","n":1.10}"#.into()).unwrap(),
        ts,
        client_ts: Some(1),
        target_message_id: Some(message_id.clone()),
        target_sequence: Some(6),
        target_user_id: Some(user_id.clone()),
        reaction: Some("👍".into()),
        choices: vec!["yes".into()],
        media_handle: Some("h:1".into()),
        in_reply_to: Some(message_id.clone()),
        thread_root: Some(message_id.clone()),
        mentions: vec!["bob".into(), "@all".into()],
        view_once: true,
        forwards: 2,
        ttl_seconds: Some(60),
        expired: true,
        deleted: true,
        viewed: true,
        envelope: Some("AAAA".into()),
        epoch: Some(3),
    };
    let receipt = Receipt {
        conversation_id: conversation_id.clone(),
        user_id: user_id.clone(),
        up_to: 7,
        message_id: message_id.clone(),
        ts,
    };
    let users = vec![
        UserPresence { user_id: user_id.clone(), state: PresenceState::Online, last_seen: None },
        UserPresence { user_id: "carol".into(), state: PresenceState::Recently, last_seen: Some(ts) },
    ];
    let page = SyncPage {
        conversation_id: conversation_id.clone(),
        messages: vec![message.clone()],
        next: 7,
        has_more: true,
        reply_to: None,
    };
    let ready = SessionReady {
        user_id: user_id.clone(),
        device_id: device_id.clone(),
        resume_token: "AAAAAAAAA-gAAAAAAAAAAA".into(),
        heartbeat_seconds: 240,
        send_window: 32,
        max_frame_bytes: 32_768,
        encodings: vec![Encoding::Gzip],
        reconnect_before: ts + 6_600_000,
        server_ts: ts,
    };
    let sent = MessageSent {
        conversation_id: conversation_id.clone(),
        client_msg_id: "1".into(),
        message_id: message_id.clone(),
        sequence: 7,
        ts,
        duplicate: true,
    };
    let mut error = ErrorFrame::of_field(ErrorCode::BadRequest, "payload", "payload: is missing");
    (error.client_msg_id, error.retry_after_ms) = (Some("1".into()), Some(250));
    let frames = [
        ServerFrame::Ready(ready),
        ServerFrame::Sent(sent),
        ServerFrame::New(Box::new(message)),
        ServerFrame::Hidden(MessageHidden { conversation_id: conversation_id.clone(), message_id }),
        ServerFrame::Delivered(receipt.clone()),
        ServerFrame::Read(receipt),
        draft(&conversation_id, ts),
        settings(&conversation_id, ts),
        ServerFrame::ConversationUpdated(ConversationUpdated {
            conversation_id: conversation_id.clone(),
            last_sequence: 9,
        }),
        ServerFrame::Presence(PresenceUpdate { users }),
        ServerFrame::PresenceOk(PresenceOk { server_ts: ts }),
        ServerFrame::Typing(Typing { conversation_id, user_id: user_id.clone(), active: true }),
        mail(&user_id, &device_id, ts),
        ServerFrame::KeysLow(KeysLow { count: 3 }),
        ServerFrame::DeviceChanged(DeviceChanged { user_id, device_id, change: "added".into() }),
        ServerFrame::FlowControl(FlowControl { window: 4, retry_after_ms: 500 }),
        ServerFrame::Packed(Packed::pack(&ServerFrame::Page(page.clone()).to_text(None)).unwrap()),
        ServerFrame::Page(page),
        ServerFrame::SyncComplete(SyncComplete { conversations: 2, resume_token: Some("AAAA".into()) }),
        ServerFrame::Error(error),
    ];
    assert_eq!(frames.len(), ServerFrame::TYPES.len(), "a seed for each type");
    frames.iter().map(|frame| Seed::new(frame.frame_type(), frame.to_text(None))).collect()
}
