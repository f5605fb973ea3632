//! What the world holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tidings_domain::{
    conversation::{Member, Reach},
    group::Group,
    ids::{ConnectionId, ConversationId, DeviceId, Sender, Sequence, Timestamp, UserId},
    invites::{Invite, InviteSecret, JoinRequest},
    log::Entry,
    notice::Notice,
    personal::{PersonalItem, PersonalKey},
    send::Pending,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};

use crate::{
    abuse::Abuse,
    annotations::Notes,
    changes::{Journal, What},
    consistency::{Old, Past},
    keys::Keys,
    media::Shelf,
    push::Pushing,
    units::{Meter, Units},
    watching::Watching,
};

/// A call that reached the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub operation: &'static str,
    /// Who made it, where the world was told; see [`crate::World::called_by`].
    pub caller: &'static str,
    /// When its deed was done.
    pub at: Timestamp,
    /// What it comes to, in a world that is modelled on AWS.
    pub units: Units,
}

/// A notice that a socket took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Posted {
    /// When, since the start of the world.
    pub at: Duration,
    /// The device.
    pub to: Sender,
    /// The socket.
    pub connection: ConnectionId,
    /// What it was told.
    pub notice: Notice,
}

/// What members have said of the indexing of text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreements {
    /// How often.
    pub(crate) count: u64,
    /// All agree.
    pub(crate) indexes_text: bool,
    /// Text of before is not to be found.
    pub(crate) text_since: Timestamp,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) logs: BTreeMap<ConversationId, Vec<Entry>>,
    /// Groups, with the sequence of their last membership event.
    pub(crate) groups: BTreeMap<ConversationId, (Sequence, Group)>,
    /// Until when the batch sequencer appends, by conversation.
    pub(crate) hot_until: BTreeMap<ConversationId, Timestamp>,
    /// Life of messages that name none, by direct conversation, in seconds.
    pub(crate) direct_ttls: BTreeMap<ConversationId, u64>,
    /// What members have said of the indexing of text.
    pub(crate) agreements: BTreeMap<ConversationId, Agreements>,
    pub(crate) members: BTreeMap<ConversationId, BTreeMap<UserId, Member>>,
    /// Ways into groups, by their secrets.
    pub(crate) invites: BTreeMap<(ConversationId, InviteSecret), Invite>,
    pub(crate) requests: BTreeMap<(ConversationId, UserId), JoinRequest>,
    /// Who was taken out by another.
    pub(crate) barred: BTreeSet<(ConversationId, UserId)>,
    pub(crate) personal: BTreeMap<UserId, BTreeMap<PersonalKey, PersonalItem>>,
    /// How far groups that are pulled have been seen.
    pub(crate) reaches: BTreeMap<ConversationId, Reach>,
    /// Subscribers of groups that are pulled, by place.
    pub(crate) subscribers: BTreeMap<ConversationId, BTreeMap<(u32, Sender), Session>>,
    pub(crate) sessions: BTreeMap<UserId, BTreeMap<DeviceId, Session>>,
    pub(crate) devices: BTreeMap<Sender, Device>,
    pub(crate) pushing: Pushing,
    pub(crate) keys: Keys,
    /// When token buckets are full again, in microseconds.
    pub(crate) buckets: BTreeMap<String, u64>,
    pub(crate) abuse: Abuse,
    pub(crate) watching: Watching,
    pub(crate) notes: Notes,
    pub(crate) shelf: Shelf,
    pub(crate) tickets: BTreeMap<String, Grant>,
    pub(crate) sockets: BTreeSet<ConnectionId>,
    pub(crate) published: Vec<StreamRecord>,
    pub(crate) ingested: Vec<Pending>,
    pub(crate) posted: Vec<Posted>,
    pub(crate) calls: Vec<Call>,
    pub(crate) stalled: BTreeSet<&'static str>,
    pub(crate) refusing: BTreeSet<&'static str>,
    /// The call under way: when, which, the moment that an eventually consistent read sees where
    /// that is not now, and whether a post is answered 410 in any case.
    pub(crate) now: Timestamp,
    pub(crate) operation: &'static str,
    pub(crate) seen_at: Option<Timestamp>,
    pub(crate) has_stray_gone: bool,
    pub(crate) past: Past,
    pub(crate) journal: Option<Journal>,
    pub(crate) meter: Meter,
}

impl State {
    pub(crate) fn agreements(&self, conversation: &ConversationId) -> Agreements {
        self.agreements.get(conversation).copied().unwrap_or_default()
    }

    pub(crate) fn log(&self, conversation: &ConversationId) -> &[Entry] {
        self.logs.get(conversation).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn member(&self, conversation: &ConversationId, user: &UserId) -> Option<&Member> {
        self.members.get(conversation)?.get(user)
    }

    pub(crate) fn session(&mut self, owner: &Sender) -> Option<&mut Session> {
        self.sessions.get_mut(&owner.user)?.get_mut(&owner.device)
    }

    /// Puts a session in the place of the device's earlier one.
    pub(crate) fn put_session(&mut self, session: &Session) -> Option<Session> {
        let of_user = self.sessions.entry(session.owner.user.clone()).or_default();
        let before = of_user.insert(session.owner.device.clone(), session.clone());
        self.session_changed(&session.owner, before.clone(), Some(session.clone()));
        before
    }

    /// Removes a device's session.
    pub(crate) fn remove_session(&mut self, owner: &Sender) {
        let before = self.sessions.get_mut(&owner.user).and_then(|of_user| of_user.remove(&owner.device));
        self.session_changed(owner, before, None);
    }

    fn session_changed(&mut self, owner: &Sender, before: Option<Session>, after: Option<Session>) {
        let now = self.now;
        self.past.keep(now, || Old::Session(owner.clone(), before.clone()));
        self.note(|| What::Session { owner: owner.clone(), before: before.map(Box::new), after: after.map(Box::new) });
    }

    /// Changes a member row, which is made where a direct conversation has none yet; nothing
    /// happens for who is not in the group.
    pub(crate) fn change_row<T: Default>(
        &mut self,
        conversation: &ConversationId,
        user: &UserId,
        change: impl FnOnce(&mut Member) -> T,
    ) -> T {
        let rows = self.members.entry(conversation.clone()).or_default();
        if !matches!(conversation, ConversationId::Direct(..)) && !rows.contains_key(user) {
            self.meter.write(|| 0);
            return T::default();
        }
        let before = rows.get(user).cloned();
        let row = rows.entry(user.clone()).or_insert_with(|| Member::new(user.clone()));
        let answer = change(row);
        let after = row.clone();
        let metered = before.clone().unwrap_or_else(|| Member::new(user.clone()));
        self.meter.member_write(conversation, &metered, &after);
        self.row_changed(conversation, user, before, Some(after));
        answer
    }
}
