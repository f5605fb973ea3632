//! Rows about single messages, timers, and content that is taken away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidings_domain::{
    annotations::{Annotations, Ballot, Eraser, Opening, Pin, TallyKind, TallyPage, Thread},
    ids::{ConversationId, MessageId, Sender, Sequence, Timestamp, UserId},
    limits::{OPEN_AGAIN_MS, TALLY_CHOICES_MAX},
    log::Erasure,
    ports::PortResult,
    schedule::{Pointer, Schedule, Scheduled},
    timers::{Minute, Timer, Timers},
};

use crate::World;

type Said = (Sequence, Vec<Arc<str>>);

/// Everything that is noted of single messages.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    edits: BTreeMap<MessageId, BTreeSet<Sequence>>,
    deleted: BTreeSet<MessageId>,
    said: BTreeMap<(MessageId, TallyKind), BTreeMap<UserId, Said>>,
    pins: BTreeMap<ConversationId, BTreeMap<MessageId, (Sequence, Option<Pin>)>>,
    replies: BTreeMap<(ConversationId, MessageId), BTreeSet<Sequence>>,
    threads: BTreeMap<ConversationId, BTreeMap<MessageId, Thread>>,
    marks: BTreeMap<(ConversationId, MessageId, UserId), Sequence>,
    opened: BTreeMap<MessageId, BTreeMap<UserId, (Sender, Timestamp)>>,
    timers: BTreeMap<Minute, BTreeMap<(ConversationId, Sequence), Timer>>,
    swept: Option<Minute>,
    scheduled: BTreeMap<(UserId, MessageId), Scheduled>,
    pointers: BTreeMap<Minute, BTreeSet<(UserId, MessageId)>>,
}

impl Notes {
    fn counts(&self, message: MessageId, kind: TallyKind) -> BTreeMap<Arc<str>, u64> {
        let mut counts: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (_, choices) in self.said.get(&(message, kind)).into_iter().flat_map(BTreeMap::values) {
            for choice in choices {
                *counts.entry(choice.clone()).or_default() += 1;
            }
        }
        counts
    }
}

impl Annotations for World {
    fn note_edit(&self, message: MessageId, edit: Sequence) -> PortResult<'_, bool> {
        Box::pin(self.call("note_edit", move |state| {
            state.notes.edits.entry(message).or_default().insert(edit);
            state.notes.deleted.contains(&message)
        }))
    }

    fn note_deletion(&self, message: MessageId) -> PortResult<'_, Vec<Sequence>> {
        Box::pin(self.call("note_deletion", move |state| {
            state.notes.deleted.insert(message);
            state.notes.edits.get(&message).into_iter().flatten().copied().collect()
        }))
    }

    fn edits(&self, message: MessageId, after: Sequence, limit: usize) -> PortResult<'_, Vec<Sequence>> {
        Box::pin(self.call("edits", move |state| {
            let edits = state.notes.edits.get(&message).into_iter().flatten();
            edits.filter(|edit| **edit > after).take(limit).copied().collect()
        }))
    }

    fn tally<'a>(&'a self, ballot: &'a Ballot) -> PortResult<'a, ()> {
        Box::pin(self.call("tally", move |state| {
            let counts = state.notes.counts(ballot.message, ballot.kind);
            let is_new = |choice: &&Arc<str>| !counts.contains_key(*choice);
            let is_full = counts.len() + ballot.choices.iter().filter(is_new).count() > TALLY_CHOICES_MAX;
            let choices = ballot.choices.iter().filter(|choice| !is_full || !is_new(choice)).cloned().collect();
            let said = state.notes.said.entry((ballot.message, ballot.kind)).or_default();
            let latest = said.entry(ballot.user.clone()).or_default();
            if latest.0 < ballot.at {
                *latest = (ballot.at, choices);
            }
        }))
    }

    fn tallies<'a>(
        &'a self,
        message: MessageId,
        kind: TallyKind,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, TallyPage> {
        Box::pin(self.call("tallies", move |state| {
            let said = state.notes.said.get(&(message, kind)).into_iter().flatten();
            let mut rows = said.filter(|(user, _)| after.is_none_or(|after| *user > after));
            let page: Vec<_> = rows.by_ref().take(limit).map(|(user, (_, c))| (user.clone(), c.clone())).collect();
            let next = page.last().map(|(user, _)| user.clone()).filter(|_| rows.next().is_some());
            let by_user = page.into_iter().filter(|(_, choices)| !choices.is_empty()).collect();
            TallyPage { counts: state.notes.counts(message, kind), by_user, next }
        }))
    }

    fn note_pin<'a>(
        &'a self,
        conversation: &'a ConversationId,
        pin: &'a Pin,
        is_pinned: bool,
        at: Sequence,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("note_pin", move |state| {
            let pins = state.notes.pins.entry(conversation.clone()).or_default();
            let latest = pins.entry(pin.message).or_default();
            if latest.0 < at {
                *latest = (at, is_pinned.then(|| pin.clone()));
            }
        }))
    }

    fn pins<'a>(&'a self, conversation: &'a ConversationId, limit: usize) -> PortResult<'a, Vec<Pin>> {
        Box::pin(self.call("pins", move |state| {
            let pins = state.notes.pins.get(conversation).into_iter().flat_map(BTreeMap::values);
            let mut pins: Vec<Pin> = pins.filter_map(|(_, pin)| pin.clone()).collect();
            pins.sort_by_key(|pin| std::cmp::Reverse((pin.ts, pin.sequence)));
            pins.truncate(limit);
            pins
        }))
    }

    fn note_reply<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        reply: Sequence,
        ts: Timestamp,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("note_reply", move |state| {
            let is_new = state.notes.replies.entry((conversation.clone(), root)).or_default().insert(reply);
            let threads = state.notes.threads.entry(conversation.clone()).or_default();
            let none = Thread { root, replies: 0, last_sequence: Sequence::ZERO, last_ts: Timestamp::default() };
            let thread = threads.entry(root).or_insert(none);
            thread.replies += u64::from(is_new);
            if thread.last_sequence < reply {
                (thread.last_sequence, thread.last_ts) = (reply, ts);
            }
        }))
    }

    fn threads<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Option<Timestamp>,
        limit: usize,
    ) -> PortResult<'a, Vec<Thread>> {
        Box::pin(self.call("threads", move |state| {
            let threads = state.notes.threads.get(conversation).into_iter().flat_map(BTreeMap::values);
            let mut threads: Vec<Thread> =
                threads.filter(|thread| before.is_none_or(|before| thread.last_ts < before)).cloned().collect();
            threads.sort_by_key(|thread| std::cmp::Reverse(thread.last_ts));
            threads.truncate(limit);
            threads
        }))
    }

    fn replies<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        after: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Sequence>> {
        Box::pin(self.call("replies", move |state| {
            let replies = state.notes.replies.get(&(conversation.clone(), root)).into_iter().flatten();
            replies.filter(|reply| **reply > after).take(limit).copied().collect()
        }))
    }

    fn thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
    ) -> PortResult<'a, Sequence> {
        Box::pin(self.call("thread_mark", move |state| {
            state.notes.marks.get(&(conversation.clone(), root, user.clone())).copied().unwrap_or_default()
        }))
    }

    fn raise_thread_mark<'a>(
        &'a self,
        conversation: &'a ConversationId,
        root: MessageId,
        user: &'a UserId,
        up_to: Sequence,
    ) -> PortResult<'a, ()> {
        Box::pin(self.call("raise_thread_mark", move |state| {
            let mark = state.notes.marks.entry((conversation.clone(), root, user.clone())).or_default();
            *mark = up_to.max(*mark);
        }))
    }

    fn open<'a>(&'a self, message: MessageId, by: &'a Sender, now: Timestamp) -> PortResult<'a, Opening> {
        Box::pin(self.call("open", move |state| {
            let opened = state.notes.opened.entry(message).or_default();
            let (device, at) = opened.entry(by.user.clone()).or_insert_with(|| (by.clone(), now));
            if device == by && now.ms_since(*at) <= OPEN_AGAIN_MS {
                Opening::Open { users: opened.len() as u64 }
            } else {
                Opening::Before
            }
        }))
    }
}

impl Eraser for World {
    fn erase<'a>(&'a self, conversation: &'a ConversationId, at: Sequence, why: Erasure) -> PortResult<'a, ()> {
        Box::pin(self.call("erase", move |state| {
            let log = state.logs.entry(conversation.clone()).or_default();
            if let Ok(place) = log.binary_search_by_key(&at, |entry| entry.sequence)
                && log[place].erased.is_none()
            {
                log[place].content.erase();
                log[place].erased = Some(why);
            }
        }))
    }
}

impl Timers for World {
    fn set<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()> {
        Box::pin(self.call("set_timer", move |state| {
            let of_minute = state.notes.timers.entry(Minute::of(timer.due)).or_default();
            of_minute.insert((timer.conversation.clone(), timer.sequence), timer.clone());
        }))
    }

    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Timer>> {
        Box::pin(self.call("timers_of_minute", move |state| {
            state.notes.timers.get(&minute).into_iter().flat_map(BTreeMap::values).cloned().collect()
        }))
    }

    fn remove<'a>(&'a self, timer: &'a Timer) -> PortResult<'a, ()> {
        Box::pin(self.call("remove_timer", move |state| {
            if let Some(of_minute) = state.notes.timers.get_mut(&Minute::of(timer.due)) {
                of_minute.remove(&(timer.conversation.clone(), timer.sequence));
            }
        }))
    }

    fn swept(&self) -> PortResult<'_, Option<Minute>> {
        Box::pin(self.call("swept", |state| state.notes.swept))
    }

    fn set_swept(&self, minute: Minute) -> PortResult<'_, ()> {
        Box::pin(self.call("set_swept", move |state| state.notes.swept = Some(minute)))
    }
}

impl Schedule for World {
    fn keep<'a>(&'a self, scheduled: &'a Scheduled, minute: Minute) -> PortResult<'a, ()> {
        Box::pin(self.call("keep_scheduled", move |state| {
            let key = (scheduled.draft.sender.user.clone(), scheduled.draft.message_id());
            state.notes.pointers.entry(minute).or_default().insert(key.clone());
            state.notes.scheduled.insert(key, scheduled.clone());
        }))
    }

    fn count<'a>(&'a self, user: &'a UserId) -> PortResult<'a, usize> {
        Box::pin(self.call("count_scheduled", move |state| {
            state.notes.scheduled.keys().filter(|(owner, _)| owner == user).count()
        }))
    }

    fn of_user<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<MessageId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Scheduled>> {
        Box::pin(self.call("scheduled_of_user", move |state| {
            let own = state.notes.scheduled.iter().filter(|((owner, _), _)| owner == user);
            let rest = own.filter(|((_, id), _)| after.is_none_or(|after| id.to_string() > after.to_string()));
            let mut rest: Vec<_> = rest.map(|((_, id), scheduled)| (id.to_string(), scheduled.clone())).collect();
            rest.sort_by(|(a, _), (b, _)| a.cmp(b));
            rest.into_iter().take(limit).map(|(_, scheduled)| scheduled).collect()
        }))
    }

    fn find<'a>(&'a self, user: &'a UserId, message: MessageId) -> PortResult<'a, Option<Scheduled>> {
        Box::pin(self.call("find_scheduled", move |state| state.notes.scheduled.get(&(user.clone(), message)).cloned()))
    }

    fn remove<'a>(&'a self, user: &'a UserId, message: MessageId, due: Option<Timestamp>) -> PortResult<'a, bool> {
        Box::pin(self.call("remove_scheduled", move |state| {
            let key = (user.clone(), message);
            let is_meant = |s: &Scheduled| due.is_none_or(|due| s.due == due);
            let is_there = state.notes.scheduled.get(&key).is_some_and(is_meant);
            if is_there {
                state.notes.scheduled.remove(&key);
            }
            is_there
        }))
    }

    fn refuse<'a>(&'a self, user: &'a UserId, message: MessageId, why: &'a str) -> PortResult<'a, ()> {
        Box::pin(self.call("refuse_scheduled", move |state| {
            if let Some(scheduled) = state.notes.scheduled.get_mut(&(user.clone(), message)) {
                scheduled.refused = Some(why.into());
            }
        }))
    }

    fn of_minute(&self, minute: Minute) -> PortResult<'_, Vec<Pointer>> {
        Box::pin(self.call("scheduled_of_minute", move |state| {
            let pointers = state.notes.pointers.get(&minute).into_iter().flatten();
            pointers.map(|(user, message)| Pointer { minute, user: user.clone(), message: *message }).collect()
        }))
    }

    fn unfile<'a>(&'a self, pointer: &'a Pointer) -> PortResult<'a, ()> {
        Box::pin(self.call("unfile_scheduled", move |state| {
            if let Some(of_minute) = state.notes.pointers.get_mut(&pointer.minute) {
                of_minute.remove(&(pointer.user.clone(), pointer.message));
            }
        }))
    }
}
