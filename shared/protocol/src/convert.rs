//! Between the wire and the domain. What a client sends is checked here, once, and every error
//! names the field.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::Watermark,
    history::{Page, Span},
    ids::{ClientMsgId, ConversationId, DeviceId, InvalidId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits,
    log::{Content, ContentKind, ConversationState, Entry, EventKind},
    notice::Notice,
    presence::{Presence, State},
    receipts::{MarkAt, Status, StatusReport},
    send::{SendRequest, Sent},
    stream::Receipt as DomainReceipt,
    sync::{HelloRequest, ListPage},
};

use crate::{
    Ack, ConversationUpdated, Hello, Kind, MessageEvent, MessageNew, MessageSend, MessageSent, ParseError, Payload,
    PresenceState, PresenceUpdate, PresenceUsers, Pull, Read, Receipt, ServerFrame, SessionReady, SyncPage,
    UserPresence,
    http::{ConversationPage, ConversationSummary, Marks, MessagePage, ReceiptStatus, Receipts},
};

fn field<T>(name: &str, parsed: Result<T, InvalidId>) -> Result<T, ParseError> {
    parsed.map_err(|error| ParseError::field(name, format_args!("must be {}", error.rule)))
}

/// Reads a conversation id out of a field.
pub fn conversation_id(name: &str, text: &str) -> Result<ConversationId, ParseError> {
    field(name, ConversationId::parse(text))
}

/// Reads a message id out of a field.
pub fn message_id(name: &str, text: &str) -> Result<MessageId, ParseError> {
    field(name, MessageId::parse(text))
}

/// Reads a user id out of a field.
pub fn user_id(name: &str, text: &str) -> Result<UserId, ParseError> {
    field(name, UserId::parse(text))
}

/// Reads a device id out of a field.
pub fn device_id(name: &str, text: &str) -> Result<DeviceId, ParseError> {
    field(name, DeviceId::parse(text))
}

/// A sequence that JSON numbers hold exactly.
fn sequence(name: &str, value: u64) -> Result<Sequence, ParseError> {
    if value < 1 << 40 { Ok(Sequence(value)) } else { Err(ParseError::field(name, "must be less than 2^40")) }
}

/// Checks a `message.send` and makes it a request.
pub fn send_request(sender: &Sender, send: MessageSend, express_sockets_max: usize) -> Result<SendRequest, ParseError> {
    let conversation = conversation_id("conversationId", &send.conversation_id)?;
    let client_msg_id = field("clientMsgId", ClientMsgId::parse(&send.client_msg_id))?;
    let payload = send.payload.text();
    if payload.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(ParseError::too_large("payload", format_args!("at most {} bytes", limits::PAYLOAD_BYTES_MAX)));
    }
    let attempt = send.attempt.unwrap_or(1);
    if attempt == 0 {
        return Err(ParseError::field("attempt", "must be at least 1"));
    }
    let base = send.base_sequence.map(|base| sequence("baseSequence", base)).transpose()?;
    let content = Content {
        kind: send.kind.unwrap_or_default().into(),
        payload: payload.into(),
        client_ts: Timestamp(send.ts),
        media_handle: media_handle(send.media_handle.as_deref())?,
        in_reply_to: send.in_reply_to.as_deref().map(|id| message_id("inReplyTo", id)).transpose()?,
        thread_root: send.thread_root.as_deref().map(|id| message_id("threadRoot", id)).transpose()?,
        mentions: mentions(&send.mentions)?,
        ttl_seconds: ttl_seconds(send.ttl_seconds)?,
        envelopes: envelopes(send.envelopes)?,
    };
    let request = SendRequest {
        sender: sender.clone(),
        conversation,
        client_msg_id,
        event: EventKind::Message,
        target: None,
        content,
        epoch: send.epoch,
        resend_after: base.filter(|_| attempt > 1),
        known: Sequence::ZERO,
        express_sockets_max,
    };
    fits_a_frame(&request)?;
    Ok(request)
}

/// Each device must be able to get the message in one frame, and as the one entry of a page.
fn fits_a_frame(request: &SendRequest) -> Result<(), ParseError> {
    let content = &request.content;
    let longest = content.envelopes.iter().max_by_key(|(_, envelope)| envelope.len());
    let mentions: usize = content.mentions.iter().map(|m| m.as_str().len() + 3).sum();
    let large = content.payload.len() + longest.map_or(0, |(_, envelope)| envelope.len()) + mentions;
    // Everything else together is far from filling the other half.
    if large <= limits::FRAME_BYTES_MAX / 2 {
        return Ok(());
    }
    let reader = longest.map_or(&request.sender.device, |(device, _)| device);
    let message = message_new(&widest(request), reader, Timestamp(u64::MAX));
    let bytes = serde_json::to_string(&message).map_or(usize::MAX, |text| text.len());
    if bytes > limits::FRAME_BYTES_MAX - limits::MESSAGE_FRAME_OVERHEAD_BYTES {
        return Err(ParseError::too_large("payload", "with all other fields does not fit a frame of 32 KiB"));
    }
    Ok(())
}

/// The entry that a request becomes, at its longest in the words of the wire: whatever the service
/// adds is as long as it can be.
fn widest(request: &SendRequest) -> Entry {
    Entry {
        conversation: request.conversation.clone(),
        sequence: Sequence(1 << 40),
        sender: request.sender.clone(),
        client_msg_id: request.client_msg_id.clone(),
        ts: Timestamp(u64::MAX),
        event: EventKind::Membership,
        target: request.target,
        content: request.content.clone(),
        state: ConversationState { epoch: u64::MAX, membership_version: Sequence(1 << 40) },
    }
}

fn media_handle(handle: Option<&str>) -> Result<Option<std::sync::Arc<str>>, ParseError> {
    match handle {
        Some(h) if h.is_empty() || h.len() > limits::MEDIA_HANDLE_BYTES_MAX => {
            Err(ParseError::field("mediaHandle", format_args!("must be 1 to {} bytes", limits::MEDIA_HANDLE_BYTES_MAX)))
        }
        other => Ok(other.map(Into::into)),
    }
}

fn mentions(mentions: &[String]) -> Result<Vec<UserId>, ParseError> {
    if mentions.len() > limits::MENTIONS_MAX {
        return Err(ParseError::too_large("mentions", format_args!("at most {}", limits::MENTIONS_MAX)));
    }
    mentions.iter().enumerate().map(|(i, user)| user_id(&format!("mentions[{i}]"), user)).collect()
}

fn ttl_seconds(ttl: Option<u64>) -> Result<Option<u64>, ParseError> {
    match ttl {
        Some(s) if s == 0 || s > limits::TTL_SECONDS_MAX => {
            Err(ParseError::field("ttlSeconds", format_args!("must be 1 to {}", limits::TTL_SECONDS_MAX)))
        }
        other => Ok(other),
    }
}

fn envelopes(envelopes: BTreeMap<String, String>) -> Result<BTreeMap<DeviceId, std::sync::Arc<str>>, ParseError> {
    if envelopes.len() > limits::ENVELOPES_MAX {
        return Err(ParseError::too_large("envelopes", format_args!("at most {}", limits::ENVELOPES_MAX)));
    }
    let is_base64 = |t: &str| {
        let body = t.trim_end_matches('=');
        t.len().is_multiple_of(4)
            && t.len() - body.len() <= 2
            && body.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
    };
    envelopes
        .into_iter()
        .map(|(device, envelope)| {
            let name = format!("envelopes.{device}");
            if envelope.len() > limits::ENVELOPE_BYTES_MAX {
                let rule = format_args!("at most {} bytes", limits::ENVELOPE_BYTES_MAX).to_string();
                return Err(ParseError::too_large(name, rule));
            }
            if !is_base64(&envelope) {
                return Err(ParseError::field(name, "must be base64"));
            }
            Ok((device_id(&name, &device)?, envelope.as_str().into()))
        })
        .collect()
}

/// Checks a `session.hello`; the resume token is read elsewhere.
pub fn hello_request(hello: &Hello, up_to_date_at: Option<Timestamp>) -> Result<HelloRequest, ParseError> {
    let cursors = hello.cursors.iter().map(|(id, held)| {
        let name = format!("cursors.{id}");
        Ok((conversation_id(&name, id)?, sequence(&name, *held)?))
    });
    Ok(HelloRequest { up_to_date_at, cursors: cursors.collect::<Result<_, ParseError>>()? })
}

/// Which mark of which conversation is to rise, and where to.
pub type MarkRequest = (ConversationId, Watermark, MarkAt);

/// Checks a `message.ack`.
pub fn ack_request(ack: &Ack) -> Result<MarkRequest, ParseError> {
    let conversation = conversation_id("conversationId", &ack.conversation_id)?;
    Ok((conversation, Watermark::Delivered, mark_at(ack.up_to)?))
}

/// Checks a `message.read`.
pub fn read_request(read: &Read) -> Result<MarkRequest, ParseError> {
    let conversation = conversation_id("conversationId", &read.conversation_id)?;
    let at = match (read.up_to, read.message_id.as_deref()) {
        (Some(up_to), _) => mark_at(up_to)?,
        (None, Some(id)) => MarkAt::Message(message_id("messageId", id)?),
        (None, None) => return Err(ParseError::field("upTo", "upTo or messageId must be given")),
    };
    Ok((conversation, Watermark::Read, at))
}

fn mark_at(up_to: u64) -> Result<MarkAt, ParseError> {
    if up_to == 0 {
        return Err(ParseError::field("upTo", "must be at least 1"));
    }
    Ok(MarkAt::Sequence(sequence("upTo", up_to)?))
}

/// Checks a `sync.pull`.
pub fn pull_request(pull: &Pull) -> Result<(ConversationId, Span, usize), ParseError> {
    let conversation = conversation_id("conversationId", &pull.conversation_id)?;
    Ok((conversation, Span::After(sequence("since", pull.since)?), limit(pull.limit, limits::PULL_LIMIT_MAX)?))
}

/// Checks what a page of history is asked for.
pub fn span(since_at: Option<u64>, before: Option<u64>) -> Result<Span, ParseError> {
    let before = before.map(|b| sequence("before", b)).transpose()?;
    let since_at = since_at.map(|s| sequence("since", s)).transpose()?;
    Ok(match (since_at, before) {
        (None, Some(before)) => Span::Before(before),
        (Some(since), Some(before)) => Span::Between(since, before),
        (since, None) => Span::After(since.unwrap_or_default()),
    })
}

/// Checks a limit; absent, it is the most.
pub fn limit(limit: Option<u64>, max: usize) -> Result<usize, ParseError> {
    match limit {
        None => Ok(max),
        Some(n) => usize::try_from(n)
            .ok()
            .filter(|n| (1..=max).contains(n))
            .ok_or_else(|| ParseError::field("limit", format_args!("must be 1 to {max}"))),
    }
}

/// Checks the users of a presence frame.
pub fn presence_users(users: &PresenceUsers) -> Result<Vec<UserId>, ParseError> {
    if users.user_ids.len() > limits::PRESENCE_USERS_MAX {
        return Err(ParseError::too_large("userIds", format_args!("at most {}", limits::PRESENCE_USERS_MAX)));
    }
    users.user_ids.iter().enumerate().map(|(i, user)| user_id(&format!("userIds[{i}]"), user)).collect()
}

/// `message.sent`
pub fn message_sent(sent: &Sent) -> MessageSent {
    let entry = &sent.entry;
    MessageSent {
        conversation_id: entry.conversation.to_string(),
        client_msg_id: entry.client_msg_id.to_string(),
        message_id: entry.message_id().to_string(),
        sequence: entry.sequence.0,
        ts: entry.ts.0,
        duplicate: sent.duplicate,
    }
}

/// `message.new`, as one device gets it.
pub fn message_new(entry: &Entry, reader: &DeviceId, now: Timestamp) -> MessageNew {
    let content = &entry.content;
    MessageNew {
        conversation_id: entry.conversation.to_string(),
        message_id: entry.message_id().to_string(),
        sequence: entry.sequence.0,
        sender_user_id: entry.sender.user.to_string(),
        sender_device_id: entry.sender.device.to_string(),
        client_msg_id: entry.client_msg_id.to_string(),
        event: entry.event.into(),
        kind: content.kind.into(),
        payload: Payload::from_text(content.payload.to_string()).unwrap_or_default(),
        ts: entry.ts.0,
        client_ts: Some(content.client_ts.0),
        target_message_id: entry.target.map(|id| id.to_string()),
        media_handle: content.media_handle.as_deref().map(str::to_owned),
        in_reply_to: content.in_reply_to.map(|id| id.to_string()),
        thread_root: content.thread_root.map(|id| id.to_string()),
        mentions: content.mentions.iter().map(ToString::to_string).collect(),
        ttl_seconds: content.ttl_seconds,
        expired: entry.is_expired(now),
        envelope: content.envelopes.get(reader).map(ToString::to_string),
        epoch: (entry.state.epoch > 0).then_some(entry.state.epoch),
    }
}

/// The frame of a notice, as one device gets it.
pub fn notice_frame(notice: &Notice, reader: &DeviceId, now: Timestamp) -> ServerFrame {
    match notice {
        Notice::Ready(ready) => ServerFrame::Ready(SessionReady {
            user_id: ready.owner.user.to_string(),
            device_id: ready.owner.device.to_string(),
            resume_token: ready.resume_token.clone(),
            heartbeat_seconds: ready.heartbeat_seconds,
            send_window: ready.send_window,
            max_frame_bytes: limits::FRAME_BYTES_MAX as u64,
            reconnect_before: ready.reconnect_before.0,
            server_ts: ready.now.0,
        }),
        Notice::Entry(entry) => ServerFrame::New(Box::new(message_new(entry, reader, now))),
        Notice::Receipt(receipt) => receipt_frame(receipt),
        Notice::Updated { conversation, last_sequence } => ServerFrame::ConversationUpdated(ConversationUpdated {
            conversation_id: conversation.to_string(),
            last_sequence: last_sequence.0,
        }),
    }
}

fn receipt_frame(receipt: &DomainReceipt) -> ServerFrame {
    let body = Receipt {
        conversation_id: receipt.conversation.to_string(),
        user_id: receipt.by.user.to_string(),
        up_to: receipt.up_to.0,
        message_id: receipt.message_id.to_string(),
        ts: receipt.ts.0,
    };
    match receipt.mark {
        Watermark::Delivered => ServerFrame::Delivered(body),
        Watermark::Read => ServerFrame::Read(body),
    }
}

/// `sync.page`, cut where it would not fit a frame. One entry always fits.
pub fn sync_page(conversation: &ConversationId, page: &Page, reader: &DeviceId, now: Timestamp) -> SyncPage {
    let mut room = limits::FRAME_BYTES_MAX - limits::MESSAGE_FRAME_OVERHEAD_BYTES;
    let mut messages = Vec::new();
    for entry in &page.entries {
        let message = message_new(entry, reader, now);
        let bytes = serde_json::to_string(&message).map_or(0, |text| text.len() + 1);
        if bytes > room && !messages.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        messages.push(message);
    }
    let next = messages.last().map_or(page.next.0, |m| m.sequence);
    SyncPage {
        conversation_id: conversation.to_string(),
        has_more: page.has_more || messages.len() < page.entries.len(),
        messages,
        next,
        reply_to: None,
    }
}

/// The answer of `GET /conversations/{id}/messages`.
pub fn message_page(page: &Page, reader: &DeviceId, now: Timestamp) -> MessagePage {
    MessagePage {
        messages: page.entries.iter().map(|entry| message_new(entry, reader, now)).collect(),
        next: page.next.0,
        has_more: page.has_more,
    }
}

/// The answer of `GET /conversations/{id}/receipts`.
pub fn receipts(report: &StatusReport) -> Receipts {
    let status = |status: &Status| match status {
        Status::Sent => ReceiptStatus::Sent,
        Status::Delivered => ReceiptStatus::Delivered,
        Status::Read => ReceiptStatus::Read,
    };
    Receipts {
        status_by_user: report.by_user.iter().map(|(user, s)| (user.to_string(), status(s))).collect(),
        marks_by_user: report
            .marks
            .iter()
            .map(|(user, (delivered, read))| {
                (user.to_string(), Marks { delivered_up_to: delivered.0, read_up_to: read.0 })
            })
            .collect(),
    }
}

/// The answer of `GET /sync`; the cursor is written elsewhere.
pub fn conversation_page(page: &ListPage, next: String, now: Timestamp) -> ConversationPage {
    let conversations = page.conversations.iter().map(|summary| ConversationSummary {
        conversation_id: summary.conversation.to_string(),
        last_sequence: summary.member.last_sequence.0,
        read_up_to: summary.member.read_up_to.0,
        delivered_up_to: summary.member.delivered_up_to.0,
        unread: summary.unread,
        muted: summary.member.muted_until > now,
        last_ts: summary.member.last_ts.0,
    });
    ConversationPage { conversations: conversations.collect(), next, has_more: page.has_more }
}

/// `presence.update`
pub fn presence_update<'a>(users: impl IntoIterator<Item = (&'a UserId, &'a Presence)>) -> PresenceUpdate {
    let users = users.into_iter().map(|(user, presence)| UserPresence {
        user_id: user.to_string(),
        state: match presence.state {
            State::Online => PresenceState::Online,
            State::Recently => PresenceState::Recently,
            State::Offline => PresenceState::Offline,
        },
        last_seen: presence.last_seen.map(|at| at.0),
    });
    PresenceUpdate { users: users.collect() }
}

macro_rules! same_variants {
    ($wire:ty, $domain:ty, $($variant:ident),*) => {
        impl From<$wire> for $domain {
            fn from(value: $wire) -> Self {
                match value { $(<$wire>::$variant => Self::$variant,)* }
            }
        }
        impl From<$domain> for $wire {
            fn from(value: $domain) -> Self {
                match value { $(<$domain>::$variant => Self::$variant,)* }
            }
        }
    };
}

same_variants!(Kind, ContentKind, Text, Image, Audio, Video, Doc, System);
same_variants!(MessageEvent, EventKind, Message, Edit, Delete, Reaction, Membership, Commit);
