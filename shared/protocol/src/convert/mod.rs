//! Between the wire and the domain. What a client sends is checked here, once, and every error
//! names the field.

mod about;
mod abuse;
mod devices;
mod events;
mod groups;
mod invites;
mod keys;
mod media;
mod messages;
mod personal;
mod search;

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::Watermark,
    history::{Page, Span},
    ids::{ClientMsgId, ConversationId, DeviceId, InvalidId, KindName, MessageId, Sender, Sequence, Timestamp, UserId},
    limits,
    log::{Content, ContentKind, ConversationState, Entry, Erasure, EventKind, Target},
    notice::Notice,
    presence::{Presence, State},
    rate::RateLimited,
    receipts::{MarkAt, Status, StatusReport},
    send::{Draft, Refusal, SendAnswer, SendRequest, Sent},
    stream::Receipt as DomainReceipt,
    sync::{HelloRequest, ListPage},
};

pub use self::about::{AboutRequest, delete_request, edit_request, pin_request, reaction_request, vote_request};
pub use self::abuse::{
    admin_key_list, ban_info, ban_made, ban_request, deed_page, filed, key_life_ms, key_name, report_page,
    report_receipt, report_request, user_file, words,
};
pub use self::devices::{
    block_page, device_info, device_list, device_registration, user_settings, user_settings_request,
};
pub use self::events::{event_page, event_stream};
pub use self::groups::{
    CreateRequest, create_request, group_id, group_info, member_page, members_to_add, rule_frame, update_request,
};
pub use self::invites::{
    invite_id, invite_info, invite_list, invite_preview, invite_terms, invite_token, invite_token_at, join_requests,
};
pub use self::keys::{
    commit_request, device_changed, identities, key_bundles, key_stock, key_upload, mail_ack, mail_id, mail_new,
    mail_page, mail_request, wanted_devices,
};
pub use self::media::{
    media_completed, media_error_frame, media_handle, media_info, parts_request, parts_signed, parts_there,
    presign_request, presigned, preview_info, preview_size,
};
pub use self::messages::{
    entry_page, pins, schedule_request, scheduled_message, scheduled_page, since, tallies, target, thread_mark, threads,
};
pub use self::personal::{
    conversation_settings, draft, draft_page, draft_request, message_sequence, personal_page, settings_request, star,
    star_page,
};
pub use self::search::{search_page, search_request};
use crate::{
    Ack, ConversationUpdated, Encoding, ErrorCode, ErrorFrame, FlowControl, Hello, Kind, MessageEvent, MessageHidden,
    MessageNew, MessageSend, MessageSent, Packed, ParseError, Payload, PresenceState, PresenceUpdate, PresenceUsers,
    Pull, Read, Receipt, ServerFrame, SessionReady, SyncPage, Typing, TypingNow, UserPresence,
    http::{ConversationPage, ConversationSummary, Marks, MessagePage, ReceiptCounts, ReceiptStatus, Receipts},
    keys::KeysLow,
};

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

use same_variants;

fn field<T>(name: &str, parsed: Result<T, InvalidId>) -> Result<T, ParseError> {
    parsed.map_err(|error| ParseError::field(name, format_args!("must be {}", error.rule)))
}

/// Everyone, among the mentions of a message.
const MENTION_ALL: &str = "@all";

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
    if value <= limits::SEQUENCE_MAX {
        Ok(Sequence(value))
    } else {
        Err(ParseError::field(name, "must be less than 2^40"))
    }
}

/// Checks a `message.send` and makes it a request.
pub fn send_request(sender: &Sender, send: MessageSend) -> Result<SendRequest, ParseError> {
    let conversation = conversation_id("conversationId", &send.conversation_id)?;
    let client_msg_id = field("clientMsgId", ClientMsgId::parse(&send.client_msg_id))?;
    let resend_after = resend_after(send.attempt, send.base_sequence)?;
    let (mentions, mentions_all) = mentions(&send.mentions)?;
    let content = Content {
        kind: field("kind", send.kind.unwrap_or_default().try_into())?,
        payload: payload(&send.payload)?,
        client_ts: Timestamp(send.ts),
        media_handle: media_of_message(send.media_handle.as_deref())?,
        in_reply_to: send.in_reply_to.as_deref().map(|id| message_id("inReplyTo", id)).transpose()?,
        thread_root: send.thread_root.as_deref().map(|id| message_id("threadRoot", id)).transpose()?,
        mentions,
        mentions_all,
        is_view_once: send.view_once,
        forwards: forwards(send.forwards)?,
        choices: Vec::new(),
        ttl_seconds: ttl_seconds(send.ttl_seconds)?.or(send.view_once.then_some(limits::VIEW_ONCE_TTL_SECONDS)),
        envelopes: envelopes(send.envelopes)?,
        welcome: None,
        is_withheld: false,
    };
    let devices = keys::device_versions(&send.devices)?;
    let draft = Draft {
        sender: sender.clone(),
        conversation,
        client_msg_id,
        event: EventKind::Message,
        target: None,
        content,
        epoch: send.epoch,
    };
    fits_a_frame(&draft)?;
    Ok(SendRequest { draft, devices, resend_after, answer_to: None })
}

fn payload(payload: &Payload) -> Result<std::sync::Arc<str>, ParseError> {
    let text = payload.text();
    if text.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(ParseError::too_large("payload", format_args!("at most {} bytes", limits::PAYLOAD_BYTES_MAX)));
    }
    Ok(text.into())
}

/// Where a marked resend is looked for from; none at the first attempt.
fn resend_after(attempt: Option<u32>, base: Option<u64>) -> Result<Option<Sequence>, ParseError> {
    let attempt = attempt.unwrap_or(1);
    if attempt == 0 {
        return Err(ParseError::field("attempt", "must be at least 1"));
    }
    let base = base.map(|base| sequence("baseSequence", base)).transpose()?;
    Ok(base.filter(|_| attempt > 1))
}

fn forwards(forwards: Option<u64>) -> Result<u64, ParseError> {
    match forwards.unwrap_or_default() {
        count if count > limits::FORWARDS_MAX => {
            Err(ParseError::field("forwards", format_args!("must be at most {}", limits::FORWARDS_MAX)))
        }
        count => Ok(count),
    }
}

/// Each device must be able to get the message in one frame, and as the one entry of a page.
fn fits_a_frame(draft: &Draft) -> Result<(), ParseError> {
    let content = &draft.content;
    let longest = content.envelopes.iter().max_by_key(|(_, envelope)| envelope.len());
    let mentions: usize = content.mentions.iter().map(|m| m.as_str().len() + 3).sum();
    let large = content.payload.len() + longest.map_or(0, |(_, envelope)| envelope.len()) + mentions;
    // Everything else together is far from filling the other half.
    if large <= limits::FRAME_BYTES_MAX / 2 {
        return Ok(());
    }
    let reader = longest.map_or(&draft.sender.device, |(device, _)| device);
    let message = message_new(&widest(draft), reader, Timestamp(u64::MAX));
    let bytes = serde_json::to_string(&message).map_or(usize::MAX, |text| text.len());
    if bytes > limits::FRAME_BYTES_MAX - limits::MESSAGE_FRAME_OVERHEAD_BYTES {
        return Err(ParseError::too_large("payload", "with all other fields does not fit a frame of 32 KiB"));
    }
    Ok(())
}

/// The entry that a draft becomes, at its longest in the words of the wire: whatever the service
/// adds is as long as it can be.
fn widest(draft: &Draft) -> Entry {
    let state = ConversationState { epoch: u64::MAX, membership_version: Sequence(1 << 40), indexes_text: false };
    let entry = draft.entry_at(Sequence(1 << 40), Timestamp(u64::MAX), state);
    let author = UserId::parse(&"x".repeat(64)).ok();
    let target = author.map(|author| Target { message: entry.message_id(), sequence: entry.sequence, author });
    Entry { event: EventKind::Membership, target, ..entry }
}

fn media_of_message(handle: Option<&str>) -> Result<Option<std::sync::Arc<str>>, ParseError> {
    handle.map(|text| media_handle("mediaHandle", text).map(|_| text.into())).transpose()
}

/// Who is mentioned, and whether everyone is.
fn mentions(mentions: &[String]) -> Result<(Vec<UserId>, bool), ParseError> {
    if mentions.len() > limits::MENTIONS_MAX {
        return Err(ParseError::too_large("mentions", format_args!("at most {}", limits::MENTIONS_MAX)));
    }
    let mut users = Vec::with_capacity(mentions.len());
    for (i, user) in mentions.iter().enumerate().filter(|(_, user)| *user != MENTION_ALL) {
        users.push(user_id(&format!("mentions[{i}]"), user)?);
    }
    Ok((users, mentions.iter().any(|user| user == MENTION_ALL)))
}

fn mention_texts(content: &Content) -> Vec<String> {
    let all = content.mentions_all.then(|| MENTION_ALL.to_owned());
    all.into_iter().chain(content.mentions.iter().map(ToString::to_string)).collect()
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

/// Checks what a user says of their typing.
pub fn typing_request(body: &TypingNow) -> Result<(ConversationId, bool), ParseError> {
    Ok((conversation_id("conversationId", &body.conversation_id)?, body.active))
}

/// Checks the users of a presence frame.
pub fn presence_users(users: &PresenceUsers) -> Result<(Vec<UserId>, Option<ConversationId>), ParseError> {
    if users.user_ids.len() > limits::PRESENCE_USERS_MAX {
        return Err(ParseError::too_large("userIds", format_args!("at most {}", limits::PRESENCE_USERS_MAX)));
    }
    let named = users.user_ids.iter().enumerate().map(|(i, user)| user_id(&format!("userIds[{i}]"), user));
    let group = users.conversation_id.as_deref().map(|id| group_id("conversationId", id)).transpose()?;
    Ok((named.collect::<Result<_, _>>()?, group))
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

/// The error that says that there were too many.
pub fn limited_frame(limited: RateLimited) -> ErrorFrame {
    let mut frame = ErrorFrame::new(ErrorCode::RateLimited, limited.to_string());
    frame.retry_after_ms = Some(limited.retry_after_ms);
    frame.details = Some(serde_json::json!({ "limit": limited.limit }));
    frame
}

/// The error that a refused send is answered with.
pub fn refusal_frame(refusal: &Refusal) -> ErrorFrame {
    refusal_frame_by(refusal, "mediaHandle")
}

/// The error that says why content cannot be the picture of a group.
pub fn avatar_refusal_frame(refusal: &Refusal) -> ErrorFrame {
    refusal_frame_by(refusal, "avatar")
}

/// `media` is the field that names content.
fn refusal_frame_by(refusal: &Refusal, media: &str) -> ErrorFrame {
    let field = |code, field: &str, why: String| ErrorFrame::of_field(code, field, format!("{field}: {why}"));
    match refusal {
        Refusal::NotAMember(_) => field(ErrorCode::NotAMember, "conversationId", refusal.to_string()),
        Refusal::StaleEpoch { current } => {
            let mut frame = field(ErrorCode::StaleEpoch, "epoch", format!("it is {current}"));
            frame.details = Some(serde_json::json!({ "field": "epoch", "epoch": current }));
            frame
        }
        Refusal::StaleDevices(differences) => keys::stale_devices(differences),
        Refusal::WelcomesStranger(_) => field(ErrorCode::NotAMember, "welcomed", refusal.to_string()),
        Refusal::Forbidden(rule) => rule_frame(*rule),
        Refusal::Blocked => field(ErrorCode::Blocked, "conversationId", refusal.to_string()),
        Refusal::SlowMode { retry_after_ms } => {
            let mut frame = ErrorFrame::new(ErrorCode::RateLimited, refusal.to_string());
            frame.retry_after_ms = Some(*retry_after_ms);
            frame.details = Some(serde_json::json!({ "rule": "slow_mode" }));
            frame
        }
        Refusal::NoSuchMessage(_) => field(ErrorCode::NotFound, "messageId", refusal.to_string()),
        Refusal::NoSuchMedia => field(ErrorCode::NotFound, media, refusal.to_string()),
        Refusal::MediaNotReady => field(ErrorCode::Conflict, media, refusal.to_string()),
        Refusal::MediaFull => field(ErrorCode::TooLarge, media, refusal.to_string()),
        Refusal::MediaRefused(reason) => {
            let mut frame = field(ErrorCode::Forbidden, media, refusal.to_string());
            frame.details = Some(serde_json::json!({ "field": media, "reason": reason.name() }));
            frame
        }
        Refusal::BaseBeyondEnd { .. } => field(ErrorCode::BadRequest, "baseSequence", refusal.to_string()),
    }
}

fn answer_frame(answer: &SendAnswer) -> ServerFrame {
    match &answer.outcome {
        Ok(sent) => ServerFrame::Sent(message_sent(sent)),
        Err(refusal) => {
            let mut frame = refusal_frame(refusal);
            frame.client_msg_id = Some(answer.client_msg_id.to_string());
            ServerFrame::Error(frame)
        }
    }
}

/// The `id` of the frame that a notice answers.
pub fn reply_to(notice: &Notice) -> Option<&str> {
    match notice {
        Notice::Answer(answer) => answer.reply_to.as_deref(),
        _ => None,
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
        kind: content.kind.clone().into(),
        payload: match &entry.membership {
            Some(event) => groups::membership_payload(event, &entry.sender.user),
            None => Payload::from_text(content.payload.to_string()).unwrap_or_default(),
        },
        ts: entry.ts.0,
        client_ts: Some(content.client_ts.0).filter(|ts| *ts > 0),
        target_message_id: entry.target.as_ref().map(|target| target.message.to_string()),
        target_sequence: entry.target.as_ref().map(|target| target.sequence.0),
        target_user_id: entry.target.as_ref().map(|target| target.author.to_string()),
        reaction: content.choices.first().filter(|_| entry.event == EventKind::Reaction).map(ToString::to_string),
        choices: if entry.event == EventKind::Vote {
            content.choices.iter().map(ToString::to_string).collect()
        } else {
            Vec::new()
        },
        media_handle: content.media_handle.as_deref().map(str::to_owned),
        in_reply_to: content.in_reply_to.map(|id| id.to_string()),
        thread_root: content.thread_root.map(|id| id.to_string()),
        mentions: mention_texts(content),
        view_once: content.is_view_once,
        forwards: content.forwards,
        ttl_seconds: content.ttl_seconds,
        expired: entry.is_expired(now) || entry.erased == Some(Erasure::Expired),
        deleted: entry.erased == Some(Erasure::Deleted),
        viewed: entry.erased == Some(Erasure::Viewed),
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
            encodings: vec![Encoding::Gzip],
            reconnect_before: ready.reconnect_before.0,
            server_ts: ready.now.0,
        }),
        Notice::Entry(entry) => ServerFrame::New(Box::new(message_new(entry, reader, now))),
        Notice::Receipt(receipt) => receipt_frame(receipt),
        Notice::Answer(answer) => answer_frame(answer),
        Notice::Updated { conversation, last_sequence } => ServerFrame::ConversationUpdated(ConversationUpdated {
            conversation_id: conversation.to_string(),
            last_sequence: last_sequence.0,
        }),
        Notice::Settings(settings) => ServerFrame::Settings(conversation_settings(settings)),
        Notice::Draft(item) => ServerFrame::Draft(draft(item)),
        Notice::Mail(mail) => ServerFrame::Mail(Box::new(mail_new(mail))),
        Notice::Device { device, change } => ServerFrame::DeviceChanged(device_changed(device, *change)),
        Notice::KeysLow { count } => ServerFrame::KeysLow(KeysLow { count: *count as u64 }),
        Notice::Typing { conversation, user, is_active } => ServerFrame::Typing(Typing {
            conversation_id: conversation.to_string(),
            user_id: user.to_string(),
            active: *is_active,
        }),
        Notice::Presence(users) => {
            ServerFrame::Presence(presence_update(users.iter().map(|(user, presence)| (user, presence))))
        }
        Notice::Slower(slower) => {
            ServerFrame::FlowControl(FlowControl { window: slower.window, retry_after_ms: slower.retry_after_ms })
        }
        Notice::Hidden { conversation, message } => ServerFrame::Hidden(MessageHidden {
            conversation_id: conversation.to_string(),
            message_id: message.to_string(),
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

/// The answer to `sync.pull`: as many entries as fit a frame. Where the client reads `encoding`, a page that is long and has no
/// ciphertext is packed, and has more of them.
pub fn pull_answer(
    conversation: &ConversationId,
    page: &Page,
    reader: &DeviceId,
    now: Timestamp,
    encoding: Option<Encoding>,
) -> ServerFrame {
    // Text of the most bytes is tried first, and less where it does not become small enough.
    let rooms = [limits::UNPACKED_BYTES_MAX, limits::UNPACKED_BYTES_MAX / 2, limits::FRAME_BYTES_MAX];
    let packed = encoding.and_then(|Encoding::Gzip| {
        rooms.into_iter().find_map(|room| packed_page(sync_page(conversation, page, reader, now, room)))
    });
    let plain = || ServerFrame::Page(sync_page(conversation, page, reader, now, limits::FRAME_BYTES_MAX));
    packed.unwrap_or_else(plain)
}

/// The page, packed; none where that is not worth it, where it does not fit a frame, and where there is ciphertext.
fn packed_page(page: SyncPage) -> Option<ServerFrame> {
    if page.messages.iter().any(|message| message.epoch.is_some() || message.envelope.is_some()) {
        return None;
    }
    let text = ServerFrame::Page(page).to_text(None);
    if text.len() < limits::PACK_BYTES_MIN {
        return None;
    }
    // A writer in memory does not fail; were that ever wrong, the page goes as it is.
    let packed = Packed::pack(&text).ok()?;
    let room = limits::FRAME_BYTES_MAX - limits::MESSAGE_FRAME_OVERHEAD_BYTES;
    (packed.frame.len() < room.min(text.len())).then_some(ServerFrame::Packed(packed))
}

fn sync_page(
    conversation: &ConversationId,
    page: &Page,
    reader: &DeviceId,
    now: Timestamp,
    bytes_max: usize,
) -> SyncPage {
    let mut room = bytes_max - limits::MESSAGE_FRAME_OVERHEAD_BYTES;
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
    let is_cut = messages.len() < page.entries.len();
    // A page goes on to its `next`, though what stands last was hidden by its reader.
    let next = messages.last().filter(|_| is_cut).map_or(page.next.0, |m| m.sequence);
    SyncPage {
        conversation_id: conversation.to_string(),
        has_more: page.has_more || is_cut,
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
        counts: ReceiptCounts {
            sent: report.counts.sent,
            delivered: report.counts.delivered,
            read: report.counts.read,
        },
        next: report.marks.keys().next_back().filter(|_| report.has_more).map(ToString::to_string),
        has_more: report.has_more,
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
        mentions: summary.mentions,
        muted_until: personal::moment(summary.member.muted_until).filter(|until| *until > now.0),
        pinned: summary.member.pinned_at > Timestamp::default(),
        archived: summary.member.is_archived,
        request: summary.is_request(),
        title: summary.label.title.as_deref().map(str::to_owned),
        avatar: summary.label.avatar.as_deref().map(str::to_owned),
        ttl_seconds: summary.label.ttl_seconds,
        encrypted: summary.last.as_ref().is_some_and(|entry| entry.state.epoch > 0),
        last_message: summary.last.as_ref().map(personal::message_reference),
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

impl From<ContentKind> for Kind {
    fn from(kind: ContentKind) -> Self {
        match kind {
            ContentKind::Text => Self::Text,
            ContentKind::Image => Self::Image,
            ContentKind::Audio => Self::Audio,
            ContentKind::Video => Self::Video,
            ContentKind::Doc => Self::Doc,
            ContentKind::Poll => Self::Poll,
            ContentKind::System => Self::System,
            ContentKind::Other(name) => Self::Other(name.to_string()),
        }
    }
}

impl TryFrom<Kind> for ContentKind {
    type Error = InvalidId;

    fn try_from(kind: Kind) -> Result<Self, InvalidId> {
        Ok(match kind {
            Kind::Text => Self::Text,
            Kind::Image => Self::Image,
            Kind::Audio => Self::Audio,
            Kind::Video => Self::Video,
            Kind::Doc => Self::Doc,
            Kind::Poll => Self::Poll,
            Kind::System => Self::System,
            Kind::Other(name) => Self::Other(KindName::parse(&name)?),
        })
    }
}

impl From<EventKind> for MessageEvent {
    fn from(event: EventKind) -> Self {
        match event {
            EventKind::Message => Self::Message,
            EventKind::Edit => Self::Edit,
            EventKind::Delete => Self::Delete,
            EventKind::Reaction => Self::Reaction,
            EventKind::Vote => Self::Vote,
            EventKind::Pin => Self::Pin,
            EventKind::Unpin => Self::Unpin,
            EventKind::Membership => Self::Membership,
            EventKind::Commit => Self::Commit,
        }
    }
}

impl TryFrom<MessageEvent> for EventKind {
    type Error = InvalidId;

    fn try_from(event: MessageEvent) -> Result<Self, InvalidId> {
        Ok(match event {
            MessageEvent::Message => Self::Message,
            MessageEvent::Edit => Self::Edit,
            MessageEvent::Delete => Self::Delete,
            MessageEvent::Reaction => Self::Reaction,
            MessageEvent::Vote => Self::Vote,
            MessageEvent::Pin => Self::Pin,
            MessageEvent::Unpin => Self::Unpin,
            MessageEvent::Membership => Self::Membership,
            MessageEvent::Commit => Self::Commit,
            MessageEvent::Unknown => return Err(InvalidId { what: "event", rule: "one that is known here" }),
        })
    }
}
