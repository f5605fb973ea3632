//! What a user keeps for themselves: drafts, stars, and messages that they hid. All of a user's
//! devices have the same, and page what changed by the time of the change.

use std::{collections::BTreeSet, sync::Arc};

use thiserror::Error;

use crate::{
    history::{ReadError, visible_from},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{ACTIVITY_MARGIN_MS, DRAFTS_MAX, PERSONAL_ATTEMPTS_MAX, PERSONAL_PAGE_MAX, STARS_MAX, TOMBSTONE_DAYS},
    log::Entry,
    messages::find,
    notice::Notice,
    ports::{Clock, Conversations, Gateway, Log, Personal, Replaced, Sessions, Unavailable},
    send::{TargetRef, backoff_ms},
    session::Session,
    sessions::tell,
};

const DAY_MS: u64 = 24 * 3_600_000;

/// What personal data needs of the world.
#[derive(Clone, Copy)]
pub struct PersonalPorts<'a> {
    /// The log.
    pub log: &'a dyn Log,
    /// Members.
    pub conversations: &'a dyn Conversations,
    /// What users keep.
    pub personal: &'a dyn Personal,
    /// Live sockets.
    pub sessions: &'a dyn Sessions,
    /// The sockets.
    pub gateway: &'a dyn Gateway,
    /// Time and chance.
    pub clock: &'a dyn Clock,
}

/// What something that a user keeps is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonalKey {
    /// What the user has not sent yet; one for each conversation.
    Draft(ConversationId),
    /// A message that the user marked.
    Star(ConversationId, Sequence),
    /// A message that the user sees no more.
    Hidden(ConversationId, Sequence),
}

impl PersonalKey {
    /// The conversation.
    pub fn conversation(&self) -> &ConversationId {
        match self {
            Self::Draft(conversation) | Self::Star(conversation, _) | Self::Hidden(conversation, _) => conversation,
        }
    }

    /// How many of its kind a user may have; none where a user may have any number.
    pub fn count_max(&self) -> Option<u64> {
        match self {
            Self::Draft(_) => Some(DRAFTS_MAX),
            Self::Star(..) => Some(STARS_MAX),
            Self::Hidden(..) => None,
        }
    }
}

/// Something that a user keeps, or has deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalItem {
    /// What it is about.
    pub key: PersonalKey,
    /// Raised by each change.
    pub version: u64,
    /// The service's clock at the last change.
    pub changed_at: Timestamp,
    /// It is gone; this row tells the user's other devices.
    pub is_deleted: bool,
    /// The message, of a star or a hidden one.
    pub message_id: Option<MessageId>,
    /// The content of a draft, as JSON text.
    pub payload: Option<Arc<str>>,
    /// The device's clock, of a draft; else the service's, when it was made.
    pub ts: Timestamp,
}

impl PersonalItem {
    /// When storage may forget that it is deleted; none while it is not.
    pub fn forgotten_at(&self) -> Option<Timestamp> {
        self.is_deleted.then(|| self.changed_at.plus_ms(TOMBSTONE_DAYS * DAY_MS))
    }
}

/// A place in what a user keeps, by the time of a change or of a star.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonalPlace {
    /// The time.
    pub at: Timestamp,
    /// What is there.
    pub key: PersonalKey,
}

/// A page of what a user keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonalPage {
    /// The items, in order.
    pub items: Vec<PersonalItem>,
    /// Whether there is more.
    pub has_more: bool,
}

/// Why something is not kept.
#[derive(Debug, Error)]
pub enum PersonalError {
    /// The user is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// There is none, none there, or none that the user may see.
    #[error("no message {0} there")]
    NoSuchMessage(MessageId),
    /// The user has as many as they may.
    #[error("at most {0}")]
    Full(u64),
    /// Several devices changed the same at once.
    #[error("lost {PERSONAL_ATTEMPTS_MAX} races for one row")]
    Contended,
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<ReadError> for PersonalError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotAMember(conversation) => Self::NotAMember(conversation),
            ReadError::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

/// Keeps a draft, or deletes it where there is no payload, and tells the user's other devices.
///
/// Of two writes the one with the later `ts` stands, in whatever order they come: what stands is
/// returned. A `ts` ahead of the service's clock counts as now, or it would stand for too long.
pub async fn save_draft(
    ports: PersonalPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    payload: Option<Arc<str>>,
    ts: Timestamp,
) -> Result<PersonalItem, PersonalError> {
    visible_from(ports.conversations, &actor.user, conversation).await?;
    let ts = ts.min(ports.clock.now());
    let key = PersonalKey::Draft(conversation.clone());
    let (item, is_new) = settle(ports, &actor.user, &key, |before| {
        if before.is_some_and(|before| before.ts >= ts) {
            return None;
        }
        Some(PersonalItem { payload: payload.clone(), ts, is_deleted: payload.is_none(), ..fresh(&key, None) })
    })
    .await?;
    if is_new {
        let notice = Notice::Draft(Box::new(item.clone()));
        let users = std::slice::from_ref(&actor.user);
        let is_told = |session: &Session| session.owner.device != actor.device;
        tell(ports.sessions, ports.gateway, ports.clock, users, is_told, &notice).await;
    }
    Ok(item)
}

/// Marks a message that the user may see. Marked before, it stays as it is.
pub async fn star(
    ports: PersonalPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    message: MessageId,
    sequence: Sequence,
) -> Result<PersonalItem, PersonalError> {
    visible_entry(ports, &actor.user, conversation, message, Some(sequence)).await?;
    let key = PersonalKey::Star(conversation.clone(), sequence);
    let now = ports.clock.now();
    let (item, _) = settle(ports, &actor.user, &key, |before| {
        let stands = before.is_some_and(|before| !before.is_deleted);
        (!stands).then(|| PersonalItem { ts: now, ..fresh(&key, Some(message)) })
    })
    .await?;
    Ok(item)
}

/// Takes a mark away. Where there is none, all is well.
pub async fn unstar(
    ports: PersonalPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    message: MessageId,
    sequence: Sequence,
) -> Result<(), PersonalError> {
    let key = PersonalKey::Star(conversation.clone(), sequence);
    let is_starred = |item: &PersonalItem| !item.is_deleted && item.message_id == Some(message);
    if !ports.personal.find(&actor.user, &key).await?.as_ref().is_some_and(is_starred) {
        return Ok(());
    }
    settle(ports, &actor.user, &key, |before| {
        let before = before.filter(|before| is_starred(before))?;
        Some(PersonalItem { is_deleted: true, ..before.clone() })
    })
    .await?;
    Ok(())
}

/// Hides a message from its reader: on all devices, and in every read from now on. The others see
/// it as before. Without a sequence the message is searched among the latest.
pub async fn hide(
    ports: PersonalPorts<'_>,
    actor: &Sender,
    conversation: &ConversationId,
    message: MessageId,
    sequence: Option<Sequence>,
) -> Result<(), PersonalError> {
    let entry = visible_entry(ports, &actor.user, conversation, message, sequence).await?;
    // Readers look for hidden messages where the row says that there are some, so it says so first.
    if !ports.conversations.flag_hidden(conversation, &actor.user, ports.clock.now()).await? {
        return Err(PersonalError::NotAMember(conversation.clone()));
    }
    let key = PersonalKey::Hidden(conversation.clone(), entry.sequence);
    let now = ports.clock.now();
    settle(ports, &actor.user, &key, |before| {
        before.is_none().then(|| PersonalItem { ts: now, ..fresh(&key, Some(message)) })
    })
    .await?;
    let notice = Notice::Hidden { conversation: conversation.clone(), message };
    tell(ports.sessions, ports.gateway, ports.clock, std::slice::from_ref(&actor.user), |_| true, &notice).await;
    Ok(())
}

/// Takes out of rows of a conversation, in order, those that the user hid.
pub(crate) async fn leave_out(
    personal: &dyn Personal,
    user: &UserId,
    conversation: &ConversationId,
    mut rows: Vec<Entry>,
) -> Result<Vec<Entry>, Unavailable> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(rows) };
    let hidden: BTreeSet<Sequence> = personal.hidden(user, conversation, first.sequence, last.sequence).await?;
    rows.retain(|entry| !hidden.contains(&entry.sequence));
    Ok(rows)
}

/// The user's drafts, by conversation.
pub async fn drafts(
    ports: PersonalPorts<'_>,
    user: &UserId,
    after: Option<&ConversationId>,
    limit: usize,
) -> Result<PersonalPage, Unavailable> {
    ports.personal.drafts(user, after, limit.clamp(1, PERSONAL_PAGE_MAX)).await
}

/// The user's stars, the newest first.
pub async fn stars(
    ports: PersonalPorts<'_>,
    user: &UserId,
    before: Option<&PersonalPlace>,
    limit: usize,
) -> Result<PersonalPage, Unavailable> {
    ports.personal.stars(user, before, limit.clamp(1, PERSONAL_PAGE_MAX)).await
}

/// Where a list of changes goes on: what changed in `since` or later, after a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangesCursor {
    /// Changed then or later.
    pub since: Timestamp,
    /// In the middle: after this place, and when the list was begun.
    pub middle: Option<(PersonalPlace, Timestamp)>,
}

/// A page of changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangesPage {
    /// What changed, in the order of the changes; what was deleted among it.
    pub items: Vec<PersonalItem>,
    /// For the next page or, at the end, the next list.
    pub next: ChangesCursor,
    /// Whether there is more now.
    pub has_more: bool,
}

/// Lists what changed. Clocks of functions differ, so the next list begins some minutes before the
/// start of this one, and repeats what changed in them.
pub async fn changes(
    ports: PersonalPorts<'_>,
    user: &UserId,
    cursor: &ChangesCursor,
    limit: usize,
) -> Result<ChangesPage, Unavailable> {
    let (from, started_at) = match &cursor.middle {
        Some((place, started_at)) => (Some(place), *started_at),
        None => (None, ports.clock.now()),
    };
    let page = ports.personal.changes(user, cursor.since, from, limit.clamp(1, PERSONAL_PAGE_MAX)).await?;
    let place = page.items.last().map(|last| PersonalPlace { at: last.changed_at, key: last.key.clone() });
    let next = match place.filter(|_| page.has_more) {
        Some(place) => ChangesCursor { since: cursor.since, middle: Some((place, started_at)) },
        None => ChangesCursor { since: started_at.minus_ms(ACTIVITY_MARGIN_MS), middle: None },
    };
    Ok(ChangesPage { items: page.items, has_more: page.has_more, next })
}

/// The message, where the user may see it.
async fn visible_entry(
    ports: PersonalPorts<'_>,
    user: &UserId,
    conversation: &ConversationId,
    message: MessageId,
    sequence: Option<Sequence>,
) -> Result<Entry, PersonalError> {
    let visible_from = visible_from(ports.conversations, user, conversation).await?;
    let entry = find(ports.log, conversation, TargetRef { message, sequence }).await?;
    entry
        .filter(|entry| entry.sequence >= visible_from && entry.is_for(user))
        .ok_or(PersonalError::NoSuchMessage(message))
}

fn fresh(key: &PersonalKey, message_id: Option<MessageId>) -> PersonalItem {
    PersonalItem {
        key: key.clone(),
        version: 0,
        changed_at: Timestamp::default(),
        is_deleted: false,
        message_id,
        payload: None,
        ts: Timestamp::default(),
    }
}

/// Changes what stands at a key, on the condition that it still stands there. What is there in the
/// end, and whether that is by this change.
async fn settle(
    ports: PersonalPorts<'_>,
    user: &UserId,
    key: &PersonalKey,
    change: impl Fn(Option<&PersonalItem>) -> Option<PersonalItem>,
) -> Result<(PersonalItem, bool), PersonalError> {
    for attempt in 0..PERSONAL_ATTEMPTS_MAX {
        let before = ports.personal.find(user, key).await?;
        let Some(wanted) = change(before.as_ref()) else {
            return Ok((before.unwrap_or_else(|| PersonalItem { is_deleted: true, ..fresh(key, None) }), false));
        };
        let version = before.as_ref().map_or(0, |before| before.version) + 1;
        let after = PersonalItem { version, changed_at: ports.clock.now(), ..wanted };
        match ports.personal.replace(user, before.as_ref(), &after).await? {
            Replaced::Done => return Ok((after, true)),
            Replaced::Full => return Err(PersonalError::Full(key.count_max().unwrap_or_default())),
            Replaced::Lost => {}
        }
        ports.clock.sleep_ms(ports.clock.random_below(backoff_ms(attempt))).await;
    }
    Err(PersonalError::Contended)
}
