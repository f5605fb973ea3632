//! A search: what an index proposes, as far as the reader may see it now.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, TryStreamExt, future::try_join, stream};
use thiserror::Error;
use tidings_domain::{
    annotations::Annotations,
    ids::{ConversationId, Sequence, Timestamp, UserId},
    limits::{BLOCKS_MAX, SEARCH_CONVERSATIONS_MAX, SEARCH_LOOKED_AT_MAX, SEARCH_PAGE_MAX},
    log::{Entry, EventKind},
    lookup::entry_at,
    ports::{ActivityKey, Clock, Consistency, Conversations, Log, Personal, Rules, Unavailable},
};

use crate::{
    Cursor, Snippet,
    document::Tag,
    index::{Candidate, Hunt, Index, Order},
    indexing::{kind_name, may_index_text, text_of},
    query::Words,
};

/// Conversations of one page of the list.
const ACTIVITY_PAGE: usize = 250;
/// Messages that are read at once.
const READS_AT_ONCE: usize = 32;
/// Edits of a message that are looked through; the last counts.
const EDITS_PAGE: usize = 100;

/// What a search needs of the world.
#[derive(Clone, Copy)]
pub struct FindPorts<'a> {
    /// The index.
    pub index: &'a dyn Index,
    /// The log.
    pub log: &'a dyn Log,
    /// Conversations and members.
    pub conversations: &'a dyn Conversations,
    /// Edits.
    pub annotations: &'a dyn Annotations,
    /// What readers have hidden.
    pub personal: &'a dyn Personal,
    /// Whom readers have blocked.
    pub rules: &'a dyn Rules,
    /// Time.
    pub clock: &'a dyn Clock,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In this conversation alone.
    pub conversation: Option<ConversationId>,
    /// With these words.
    pub words: Option<Words>,
    /// Sent by this user.
    pub from: Option<UserId>,
    /// Mentions this user, by name or as one of all.
    pub mention: Option<UserId>,
    /// Of this kind, by its name.
    pub kind: Option<String>,
    /// With a file of this type, or of this family of types.
    pub file_type: Option<String>,
    /// From a moment on.
    pub since: Option<Timestamp>,
    /// Before a moment.
    pub until: Option<Timestamp>,
    /// What comes first.
    pub order: Order,
    /// Behind what was shown before.
    pub cursor: Option<Cursor>,
    /// So many.
    pub limit: usize,
}

/// A message that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its entry, as it was sent.
    pub entry: Entry,
    /// A piece of its text, where that is indexed.
    pub snippet: Option<Snippet>,
}

/// What was found: a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The messages, in order.
    pub hits: Vec<Hit>,
    /// What the next page is asked for with; none where there is none.
    pub next: Option<Cursor>,
}

/// Why nothing can be looked for.
#[derive(Debug, Error)]
pub enum FindError {
    /// The user is not in the conversation.
    #[error("not a member of {0}")]
    NotAMember(ConversationId),
    /// The world did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What the reader may see of their conversations.
#[derive(Default)]
struct Scope {
    from: BTreeMap<Tag, Sequence>,
    conversations: BTreeMap<Tag, ConversationId>,
}

/// Finds messages for a user.
pub async fn find(ports: FindPorts<'_>, user: &UserId, wanted: &Wanted) -> Result<Found, FindError> {
    let (scope, not_from) = futures_util::future::join(scope(ports, user, wanted), blocked(ports, user)).await;
    let (scope, not_from) = (scope?, not_from?);
    let limit = wanted.limit.clamp(1, SEARCH_PAGE_MAX);
    let now = ports.clock.now();
    let asked_at = wanted.cursor.map_or(now, |cursor| cursor.asked_at);
    let tags = wanted.tags();
    let mut place = wanted.cursor.map(|cursor| cursor.place);
    let (mut hits, mut looked_at): (Vec<(Candidate, Hit)>, usize) = (Vec::new(), 0);
    let is_at_end = loop {
        // One more than asked for tells whether there is more; some are nearly always gone by now.
        let count = (limit + 1 - hits.len()).max(limit / 2 + 1);
        let hunt = Hunt {
            scope: &scope.from,
            words: wanted.words.as_ref(),
            tags: &tags,
            not_from: &not_from,
            since: wanted.since.unwrap_or_default(),
            until: wanted.until.unwrap_or(Timestamp(u64::MAX)),
            order: wanted.order,
            asked_at,
            now,
            after: place,
            limit: count,
        };
        let candidates = ports.index.hunt(&hunt).await?;
        looked_at += candidates.len();
        place = candidates.last().map(|candidate| candidate.place).or(place);
        let is_last = candidates.len() < count;
        hits.extend(readable(ports, user, wanted, &scope, candidates).await?);
        if is_last || hits.len() > limit {
            break is_last;
        }
        if looked_at >= SEARCH_LOOKED_AT_MAX {
            break false;
        }
    };
    let next = if hits.len() > limit {
        hits.get(limit - 1).map(|(candidate, _)| candidate.place)
    } else {
        place.filter(|_| !is_at_end)
    };
    hits.truncate(limit);
    let next = next.map(|place| Cursor { asked_at, place });
    Ok(Found { hits: hits.into_iter().map(|(_, hit)| hit).collect(), next })
}

impl Wanted {
    fn tags(&self) -> Vec<BTreeSet<Tag>> {
        let from = self.from.as_ref().map(|user| BTreeSet::from([Tag::from(user)]));
        let mention = self.mention.as_ref().map(|user| BTreeSet::from([Tag::mention(user), Tag::mention_all()]));
        let kind = self.kind.as_deref().map(|kind| BTreeSet::from([Tag::kind(kind)]));
        let file_type = self.file_type.as_deref().map(|name| BTreeSet::from([Tag::file_type(name)]));
        [from, mention, kind, file_type].into_iter().flatten().collect()
    }

    /// Whether a message, as an edit has it, is what was asked for; what its type of file is, the index alone knows.
    fn fits(&self, message: &Entry, edit: &Entry) -> bool {
        self.from.as_ref().is_none_or(|user| message.sender.user == *user)
            && self.mention.as_ref().is_none_or(|user| edit.mentions(user))
            && self.kind.as_deref().is_none_or(|kind| kind_name(&message.content.kind) == kind)
            && self.since.is_none_or(|since| message.ts >= since)
            && self.until.is_none_or(|until| message.ts < until)
    }
}

async fn blocked(ports: FindPorts<'_>, user: &UserId) -> Result<BTreeSet<Tag>, Unavailable> {
    let blocks = ports.rules.blocks(user, None, BLOCKS_MAX).await?;
    Ok(blocks.iter().map(|block| Tag::from(&block.user)).collect())
}

/// The conversations that are looked in, with the place from which on the user may see each.
async fn scope(ports: FindPorts<'_>, user: &UserId, wanted: &Wanted) -> Result<Scope, FindError> {
    let conversations = match &wanted.conversation {
        Some(conversation) => vec![conversation.clone()],
        None => latest(ports, user).await?,
    };
    let visible = visible(ports, user, &conversations).await?;
    let mut scope = Scope::default();
    for conversation in conversations {
        let tag = Tag::conversation(&conversation);
        match visible.get(&conversation) {
            Some((from, _)) => {
                scope.from.insert(tag, *from);
                scope.conversations.insert(tag, conversation);
            }
            None if wanted.conversation.is_some() => return Err(FindError::NotAMember(conversation)),
            None => {}
        }
    }
    Ok(scope)
}

/// The user's latest conversations.
async fn latest(ports: FindPorts<'_>, user: &UserId) -> Result<Vec<ConversationId>, Unavailable> {
    let (mut found, mut from): (Vec<ConversationId>, Option<ActivityKey>) = (Vec::new(), None);
    loop {
        let page = ports.conversations.by_activity(user, Timestamp::default(), from.as_ref(), ACTIVITY_PAGE).await?;
        found.extend(page.keys.into_iter().map(|key| key.conversation));
        from = page.next;
        if from.is_none() || found.len() >= SEARCH_CONVERSATIONS_MAX {
            found.truncate(SEARCH_CONVERSATIONS_MAX);
            return Ok(found);
        }
    }
}

/// From which place on the user may see each conversation that they are in now, and whether they have hidden anything.
async fn visible(
    ports: FindPorts<'_>,
    user: &UserId,
    conversations: &[ConversationId],
) -> Result<BTreeMap<ConversationId, (Sequence, bool)>, Unavailable> {
    let rows = ports.conversations.memberships(user, conversations).await?;
    let mut visible: BTreeMap<ConversationId, (Sequence, bool)> = rows
        .into_iter()
        .map(|(conversation, member)| (conversation, (member.joined_at.max(Sequence(1)), member.has_hidden)))
        .collect();
    // Who is in a conversation of two its id tells.
    for conversation in conversations {
        if let Some(members) = conversation.direct_members() {
            let has_hidden = visible.remove(conversation).is_some_and(|(_, has_hidden)| has_hidden);
            if members.contains(user) {
                visible.insert(conversation.clone(), (Sequence(1), has_hidden));
            }
        }
    }
    Ok(visible)
}

/// Of candidates those that the user may see now and that are what was asked for. Membership is looked at after the
/// messages were read: who was taken out meanwhile sees none of them.
async fn readable(
    ports: FindPorts<'_>,
    user: &UserId,
    wanted: &Wanted,
    scope: &Scope,
    candidates: Vec<Candidate>,
) -> Result<Vec<(Candidate, Hit)>, Unavailable> {
    let read: Vec<Option<(Candidate, Reading)>> = stream::iter(candidates)
        .map(|candidate| async move {
            let reading = read(ports, wanted, scope, candidate).await?;
            Ok::<_, Unavailable>(reading.map(|reading| (candidate, reading)))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let read: Vec<(Candidate, Reading)> = read.into_iter().flatten().collect();
    let conversations: BTreeSet<&ConversationId> = read.iter().map(|(_, r)| &r.message.conversation).collect();
    let conversations: Vec<ConversationId> = conversations.into_iter().cloned().collect();
    if conversations.is_empty() {
        return Ok(Vec::new());
    }
    let (visible, labels) =
        try_join(visible(ports, user, &conversations), ports.conversations.labels(&conversations)).await?;
    let hidden = hidden(ports, user, &visible, &read).await?;
    let now = ports.clock.now();
    let shown = read.into_iter().filter_map(|(candidate, reading)| {
        let conversation = &reading.message.conversation;
        let text_since = labels.get(conversation).map(|label| label.text_since).unwrap_or_default();
        let (from, _) = visible.get(conversation)?;
        let place = (conversation.clone(), reading.message.sequence);
        let message = &reading.message;
        let is_there =
            message.sequence >= *from && message.is_for(user) && !hidden.contains(&place) && !message.is_expired(now);
        is_there.then_some(())?;
        Some((candidate, reading.hit(wanted, text_since)?))
    });
    Ok(shown.collect())
}

/// A message, and the edit that counts: the message itself where there is none.
struct Reading {
    message: Entry,
    edit: Entry,
}

impl Reading {
    fn hit(self, wanted: &Wanted, text_since: Timestamp) -> Option<Hit> {
        let may_show = may_index_text(&self.edit, text_since) && !self.message.content.is_view_once;
        let text = if may_show { text_of(&self.edit.content.payload) } else { None };
        let found = match (&wanted.words, &text) {
            (Some(words), Some(text)) => words.find(text)?,
            (Some(_), None) => return None,
            (None, _) => Vec::new(),
        };
        Some(Hit { snippet: text.map(|text| Snippet::of(&text, &found)), entry: self.message })
    }
}

async fn read(
    ports: FindPorts<'_>,
    wanted: &Wanted,
    scope: &Scope,
    candidate: Candidate,
) -> Result<Option<Reading>, Unavailable> {
    let key = candidate.place.key;
    let Some(conversation) = scope.conversations.get(&key.conversation) else { return Ok(None) };
    let found = ports.log.read_one(conversation, key.sequence, Consistency::Strong).await?;
    let Some(message) = found.filter(|entry| entry.event == EventKind::Message && entry.erased.is_none()) else {
        return Ok(None);
    };
    // An edit may have come since it was indexed.
    let mut last = candidate.version;
    loop {
        let edits = ports.annotations.edits(message.message_id(), last, EDITS_PAGE).await?;
        last = edits.last().copied().unwrap_or(last);
        if edits.len() < EDITS_PAGE {
            break;
        }
    }
    let edit =
        if last == message.sequence { Some(message.clone()) } else { entry_at(ports.log, conversation, last).await? };
    let reading = edit.map(|edit| Reading { message, edit });
    Ok(reading.filter(|reading| wanted.fits(&reading.message, &reading.edit)))
}

/// Those that the user has deleted for themselves.
async fn hidden(
    ports: FindPorts<'_>,
    user: &UserId,
    visible: &BTreeMap<ConversationId, (Sequence, bool)>,
    read: &[(Candidate, Reading)],
) -> Result<BTreeSet<(ConversationId, Sequence)>, Unavailable> {
    let mut spans: BTreeMap<&ConversationId, (Sequence, Sequence)> = BTreeMap::new();
    for (_, reading) in read {
        let (conversation, at) = (&reading.message.conversation, reading.message.sequence);
        if visible.get(conversation).is_some_and(|(_, has_hidden)| *has_hidden) {
            let (first, last) = spans.entry(conversation).or_insert((at, at));
            (*first, *last) = ((*first).min(at), (*last).max(at));
        }
    }
    let mut hidden = BTreeSet::new();
    for (conversation, (first, last)) in spans {
        let places = ports.personal.hidden(user, conversation, first, last).await?;
        hidden.extend(places.into_iter().map(|at| (conversation.clone(), at)));
    }
    Ok(hidden)
}
