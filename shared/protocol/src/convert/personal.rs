//! What is one user's own, between the wire and the domain.

use std::sync::Arc;

use tidings_domain::{
    conversation::PreferencesPatch,
    ids::{MessageId, Sequence, Timestamp},
    limits,
    log::Entry,
    notice::OwnSettings,
    personal::{ChangesPage, PersonalItem, PersonalKey, PersonalPage, PersonalPlace},
    preferences::Wanted,
};

use super::{sequence, ttl_seconds};
use crate::{
    ConversationSettings, Draft, ParseError, Payload,
    cursor::{changes_cursor_to_text, place_to_text},
    http::{MessageReference, SettingsUpdate},
    personal::{self, DraftPage, DraftUpdate, PersonalChange, PersonalKind, Star, StarPage},
    schema::types::SAFE_INTEGER_MAX,
};

/// Checks a `PUT /conversations/{id}/settings`.
pub fn settings_request(body: &SettingsUpdate) -> Result<Wanted, ParseError> {
    let muted_until = body.muted_until.map(Option::unwrap_or_default);
    if muted_until.is_some_and(|until| until > SAFE_INTEGER_MAX) {
        return Err(ParseError::field("mutedUntil", "must be less than 2^53"));
    }
    Ok(Wanted {
        own: PreferencesPatch {
            muted_until: muted_until.map(Timestamp),
            is_pinned: body.pinned.map(Option::unwrap_or_default),
            is_archived: body.archived.map(Option::unwrap_or_default),
        },
        ttl_seconds: body.ttl_seconds.map(ttl_seconds).transpose()?,
        agrees_to_search: body.searchable.map(Option::unwrap_or_default),
    })
}

/// `conversation.settings`
pub fn conversation_settings(settings: &OwnSettings) -> ConversationSettings {
    ConversationSettings {
        conversation_id: settings.conversation.to_string(),
        muted_until: moment(settings.member.muted_until),
        pinned: settings.member.pinned_at > Timestamp::default(),
        archived: settings.member.is_archived,
        ttl_seconds: settings.ttl_seconds,
        searchable: settings.member.agrees_to_search,
        text_indexed: settings.indexes_text,
    }
}

/// A moment that may not be.
pub(super) fn moment(at: Timestamp) -> Option<u64> {
    Some(at.0).filter(|ms| *ms > 0)
}

/// An entry, without its content.
pub(super) fn message_reference(entry: &Entry) -> MessageReference {
    MessageReference {
        sequence: entry.sequence.0,
        message_id: entry.message_id().to_string(),
        sender_user_id: entry.sender.user.to_string(),
        ts: entry.ts.0,
        kind: entry.content.kind.clone().into(),
        event: entry.event.into(),
    }
}

/// Checks a `PUT /drafts/{conversationId}`: the content, none where the draft is to go, and its time.
pub fn draft_request(body: &DraftUpdate) -> Result<(Option<Arc<str>>, Timestamp), ParseError> {
    let payload = body.payload.text();
    if payload.len() > limits::PAYLOAD_BYTES_MAX {
        return Err(ParseError::too_large("payload", format_args!("at most {} bytes", limits::PAYLOAD_BYTES_MAX)));
    }
    Ok(((payload != "null").then(|| payload.into()), Timestamp(body.ts)))
}

/// Checks the place of a message that a query names.
pub fn message_sequence(place: Option<u64>) -> Result<Option<Sequence>, ParseError> {
    match place {
        Some(0) => Err(ParseError::field("sequence", "must be at least 1")),
        Some(place) => sequence("sequence", place).map(Some),
        None => Ok(None),
    }
}

fn payload_of(item: &PersonalItem) -> Payload {
    let text = item.payload.as_deref().filter(|_| !item.is_deleted).unwrap_or("null");
    Payload::from_text(text.to_owned()).unwrap_or_default()
}

/// `draft.updated`
pub fn draft(item: &PersonalItem) -> Draft {
    Draft { conversation_id: item.key.conversation().to_string(), payload: payload_of(item), ts: item.ts.0 }
}

/// A star; none of what is no star.
pub fn star(item: &PersonalItem) -> Option<Star> {
    let PersonalKey::Star(conversation, sequence) = &item.key else { return None };
    let message_id = item.message_id.as_ref().map(MessageId::to_string)?;
    Some(Star { conversation_id: conversation.to_string(), message_id, sequence: sequence.0, ts: item.ts.0 })
}

/// The answer of `GET /drafts`.
pub fn draft_page(page: &PersonalPage) -> DraftPage {
    let last = page.items.last().filter(|_| page.has_more);
    DraftPage {
        drafts: page.items.iter().map(draft).collect(),
        next: last.map(|last| last.key.conversation().to_string()),
        has_more: page.has_more,
    }
}

/// The answer of `GET /stars`.
pub fn star_page(page: &PersonalPage) -> StarPage {
    let last = page.items.last().filter(|_| page.has_more);
    StarPage {
        stars: page.items.iter().filter_map(star).collect(),
        next: last.map(|last| place_to_text(&PersonalPlace { at: last.ts, key: last.key.clone() })),
        has_more: page.has_more,
    }
}

/// The answer of `GET /personal`.
pub fn personal_page(page: &ChangesPage) -> personal::PersonalPage {
    let change = |item: &PersonalItem| {
        let (kind, sequence) = match &item.key {
            PersonalKey::Draft(_) => (PersonalKind::Draft, None),
            PersonalKey::Star(_, sequence) => (PersonalKind::Star, Some(sequence.0)),
            PersonalKey::Hidden(_, sequence) => (PersonalKind::Hidden, Some(sequence.0)),
        };
        PersonalChange {
            kind,
            conversation_id: item.key.conversation().to_string(),
            message_id: item.message_id.as_ref().map(MessageId::to_string),
            sequence,
            payload: (kind == PersonalKind::Draft && !item.is_deleted).then(|| payload_of(item)),
            ts: item.ts.0,
            deleted: item.is_deleted,
        }
    };
    personal::PersonalPage {
        changes: page.items.iter().map(change).collect(),
        next: changes_cursor_to_text(&page.next),
        has_more: page.has_more,
    }
}
