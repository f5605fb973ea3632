//! What is known of single messages.

use tidings_domain::{
    annotations::{Pin, TallyPage},
    ids::{DeviceId, Sender, Sequence, Timestamp, UserId},
    messages::{PlacesPage, ThreadSummary},
    schedule::{Scheduled, scheduling_device},
    send::TargetRef,
};

use super::{message_id, message_new, send_request, sequence};
use crate::{
    ParseError, Payload,
    http::MessagePage,
    messages::{
        PinnedMessage, Pins, ScheduleRequest, ScheduledMessage, ScheduledPage, Tallies, ThreadInfo, ThreadMark,
        Threads, UserChoices,
    },
};

/// Reads which message a call is about.
pub fn target(id: &str, place: Option<u64>) -> Result<TargetRef, ParseError> {
    let place = place.map(|place| sequence("sequence", place)).transpose()?;
    Ok(TargetRef { message: message_id("messageId", id)?, sequence: place })
}

/// Reads the place after which a page begins.
pub fn since(since: Option<u64>) -> Result<Sequence, ParseError> {
    sequence("since", since.unwrap_or_default())
}

/// Checks a `PUT …/mark`.
pub fn thread_mark(body: &ThreadMark) -> Result<Sequence, ParseError> {
    sequence("upTo", body.up_to)
}

/// Reactions or votes.
pub fn tallies(page: &TallyPage) -> Tallies {
    let by_user = page.by_user.iter().map(|(user, choices)| UserChoices {
        user_id: user.to_string(),
        choices: choices.iter().map(ToString::to_string).collect(),
    });
    Tallies {
        counts: page.counts.iter().map(|(choice, count)| (choice.to_string(), *count)).collect(),
        by_user: by_user.collect(),
        next: page.next.as_ref().map(ToString::to_string),
    }
}

/// Pinned messages.
pub fn pins(pins: &[Pin]) -> Pins {
    let pins = pins.iter().map(|pin| PinnedMessage {
        message_id: pin.message.to_string(),
        sequence: pin.sequence.0,
        by_user_id: pin.by.to_string(),
        ts: pin.ts.0,
    });
    Pins { pins: pins.collect() }
}

/// Threads.
pub fn threads(threads: &[ThreadSummary], next: Option<Timestamp>) -> Threads {
    let infos = threads.iter().map(|summary| ThreadInfo {
        root_message_id: summary.thread.root.to_string(),
        replies: summary.thread.replies,
        unread: summary.unread as u64,
        last_sequence: summary.thread.last_sequence.0,
        last_ts: summary.thread.last_ts.0,
    });
    Threads { threads: infos.collect(), next: next.map(|next| next.0) }
}

/// A page of entries that do not follow one another.
pub fn entry_page(page: &PlacesPage, reader: &DeviceId, now: Timestamp) -> MessagePage {
    MessagePage {
        messages: page.entries.iter().map(|entry| message_new(entry, reader, now)).collect(),
        next: page.next.0,
        has_more: page.has_more,
    }
}

/// Checks a `POST /scheduled`.
pub fn schedule_request(user: &UserId, body: ScheduleRequest) -> Result<Scheduled, ParseError> {
    let device = scheduling_device().map_err(|error| ParseError::field("message", error.rule))?;
    let sender = Sender { user: user.clone(), device };
    let request = send_request(&sender, body.message).map_err(|mut error| {
        error.field = error.field.map(|field| format!("message.{field}"));
        error.message = format!("message.{}", error.message);
        error
    })?;
    Ok(Scheduled { due: Timestamp(body.send_at), draft: request.draft, refused: None })
}

/// A message that is to be sent.
pub fn scheduled_message(scheduled: &Scheduled) -> ScheduledMessage {
    let draft = &scheduled.draft;
    ScheduledMessage {
        message_id: draft.message_id().to_string(),
        conversation_id: draft.conversation.to_string(),
        client_msg_id: draft.client_msg_id.to_string(),
        send_at: scheduled.due.0,
        kind: draft.content.kind.clone().into(),
        payload: Payload::from_text(draft.content.payload.to_string()).unwrap_or_default(),
        error: scheduled.refused.as_deref().map(str::to_owned),
    }
}

/// A page of messages that are to be sent, read with one more than it may have.
pub fn scheduled_page(scheduled: &[Scheduled], limit: usize) -> ScheduledPage {
    let page = &scheduled[..scheduled.len().min(limit)];
    let last = page.last().filter(|_| scheduled.len() > limit);
    ScheduledPage {
        scheduled: page.iter().map(scheduled_message).collect(),
        next: last.map(|last| last.draft.message_id().to_string()),
    }
}
