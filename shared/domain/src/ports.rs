//! What the core asks of the world. Ports are shaped by use case, so that a conditional write
//! stays inside its adapter. All are object safe: one copy of each use case is compiled.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    future::Future,
    pin::Pin,
};

use thiserror::Error;

use crate::{
    blocks::Block,
    conversation::{
        Advance, Advanced, Agreement, Label, Member, Members, PeerRule, PreferencesPatch, Reach, ReachMove, Standing,
        Watermark,
    },
    devices::{Created, PushAddress, PushEndpoint, Registration},
    events::Kept,
    ids::{ConnectionId, ConversationId, DeviceId, FrameKey, MailId, Sender, Sequence, Timestamp, UserId},
    invites::{Door, Invite, InviteSecret, JoinRequest},
    keys::{DeviceSet, KeyPackage, SetChange},
    limits::{SINCE_ROWS_MAX, TAIL_ROWS},
    log::{Entry, Tail, partition_end},
    mailbox::{Deposit, Mail, MailPage},
    membership::{GroupChange, GroupView},
    notice::Notice,
    personal::{PersonalItem, PersonalKey, PersonalPage, PersonalPlace},
    privacy::{Pair, Stances},
    push::{Marks, Published, Push, PushJob},
    quiet::UserSettings,
    send::Pending,
    session::{Device, Grant, Session},
    stream::StreamRecord,
};

/// A future that a port returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The world did not answer, after the adapter's own bounded retries. What was asked may or
/// may not have happened.
#[derive(Debug, Error)]
#[error("{operation} failed")]
pub struct Unavailable {
    /// What was asked, for example `append to the log`.
    pub operation: &'static str,
    /// Why.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// What a port answers.
pub type PortResult<'a, T> = BoxFuture<'a, Result<T, Unavailable>>;

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// May lag, at half the price.
    Eventual,
    /// Sees every write that was acknowledged before.
    Strong,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// The row is there.
    Done,
    /// Another row stands at that sequence.
    Taken,
}

/// The log of messages.
pub trait Log: Send + Sync {
    /// The last `rows` rows, strongly consistent, found from `known` on: any sequence that surely
    /// exists. Zero, where none is known, looks at the first partition alone; see [`settle_tail`].
    fn read_tail<'a>(&'a self, conversation: &'a ConversationId, known: Sequence, rows: usize) -> PortResult<'a, Tail>;

    /// Up to `limit` rows after a sequence, oldest first; fewer come only at the tail.
    fn read_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Sequence,
        limit: usize,
        consistency: Consistency,
    ) -> PortResult<'a, Vec<Entry>>;

    /// Up to `limit` rows before a sequence, the nearest ones, oldest first; eventually consistent.
    fn read_before<'a>(
        &'a self,
        conversation: &'a ConversationId,
        before: Sequence,
        limit: usize,
    ) -> PortResult<'a, Vec<Entry>>;

    /// One row.
    fn read_one<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sequence: Sequence,
        consistency: Consistency,
    ) -> PortResult<'a, Option<Entry>>;

    /// Puts one row at the first entry's sequence if no row stands there: the compare-and-swap on
    /// the tail. A row of several holds consecutive entries of one conversation and one partition.
    ///
    /// Every writer puts at tail + 1, and the tail is the end of a row, so two rows never overlap.
    fn append<'a>(&'a self, entries: &'a [Entry]) -> PortResult<'a, Append>;
}

/// Conversations and their members.
pub trait Conversations: Send + Sync {
    /// Head and the sender's member row, strongly consistent, in one read.
    fn standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing>;

    /// All member rows that exist, and the head's word on them.
    fn members<'a>(&'a self, conversation: &'a ConversationId, consistency: Consistency) -> PortResult<'a, Members>;

    /// As [`Conversations::members`], but of a group that is pulled, and whose rows have been
    /// brought into that mode, without the rows: the cost does not grow with their number.
    fn pushed_members<'a>(
        &'a self,
        conversation: &'a ConversationId,
        consistency: Consistency,
    ) -> PortResult<'a, Members>;

    /// How far these groups have been seen, of those that are pulled; strongly consistent.
    fn reaches<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, Vec<(ConversationId, Reach)>>;

    /// Changes how far a group that is pulled has been seen; false where it is not to be so.
    fn move_reach<'a>(&'a self, conversation: &'a ConversationId, change: &'a ReachMove) -> PortResult<'a, bool>;

    /// One user's member rows in these conversations, as far as they exist; strongly consistent.
    fn memberships<'a>(
        &'a self,
        user: &'a UserId,
        conversations: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>>;

    /// Conversations of a user by last activity, latest first: those active in `since` or later,
    /// from after `from` on.
    fn by_activity<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a ActivityKey>,
        limit: usize,
    ) -> PortResult<'a, ActivityPage>;

    /// Moves a member row to new entries of the log, but never over entries that it has not got;
    /// makes the row of a direct conversation if it is not there. May be repeated and come late.
    fn advance<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        advance: &'a Advance,
    ) -> PortResult<'a, Advanced>;

    /// As [`Conversations::standing`], and of one moment: while a change of the group is being
    /// made, either none of it is seen or all.
    fn settled_standing<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, Standing>;

    /// A group, and those of these users who are members of it; strongly consistent.
    fn group<'a>(&'a self, conversation: &'a ConversationId, users: &'a [UserId]) -> PortResult<'a, GroupView>;

    /// Up to `limit` members after a name, by name; eventually consistent.
    fn members_after<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<Member>>;

    /// Applies a change to the log, the group and its members, or to none of them.
    fn change_group<'a>(&'a self, change: &'a GroupChange) -> PortResult<'a, Append>;

    /// Hands the conversation to the batch sequencer until then, if it is not for longer already.
    fn heat<'a>(&'a self, conversation: &'a ConversationId, until: Timestamp) -> PortResult<'a, ()>;

    /// Raises a watermark; false where it was as high before.
    fn raise<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        mark: Watermark,
        up_to: Sequence,
        now: Timestamp,
    ) -> PortResult<'a, bool>;

    /// Changes what a member has set for themselves, and moves the conversation in their list;
    /// makes the row of a direct conversation if it is not there. The row as it is then; none where
    /// the user is not in the group.
    fn set_preferences<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        patch: &'a PreferencesPatch,
        now: Timestamp,
    ) -> PortResult<'a, Option<Member>>;

    /// Notes on a member's row of a direct conversation what they rule of the other; makes the row if it is not there, in no list.
    fn set_peer_rule<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        rule: PeerRule,
    ) -> PortResult<'a, ()>;

    /// Sets the life of a direct conversation's messages that name none, in seconds; none takes it
    /// away.
    fn set_direct_ttl<'a>(&'a self, conversation: &'a ConversationId, ttl_seconds: Option<u64>) -> PortResult<'a, ()>;

    /// Notes that a member agrees to the indexing of text, or withdraws, and counts it; the row is made if that of a
    /// direct conversation is not there. Withdrawn, the text of what follows is not indexed, and that of before
    /// `text_since` is not found any more. False where the user is not in the group.
    fn note_agreement<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        agreement: Agreement,
        now: Timestamp,
    ) -> PortResult<'a, bool>;

    /// Lets the text of what follows be indexed, if neither members nor agreements have changed since these; whether
    /// it did.
    fn index_text<'a>(
        &'a self,
        conversation: &'a ConversationId,
        version: Sequence,
        agreements: u64,
    ) -> PortResult<'a, bool>;

    /// What the heads of these conversations say to those who list them; strongly consistent.
    fn labels<'a>(&'a self, conversations: &'a [ConversationId]) -> PortResult<'a, BTreeMap<ConversationId, Label>>;

    /// Notes on a member's row that they have hidden messages; makes the row of a direct
    /// conversation if it is not there. False where the user is not in the group.
    fn flag_hidden<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        now: Timestamp,
    ) -> PortResult<'a, bool>;
}

/// Ways into groups. All reads are strongly consistent but that of requests.
pub trait Invites: Send + Sync {
    /// What stands at a group's door for a user: this invite, their request, and whether they were taken out.
    fn door<'a>(
        &'a self,
        conversation: &'a ConversationId,
        user: &'a UserId,
        secret: Option<&'a InviteSecret>,
    ) -> PortResult<'a, Door>;

    /// All invites of a group, in no order.
    fn invites<'a>(&'a self, conversation: &'a ConversationId) -> PortResult<'a, Vec<Invite>>;

    /// Keeps a new invite.
    fn put_invite<'a>(&'a self, conversation: &'a ConversationId, invite: &'a Invite) -> PortResult<'a, ()>;

    /// Marks an invite as taken back; false where there is none.
    fn revoke_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, bool>;

    /// Forgets an invite.
    fn forget_invite<'a>(&'a self, conversation: &'a ConversationId, secret: &'a InviteSecret) -> PortResult<'a, ()>;

    /// Keeps a request to join; one that is there stays as it is.
    fn ask<'a>(&'a self, conversation: &'a ConversationId, request: &'a JoinRequest) -> PortResult<'a, ()>;

    /// Up to `limit` requests after a user's, by their names; eventually consistent.
    fn requests<'a>(
        &'a self,
        conversation: &'a ConversationId,
        after: Option<&'a UserId>,
        limit: usize,
    ) -> PortResult<'a, Vec<JoinRequest>>;

    /// Forgets a request to join.
    fn forget_request<'a>(&'a self, conversation: &'a ConversationId, user: &'a UserId) -> PortResult<'a, ()>;
}

/// What became of a change of something that a user keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is so.
    Done,
    /// Something else stands there by now.
    Lost,
    /// The user has as many of the kind as they may.
    Full,
}

/// What users keep for themselves.
pub trait Personal: Send + Sync {
    /// One thing, strongly consistent; one that was deleted, too, until storage forgets it.
    fn find<'a>(&'a self, user: &'a UserId, key: &'a PersonalKey) -> PortResult<'a, Option<PersonalItem>>;

    /// Puts a thing in the place of what was found there, and counts those that are there.
    fn replace<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalItem>,
        after: &'a PersonalItem,
    ) -> PortResult<'a, Replaced>;

    /// What changed at a moment or later, after a place, in the order of the changes; strongly
    /// consistent.
    fn changes<'a>(
        &'a self,
        user: &'a UserId,
        since: Timestamp,
        from: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage>;

    /// Drafts that are there, by conversation, after one.
    fn drafts<'a>(
        &'a self,
        user: &'a UserId,
        after: Option<&'a ConversationId>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage>;

    /// Stars that are there, the newest first, before a place.
    fn stars<'a>(
        &'a self,
        user: &'a UserId,
        before: Option<&'a PersonalPlace>,
        limit: usize,
    ) -> PortResult<'a, PersonalPage>;

    /// Which entries from one sequence to another the user has hidden; strongly consistent.
    fn hidden<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        from: Sequence,
        to: Sequence,
    ) -> PortResult<'a, BTreeSet<Sequence>>;
}

/// A place in a user's conversations by activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityKey {
    /// The start of the hour of the last activity.
    pub bucket: Timestamp,
    /// The conversation.
    pub conversation: ConversationId,
}

/// A page of a user's conversations by activity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ActivityPage {
    /// The conversations, latest first.
    pub keys: Vec<ActivityKey>,
    /// Where the next page starts; none at the end.
    pub next: Option<ActivityKey>,
}

/// What became of a session that was to be prolonged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresh {
    /// It goes on.
    Prolonged,
    /// There is none, or its time has passed.
    Lost,
    /// The device has a later socket.
    Superseded,
}

/// Live sockets.
pub trait Sessions: Send + Sync {
    /// Registers a session in place of the device's earlier one, which is returned.
    fn put<'a>(&'a self, session: &'a Session) -> PortResult<'a, Option<Session>>;

    /// The user's sessions, those included whose time has passed.
    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>>;

    /// Prolongs a session if it is still this connection's and has not expired.
    fn refresh<'a>(
        &'a self,
        sender: &'a Sender,
        connection: &'a ConnectionId,
        now: Timestamp,
        expires_at: Timestamp,
        active: bool,
    ) -> PortResult<'a, Refresh>;

    /// Removes the device's session if it is still this connection's.
    fn remove<'a>(&'a self, sender: &'a Sender, connection: &'a ConnectionId) -> PortResult<'a, ()>;

    /// Registers a session as a subscriber of a group that is pulled, in place of the device's earlier one.
    fn subscribe<'a>(&'a self, conversation: &'a ConversationId, session: &'a Session) -> PortResult<'a, ()>;

    /// Up to `limit` subscribers of a group from a place on (see [`Session::place`]), in the order of
    /// places, those included whose time has passed.
    fn subscribers<'a>(
        &'a self,
        conversation: &'a ConversationId,
        from: u32,
        limit: usize,
    ) -> PortResult<'a, Vec<Session>>;

    /// Takes a subscriber away if it is still this connection's.
    fn unsubscribe<'a>(
        &'a self,
        conversation: &'a ConversationId,
        sender: &'a Sender,
        connection: &'a ConnectionId,
    ) -> PortResult<'a, ()>;
}

/// Devices, known since their first connection.
pub trait Devices: Send + Sync {
    /// Notes that the device is there now, and makes it known; false where it was revoked.
    fn touch<'a>(&'a self, device: &'a Sender, now: Timestamp) -> PortResult<'a, bool>;

    /// The device, if it is known.
    fn find<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>>;

    /// All devices of a user.
    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Device>>;

    /// Until when a user is banned; zero: is not. For devices that are not known: those that are say so themselves.
    fn banned_until<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Timestamp>;
}

/// What devices have registered.
pub trait DeviceRegistry: Send + Sync {
    /// The device, if it is known; strongly consistent.
    fn registered<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>>;

    /// Puts what a device says of itself in the place of what it said before, and makes it known; false
    /// where it was revoked.
    fn register<'a>(
        &'a self,
        device: &'a Sender,
        wanted: &'a Registration,
        push: Option<&'a PushEndpoint>,
        now: Timestamp,
    ) -> PortResult<'a, bool>;

    /// Marks a device as revoked, and returns it as it was; none where it is not known.
    fn revoke<'a>(&'a self, device: &'a Sender) -> PortResult<'a, Option<Device>>;

    /// Takes a device's endpoint away if it is still of this service and token, and returns it.
    fn drop_push<'a>(&'a self, device: &'a Sender, address: &'a PushAddress) -> PortResult<'a, Option<PushEndpoint>>;

    /// Which device holds a token; strongly consistent.
    fn holder<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Option<Sender>>;

    /// Makes a device the holder of a token, and returns the last holder where that was another.
    fn hold<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, Option<Sender>>;

    /// Lets a token go if the device still holds it.
    fn release<'a>(&'a self, address: &'a PushAddress, device: &'a Sender) -> PortResult<'a, ()>;

    /// Notes that a device is woken now; false where it was woken after `earliest`, or is not known.
    fn note_wake<'a>(&'a self, device: &'a Sender, earliest: Timestamp, now: Timestamp) -> PortResult<'a, bool>;
}

/// Which devices there are to encrypt for.
pub trait DeviceSets: Send + Sync {
    /// The sets of devices of these users, of those who have one; eventually consistent.
    fn device_sets<'a>(&'a self, users: &'a [UserId]) -> PortResult<'a, BTreeMap<UserId, DeviceSet>>;
}

/// Keys of devices, for those who encrypt for them.
pub trait KeyDirectory: Send + Sync {
    /// A user's set of devices; empty where there is none; strongly consistent.
    fn device_set<'a>(&'a self, user: &'a UserId) -> PortResult<'a, DeviceSet>;

    /// Puts a set with a device in the place of the one before, if the device may connect.
    fn enter<'a>(
        &'a self,
        device: &'a Sender,
        before: &'a DeviceSet,
        after: &'a DeviceSet,
    ) -> PortResult<'a, SetChange>;

    /// Puts a set in the place of the one before.
    fn leave<'a>(&'a self, user: &'a UserId, before: &'a DeviceSet, after: &'a DeviceSet) -> PortResult<'a, SetChange>;

    /// Keeps packages for takers. Those that were taken before do not come back.
    fn put_packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        packages: &'a [KeyPackage],
    ) -> PortResult<'a, ()>;

    /// How many packages under this key have not been taken and not expired; strongly consistent.
    fn count<'a>(&'a self, device: &'a Sender, identity: &'a str, now: Timestamp) -> PortResult<'a, usize>;

    /// Up to `limit` of them; strongly consistent.
    fn packages<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        now: Timestamp,
        limit: usize,
    ) -> PortResult<'a, Vec<KeyPackage>>;

    /// Takes a package away; false where another has.
    fn take<'a>(&'a self, device: &'a Sender, identity: &'a str, package: &'a KeyPackage) -> PortResult<'a, bool>;

    /// Keeps the package for when the others have run out.
    fn put_last_resort<'a>(
        &'a self,
        device: &'a Sender,
        identity: &'a str,
        package: &'a KeyPackage,
    ) -> PortResult<'a, ()>;

    /// That package, whether it has expired or not; strongly consistent.
    fn last_resort<'a>(&'a self, device: &'a Sender, identity: &'a str) -> PortResult<'a, Option<KeyPackage>>;
}

/// Mailboxes of devices.
pub trait Mailboxes: Send + Sync {
    /// Puts a piece of mail into its device's mailbox, if that holds fewer than `count_max`. There already, it is kept.
    fn put<'a>(&'a self, mail: &'a Mail, count_max: u64) -> PortResult<'a, Deposit>;

    /// Up to `limit` pieces after one, in order; strongly consistent.
    fn page<'a>(&'a self, owner: &'a Sender, after: Option<&'a MailId>, limit: usize) -> PortResult<'a, MailPage>;

    /// Deletes these pieces, as far as they are there.
    fn remove<'a>(&'a self, owner: &'a Sender, ids: &'a [MailId]) -> PortResult<'a, ()>;
}

/// What was posted to devices that ask for events, until they have it.
pub trait Inboxes: Send + Sync {
    /// Puts a frame into the inbox of a session, for some minutes.
    fn put<'a>(&'a self, session: &'a Session, frame: &'a Kept) -> PortResult<'a, ()>;

    /// Up to `limit` frames, oldest first. Eventually consistent: what is not seen yet is seen by the next look.
    fn page<'a>(&'a self, session: &'a Session, limit: usize) -> PortResult<'a, Vec<Kept>>;

    /// Deletes these, as far as they are there.
    fn remove<'a>(&'a self, session: &'a Session, keys: &'a [FrameKey]) -> PortResult<'a, ()>;
}

/// Push services.
pub trait PushProvider: Send + Sync {
    /// Makes the endpoint of a token, or finds it.
    fn create<'a>(&'a self, address: &'a PushAddress) -> PortResult<'a, Created>;

    /// Gives an endpoint its address's token, and enables it; false where it is gone, or the token is
    /// another endpoint's.
    fn renew<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, bool>;

    /// Removes an endpoint. Where there is none, all is well.
    fn delete<'a>(&'a self, push: &'a PushEndpoint) -> PortResult<'a, ()>;

    /// Sends a push to an endpoint.
    fn publish<'a>(&'a self, to: &'a PushEndpoint, push: &'a Push) -> PortResult<'a, Published>;
}

/// The queue of pushes.
pub trait PushQueue: Send + Sync {
    /// Queues these, for a few seconds from now.
    fn put<'a>(&'a self, jobs: &'a [PushJob]) -> PortResult<'a, ()>;
}

/// What was queued and sent of the pushes of a conversation to a user.
pub trait PushMarks: Send + Sync {
    /// Notes that a push about this entry is to be sent, and returns all marks, this one included.
    fn note_queued<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        is_mention: bool,
    ) -> PortResult<'a, Marks>;

    /// Notes that these devices were sent a push about this entry.
    fn note_sent<'a>(
        &'a self,
        user: &'a UserId,
        conversation: &'a ConversationId,
        sequence: Sequence,
        devices: &'a [DeviceId],
    ) -> PortResult<'a, ()>;
}

/// What users have ruled for themselves: whom they have blocked, and when they are not to be disturbed.
pub trait Rules: Send + Sync {
    /// Blocks a user; blocked already, it stays as it is.
    fn block<'a>(&'a self, user: &'a UserId, other: &'a UserId, now: Timestamp) -> PortResult<'a, ()>;

    /// Ends a block. Where there is none, all is well.
    fn unblock<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, ()>;

    /// Up to `limit` of the users that a user has blocked, by name, after one; strongly consistent.
    fn blocks<'a>(&'a self, user: &'a UserId, after: Option<&'a UserId>, limit: usize) -> PortResult<'a, Vec<Block>>;

    /// A user's settings; strongly consistent.
    fn settings<'a>(&'a self, user: &'a UserId) -> PortResult<'a, UserSettings>;

    /// Puts a user's settings in the place of those before.
    fn set_settings<'a>(&'a self, user: &'a UserId, settings: &'a UserSettings) -> PortResult<'a, ()>;

    /// A user's settings, and whether they have blocked another; eventually consistent.
    fn rules_for<'a>(&'a self, user: &'a UserId, other: &'a UserId) -> PortResult<'a, (UserSettings, bool)>;
}

/// What users show of themselves, to whoever tells others of them.
pub trait PrivacyRules: Send + Sync {
    /// What these users show of themselves, and of these pairs those of which the first has blocked the second; eventually
    /// consistent.
    fn stances<'a>(&'a self, users: &'a [UserId], pairs: &'a [Pair]) -> PortResult<'a, Stances>;
}

/// Connect tickets, held by the hash of their secret.
pub trait Tickets: Send + Sync {
    /// Keeps a ticket.
    fn put<'a>(&'a self, hash: &'a str, grant: &'a Grant) -> PortResult<'a, ()>;

    /// Takes a ticket away and returns it: whoever comes second gets none.
    fn take<'a>(&'a self, hash: &'a str) -> PortResult<'a, Option<Grant>>;
}

/// The stream that carries events to the consumers.
pub trait Bus: Send + Sync {
    /// Publishes one record, keyed by its conversation.
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()>;
}

/// The stream of sends that wait for the batch sequencer.
pub trait Ingest: Send + Sync {
    /// Puts one at the end, keyed by its conversation.
    fn put<'a>(&'a self, pending: &'a Pending) -> PortResult<'a, ()>;
}

/// What became of a post to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// The gateway took it. That is not delivery: only an ack is.
    Accepted,
    /// There is no such socket any more.
    Gone,
}

/// Live sockets, to post to.
pub trait Gateway: Send + Sync {
    /// Posts a notice to a session's socket.
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post>;

    /// Closes a session's socket.
    fn close<'a>(&'a self, session: &'a Session) -> PortResult<'a, ()>;
}

/// Time and chance.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn sleep_ms(&self, ms: u64) -> BoxFuture<'_, ()>;

    /// A number below `bound`, any of them with equal chance; zero where the bound is zero.
    fn random_below(&self, bound: u64) -> u64;
}

/// The sessions of these users that have not expired.
pub async fn live_sessions(
    sessions: &dyn Sessions,
    users: &[UserId],
    now: Timestamp,
) -> Result<Vec<Session>, Unavailable> {
    let all = futures_util::future::try_join_all(users.iter().map(|user| sessions.of_user(user))).await?;
    Ok(all.into_iter().flatten().filter(|session| session.is_live(now)).collect())
}

/// The tail of a log, from a tail that was read with `known` and from what else is known now.
/// A log that fills the first partition may go on, and a member row may know of later entries.
pub async fn settle_tail(
    log: &dyn Log,
    conversation: &ConversationId,
    tail: Tail,
    known: Sequence,
    known_now: Sequence,
) -> Result<Tail, Unavailable> {
    let end = tail.sequence();
    let is_first_partition_full = known == Sequence::ZERO && end == partition_end(0);
    if end >= known_now && !is_first_partition_full {
        return Ok(tail);
    }
    log.read_tail(conversation, end.max(known_now), TAIL_ROWS).await
}

/// Every row after a sequence, strongly consistent.
pub async fn read_since(
    log: &dyn Log,
    conversation: &ConversationId,
    after: Sequence,
) -> Result<Vec<Entry>, Unavailable> {
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let after = entries.last().map_or(after, |e| e.sequence);
        let rows = log.read_after(conversation, after, SINCE_ROWS_MAX, Consistency::Strong).await?;
        let done = rows.len() < SINCE_ROWS_MAX;
        entries.extend(rows);
        if done {
            return Ok(entries);
        }
    }
}
