//! What a client says on a socket: the frame is taken whole and within every limit, or refused by
//! an error that names its field; and whatever is answered fits a frame.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use tidings_domain::{
    history::Span,
    ids::{ConnectionId, Sequence, Timestamp, UserId},
    limits,
    log::{ConversationState, Target},
    receipts::MarkAt,
    send::{AnswerTo, Pending, SendRequest, Sent},
    sessions::Socket,
};
use tidings_protocol::{
    Ack, ClientFrame, DeleteFor, Encoding, ErrorFrame, FRAME_BYTES_MAX, FrameHeader, FrameType, Heartbeat, Hello,
    MessageDelete, MessageEdit, MessagePin, MessageReact, MessageSend, MessageVote, ParseError, Payload, PresenceUsers,
    Pull, Read, ServerFrame, TypingNow, convert,
    keys::{MailAck, MessageCommit},
    parse_body,
};
use tidings_record::{from_ingest, to_ingest};

use crate::{
    Seed,
    entry::{self, fits, sender, widest_id},
    ids, key_calls,
};

pub(crate) fn check(data: &[u8]) -> bool {
    std::str::from_utf8(data).is_ok_and(check_text)
}

pub(crate) fn check_text(text: &str) -> bool {
    let header = match FrameHeader::parse(text) {
        Ok(header) => header,
        Err(error) => return refused(&error),
    };
    assert!(text.len() <= FRAME_BYTES_MAX);
    assert!(header.id.as_ref().is_none_or(|id| id.chars().count() <= 64));
    let Some(frame_type) = FrameType::parse(&header.frame_type) else { return false };
    match taken(frame_type, text) {
        Ok(()) => true,
        Err(error) => refused(&error),
    }
}

/// A refusal fits a frame, and names the field in word and detail where there is one.
pub(crate) fn refused(error: &ParseError) -> bool {
    let frame = ServerFrame::Error(ErrorFrame::from(error.clone()));
    fits(&frame, Some(&widest_id()));
    if let Some(field) = &error.field {
        assert!(error.message.contains(field.as_str()), "{error:?}");
    }
    false
}

fn taken(frame_type: FrameType, text: &str) -> Result<(), ParseError> {
    match frame_type {
        FrameType::Hello => hello(&body(text)?),
        FrameType::Send => send(&body(text)?),
        FrameType::Commit => commit(&body(text)?),
        FrameType::MailAck => key_calls::mail_ack(&body(text)?),
        FrameType::Edit => about(convert::edit_request(&sender(), body(text)?)),
        FrameType::Delete => about(convert::delete_request(&sender(), &body(text)?)),
        FrameType::React => about(convert::reaction_request(&sender(), &body(text)?)),
        FrameType::Vote => about(convert::vote_request(&sender(), &body(text)?)),
        FrameType::Pin => about(convert::pin_request(&sender(), &body(text)?)),
        FrameType::Ack => ack(&body(text)?),
        FrameType::Read => read(&body(text)?),
        FrameType::Pull => pull(&body(text)?),
        FrameType::Heartbeat => body::<Heartbeat>(text).map(drop),
        FrameType::Subscribe | FrameType::Unsubscribe => users(&body(text)?),
        FrameType::Typing => typing(&body(text)?),
    }
}

pub(crate) fn typing(body: &TypingNow) -> Result<(), ParseError> {
    let (conversation, active) = convert::typing_request(body)?;
    assert_eq!((conversation.to_string(), active), (body.conversation_id.clone(), body.active));
    Ok(())
}

/// A body: written, it reads back, and is written the same again.
pub(crate) fn body<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) -> Result<T, ParseError> {
    let body: T = parse_body(text)?;
    let written = serde_json::to_string(&body).unwrap();
    let again: T = parse_body(&written).unwrap();
    assert_eq!(again, body);
    assert_eq!(serde_json::to_string(&again).unwrap(), written);
    Ok(body)
}

pub(crate) fn named<T>(result: Result<T, ParseError>) -> Result<T, ParseError> {
    result.inspect_err(|error| {
        let field = error.field.as_deref().unwrap_or_default();
        assert!(!field.is_empty() && error.message.starts_with(field), "every check names its field: {error:?}");
    })
}

fn hello(body: &Hello) -> Result<(), ParseError> {
    let request = named(convert::hello_request(body, None))?;
    assert_eq!(request.cursors.len(), body.cursors.len());
    for (conversation, held) in &request.cursors {
        assert!(ids::check(&conversation.to_string()));
        in_range(*held);
    }
    Ok(())
}

pub(crate) fn send(body: &MessageSend) -> Result<(), ParseError> {
    let request = named(convert::send_request(&sender(), body.clone()))?;
    let draft = &request.draft;
    assert_eq!(draft.conversation.to_string(), body.conversation_id);
    assert_eq!(draft.client_msg_id.as_str(), body.client_msg_id);
    assert_eq!(draft.content.payload.as_ref(), body.payload.text(), "a payload keeps its bytes");
    assert!(request.resend_after.is_none() || body.attempt.is_some_and(|attempt| attempt > 1));
    appended(request);
    Ok(())
}

pub(crate) fn commit(body: &MessageCommit) -> Result<(), ParseError> {
    let request = named(convert::commit_request(&sender(), body))?;
    let draft = &request.draft;
    assert_eq!((draft.conversation.to_string(), draft.epoch), (body.conversation_id.clone(), Some(body.epoch)));
    assert_eq!(draft.content.welcome.is_some(), !body.welcomed.is_empty());
    appended(request);
    Ok(())
}

fn about(request: Result<convert::AboutRequest, ParseError>) -> Result<(), ParseError> {
    let (mut request, about) = named(request)?;
    assert!(ids::check(&request.draft.conversation.to_string()));
    about.sequence.into_iter().for_each(in_range);
    let author = UserId::parse(&"a".repeat(64)).unwrap();
    let sequence = Sequence((1 << 40) - 1);
    request.draft.target = Some(Target { message: about.message, sequence, author });
    appended(request);
    Ok(())
}

/// What becomes of a request fits wherever it goes.
fn appended(request: SendRequest) {
    let draft = &request.draft;
    request.resend_after.into_iter().for_each(in_range);
    // All that the service adds is as long as it can be.
    let end = Sequence((1 << 40) - 1);
    let state = ConversationState { epoch: u64::MAX, membership_version: end, indexes_text: false };
    let entry = draft.entry_at(end, Timestamp(u64::MAX >> 1), state);
    entry::within_limits(&entry);
    entry::read_back(std::slice::from_ref(&entry));
    entry::fits_frames(&entry);
    let sent = Sent { entry, duplicate: true, races_lost: 0 };
    fits(&ServerFrame::Sent(convert::message_sent(&sent)), Some(&widest_id()));
    waits(request);
}

/// In a hot conversation the request waits on a stream for the batch sequencer.
fn waits(request: SendRequest) {
    let socket = Socket {
        owner: request.draft.sender.clone(),
        connection: ConnectionId::parse("c1=").unwrap(),
        endpoint: "https://cell".into(),
        connected_at: Timestamp(1),
    };
    let pending = Pending {
        draft: request.draft,
        after: request.resend_after.unwrap_or_default(),
        membership_version: Sequence(1),
        pause_ms: 1,
        hot_until: Timestamp(1),
        answer_to: Some(AnswerTo { socket, reply_to: Some(widest_id().into()) }),
    };
    assert_eq!(from_ingest(&to_ingest(&pending).unwrap()).unwrap(), pending);
}

pub(crate) fn ack(body: &Ack) -> Result<(), ParseError> {
    let (conversation, _, at) = named(convert::ack_request(body))?;
    assert!(ids::check(&conversation.to_string()));
    assert_eq!(at, MarkAt::Sequence(Sequence(body.up_to)));
    assert!(body.up_to > 0);
    in_range(Sequence(body.up_to));
    Ok(())
}

pub(crate) fn read(body: &Read) -> Result<(), ParseError> {
    let (conversation, _, at) = named(convert::read_request(body))?;
    assert!(ids::check(&conversation.to_string()));
    match at {
        MarkAt::Sequence(sequence) => in_range(sequence),
        MarkAt::Message(id) => assert_eq!(Some(id.to_string()), body.message_id),
    }
    Ok(())
}

fn pull(body: &Pull) -> Result<(), ParseError> {
    let (conversation, span, limit) = named(convert::pull_request(body))?;
    assert!(ids::check(&conversation.to_string()));
    assert_eq!(span, Span::After(Sequence(body.since)));
    in_range(Sequence(body.since));
    assert!((1..=limits::PULL_LIMIT_MAX).contains(&limit));
    Ok(())
}

fn users(body: &PresenceUsers) -> Result<(), ParseError> {
    let (users, _) = named(convert::presence_users(body))?;
    assert!(users.len() <= limits::PRESENCE_USERS_MAX);
    assert!(users.iter().map(ToString::to_string).eq(body.user_ids.iter().cloned()));
    Ok(())
}

fn in_range(sequence: Sequence) {
    assert!(sequence < Sequence(1 << 40), "a sequence that every JSON reader holds exactly");
}

/// One frame of each type that is about an earlier message.
fn about_seeds(conversation_id: &str, message_id: &str) -> [(&'static str, ClientFrame); 5] {
    let (conversation_id, message_id) = (conversation_id.to_owned(), message_id.to_owned());
    let edit = MessageEdit {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        message_sequence: Some(3),
        client_msg_id: "2".into(),
        payload: Payload::from_text(r#"{"text":"hey!"}"#.into()).unwrap(),
        mentions: vec!["bob".into()],
        envelopes: [("web".into(), "AQ==".into())].into(),
        epoch: Some(1),
        ts: Some(1),
        attempt: Some(2),
        base_sequence: Some(3),
    };
    let delete = MessageDelete {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        client_msg_id: "3".into(),
        audience: DeleteFor::Me,
        ..MessageDelete::default()
    };
    let react = MessageReact {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        client_msg_id: "4".into(),
        reaction: Some("👍".into()),
        ..MessageReact::default()
    };
    let vote = MessageVote {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        client_msg_id: "5".into(),
        choices: vec!["yes".into(), "no".into()],
        ..MessageVote::default()
    };
    let pin = MessagePin {
        conversation_id: conversation_id.clone(),
        message_id: message_id.clone(),
        client_msg_id: "6".into(),
        pinned: true,
        ..MessagePin::default()
    };
    [
        ("edit", ClientFrame::Edit(Box::new(edit))),
        ("delete", ClientFrame::Delete(delete)),
        ("react", ClientFrame::React(react)),
        ("vote", ClientFrame::Vote(vote)),
        ("pin", ClientFrame::Pin(pin)),
    ]
}

/// One frame of each type, and a `message.send` with everything.
pub(crate) fn seeds() -> Vec<Seed> {
    let conversation_id = "u:alice|u:bob".to_owned();
    let message_id = format!("m:{}", "0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d");
    let everything = MessageSend {
        conversation_id: conversation_id.clone(),
        client_msg_id: "é-1".into(),
        payload: Payload::from_text(r#"{"text":"hey \ud83d\ude00","n":[1.10,null,true]}"#.into()).unwrap(),
        ts: 1_800_000_000_000,
        kind: Some(tidings_protocol::Kind::Image),
        media_handle: Some("md:0a1b2c3d-4e5f-5a6b-8c7d-9e0f1a2b3c4d".into()),
        in_reply_to: Some(message_id.clone()),
        thread_root: Some(message_id.clone()),
        mentions: vec!["bob".into(), "@all".into()],
        view_once: true,
        forwards: Some(2),
        ttl_seconds: Some(60),
        envelopes: [("ios:3f2a".into(), "AAAA".into()), ("web".into(), "AQ==".into())].into(),
        epoch: Some(0),
        devices: [("bob".into(), 3)].into(),
        attempt: Some(2),
        base_sequence: Some(41),
    };
    let text = MessageSend {
        conversation_id: "g:team".into(),
        client_msg_id: "1".into(),
        payload: Payload::from_text(r#"{"text":"hey"}"#.into()).unwrap(),
        ts: 1,
        ..MessageSend::default()
    };
    let about = about_seeds(&conversation_id, &message_id);
    let users = PresenceUsers { user_ids: vec!["alice".into(), "bob".into()], conversation_id: None };
    let cursors = [(conversation_id.clone(), 7), ("g:team".into(), 0)].into();
    let mail = MailAck { mail_ids: vec!["1800000000000-5d4f6cde3f545a8e9d6b1c2f5b8a7e90".into()] };
    let typing_now = TypingNow { conversation_id: conversation_id.clone(), active: true };
    let frames = [
        ("hello", ClientFrame::Hello(Hello { resume_token: Some("AAAAAAAAA-gAAAAAAAAAAA".into()), cursors })),
        ("send", ClientFrame::Send(Box::new(text))),
        ("send-everything", ClientFrame::Send(Box::new(everything))),
        ("commit", ClientFrame::Commit(Box::new(key_calls::commit()))),
        ("mail-ack", ClientFrame::MailAck(mail)),
        ("ack", ClientFrame::Ack(Ack { conversation_id: conversation_id.clone(), up_to: 3 })),
        (
            "read",
            ClientFrame::Read(Read { conversation_id: conversation_id.clone(), up_to: Some(3), message_id: None }),
        ),
        (
            "read-message",
            ClientFrame::Read(Read {
                conversation_id: conversation_id.clone(),
                up_to: None,
                message_id: Some(message_id),
            }),
        ),
        (
            "pull",
            ClientFrame::Pull(Pull {
                conversation_id: conversation_id.clone(),
                since: 3,
                limit: Some(10),
                encoding: Some(Encoding::Gzip),
            }),
        ),
        ("heartbeat", ClientFrame::Heartbeat(Heartbeat { active: true })),
        ("subscribe", ClientFrame::Subscribe(users.clone())),
        ("unsubscribe", ClientFrame::Unsubscribe(users)),
        ("typing", ClientFrame::Typing(typing_now)),
    ];
    let with_id = |frame: &ClientFrame| {
        let mut value = serde_json::to_value(frame).unwrap();
        value["id"] = "7".into();
        value["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into();
        value
    };
    frames.iter().chain(&about).map(|(name, frame)| Seed::new(*name, with_id(frame))).collect()
}
