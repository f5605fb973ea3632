//! A world in which nothing takes time and nothing changes: what runs on it is our own code alone.

use std::{
    collections::BTreeMap,
    future::{pending, ready},
};

use tidings_domain::{
    conversation::{
        Advance, Advanced, Agreement, Label, Member, Members, PeerRule, PreferencesPatch, Reach, ReachMove, Standing,
        Watermark,
    },
    ids::{ConnectionId, ConversationId, MailId, MediaHandle, MessageId, Sender, Sequence, Timestamp, UserId},
    keys::DeviceSet,
    log::{Entry, Tail},
    mailbox::{Deposit, Mail, MailPage},
    media::{Claim, Claims},
    membership::{GroupChange, GroupView},
    notice::Notice,
    ports::{
        ActivityKey, ActivityPage, Append, BoxFuture, Bus, Clock, Consistency, Conversations, DeviceSets, Gateway,
        Ingest, Log, Mailboxes, PortResult, Post, PrivacyRules, PushQueue, Refresh, Sessions,
    },
    privacy::{Pair, Stances},
    push::PushJob,
    send::Pending,
    session::Session,
    stream::StreamRecord,
    timers::Minute,
};

/// What every call answers.
#[derive(Debug)]
pub(crate) struct Still {
    pub(crate) tail: Tail,
    pub(crate) standing: Standing,
    pub(crate) members: Vec<Member>,
    /// Of the recipient.
    pub(crate) session: Session,
    pub(crate) now: Timestamp,
}

fn done<'a, T: Send + 'a>(answer: T) -> PortResult<'a, T> {
    Box::pin(ready(Ok(answer)))
}

impl Log for Still {
    fn read_tail<'a>(&'a self, _: &'a ConversationId, _: Sequence, _: usize) -> PortResult<'a, Tail> {
        done(self.tail.clone())
    }

    fn read_after<'a>(
        &'a self,
        _: &'a ConversationId,
        _: Sequence,
        _: usize,
        _: Consistency,
    ) -> PortResult<'a, Vec<Entry>> {
        done(Vec::new())
    }

    fn read_before<'a>(&'a self, _: &'a ConversationId, _: Sequence, _: usize) -> PortResult<'a, Vec<Entry>> {
        done(Vec::new())
    }

    fn read_one<'a>(&'a self, _: &'a ConversationId, _: Sequence, _: Consistency) -> PortResult<'a, Option<Entry>> {
        done(self.tail.entries.last().cloned())
    }

    fn append<'a>(&'a self, _: &'a [Entry]) -> PortResult<'a, Append> {
        done(Append::Done)
    }
}

impl Conversations for Still {
    fn standing<'a>(&'a self, _: &'a ConversationId, _: &'a UserId) -> PortResult<'a, Standing> {
        done(self.standing.clone())
    }

    fn settled_standing<'a>(&'a self, _: &'a ConversationId, _: &'a UserId) -> PortResult<'a, Standing> {
        done(self.standing.clone())
    }

    fn group<'a>(&'a self, _: &'a ConversationId, _: &'a [UserId]) -> PortResult<'a, GroupView> {
        done(GroupView::default())
    }

    fn members<'a>(&'a self, _: &'a ConversationId, _: Consistency) -> PortResult<'a, Members> {
        done(Members { rows: self.members.clone(), ..Members::default() })
    }

    fn pushed_members<'a>(&'a self, _: &'a ConversationId, _: Consistency) -> PortResult<'a, Members> {
        done(Members { rows: self.members.clone(), ..Members::default() })
    }

    fn reaches<'a>(&'a self, _: &'a [ConversationId]) -> PortResult<'a, Vec<(ConversationId, Reach)>> {
        done(Vec::new())
    }

    fn move_reach<'a>(&'a self, _: &'a ConversationId, _: &'a ReachMove) -> PortResult<'a, bool> {
        done(false)
    }

    fn members_after<'a>(
        &'a self,
        _: &'a ConversationId,
        _: Option<&'a UserId>,
        _: usize,
    ) -> PortResult<'a, Vec<Member>> {
        done(Vec::new())
    }

    fn change_group<'a>(&'a self, _: &'a GroupChange) -> PortResult<'a, Append> {
        done(Append::Taken)
    }

    fn memberships<'a>(
        &'a self,
        _: &'a UserId,
        _: &'a [ConversationId],
    ) -> PortResult<'a, Vec<(ConversationId, Member)>> {
        done(Vec::new())
    }

    fn by_activity<'a>(
        &'a self,
        _: &'a UserId,
        _: Timestamp,
        _: Option<&'a ActivityKey>,
        _: usize,
    ) -> PortResult<'a, ActivityPage> {
        done(ActivityPage::default())
    }

    fn advance<'a>(&'a self, _: &'a ConversationId, _: &'a UserId, _: &'a Advance) -> PortResult<'a, Advanced> {
        done(Advanced::Done)
    }

    fn heat<'a>(&'a self, _: &'a ConversationId, _: Timestamp) -> PortResult<'a, ()> {
        done(())
    }

    fn raise<'a>(
        &'a self,
        _: &'a ConversationId,
        _: &'a UserId,
        _: Watermark,
        _: Sequence,
        _: Timestamp,
    ) -> PortResult<'a, bool> {
        done(true)
    }

    fn set_preferences<'a>(
        &'a self,
        _: &'a ConversationId,
        _: &'a UserId,
        _: &'a PreferencesPatch,
        _: Timestamp,
    ) -> PortResult<'a, Option<Member>> {
        done(self.standing.member.clone())
    }

    fn flag_hidden<'a>(&'a self, _: &'a ConversationId, _: &'a UserId, _: Timestamp) -> PortResult<'a, bool> {
        done(true)
    }

    fn set_peer_rule<'a>(&'a self, _: &'a ConversationId, _: &'a UserId, _: PeerRule) -> PortResult<'a, ()> {
        done(())
    }

    fn set_direct_ttl<'a>(&'a self, _: &'a ConversationId, _: Option<u64>) -> PortResult<'a, ()> {
        done(())
    }

    fn note_agreement<'a>(
        &'a self,
        _: &'a ConversationId,
        _: &'a UserId,
        _: Agreement,
        _: Timestamp,
    ) -> PortResult<'a, bool> {
        done(true)
    }

    fn index_text<'a>(&'a self, _: &'a ConversationId, _: Sequence, _: u64) -> PortResult<'a, bool> {
        done(true)
    }

    fn labels<'a>(&'a self, _: &'a [ConversationId]) -> PortResult<'a, BTreeMap<ConversationId, Label>> {
        done(BTreeMap::new())
    }
}

impl Sessions for Still {
    fn put<'a>(&'a self, _: &'a Session) -> PortResult<'a, Option<Session>> {
        done(None)
    }

    fn of_user<'a>(&'a self, user: &'a UserId) -> PortResult<'a, Vec<Session>> {
        done(if self.session.owner.user == *user { vec![self.session.clone()] } else { Vec::new() })
    }

    fn refresh<'a>(
        &'a self,
        _: &'a Sender,
        _: &'a ConnectionId,
        _: Timestamp,
        _: Timestamp,
        _: bool,
    ) -> PortResult<'a, Refresh> {
        done(Refresh::Prolonged)
    }

    fn remove<'a>(&'a self, _: &'a Sender, _: &'a ConnectionId) -> PortResult<'a, ()> {
        done(())
    }

    fn subscribe<'a>(&'a self, _: &'a ConversationId, _: &'a Session) -> PortResult<'a, ()> {
        done(())
    }

    fn subscribers<'a>(&'a self, _: &'a ConversationId, _: u32, _: usize) -> PortResult<'a, Vec<Session>> {
        done(Vec::new())
    }

    fn unsubscribe<'a>(&'a self, _: &'a ConversationId, _: &'a Sender, _: &'a ConnectionId) -> PortResult<'a, ()> {
        done(())
    }
}

impl Bus for Still {
    fn publish<'a>(&'a self, record: &'a StreamRecord) -> PortResult<'a, ()> {
        // As the adapter does before it calls AWS.
        let bytes = tidings_record::to_stream(record).expect("a record");
        std::hint::black_box(bytes);
        done(())
    }
}

impl Ingest for Still {
    fn put<'a>(&'a self, _: &'a Pending) -> PortResult<'a, ()> {
        done(())
    }
}

impl Claims for Still {
    fn claim<'a>(&'a self, _: MediaHandle, _: &'a ConversationId, _: MessageId, _: Timestamp) -> PortResult<'a, Claim> {
        done(Claim::Done)
    }

    fn release(&self, _: MediaHandle, _: MessageId) -> PortResult<'_, ()> {
        done(())
    }

    fn watch(&self, _: MediaHandle, _: Minute) -> PortResult<'_, ()> {
        done(())
    }
}

impl Gateway for Still {
    fn post<'a>(&'a self, session: &'a Session, notice: &'a Notice) -> PortResult<'a, Post> {
        let frame = tidings_protocol::convert::notice_frame(notice, &session.owner.device, self.now);
        std::hint::black_box(frame.to_text(None));
        done(Post::Accepted)
    }

    fn close<'a>(&'a self, _: &'a Session) -> PortResult<'a, ()> {
        done(())
    }
}

impl PushQueue for Still {
    fn put<'a>(&'a self, _: &'a [PushJob]) -> PortResult<'a, ()> {
        done(())
    }
}

impl DeviceSets for Still {
    fn device_sets<'a>(&'a self, _: &'a [UserId]) -> PortResult<'a, BTreeMap<UserId, DeviceSet>> {
        done(BTreeMap::new())
    }
}

impl Mailboxes for Still {
    fn put<'a>(&'a self, _: &'a Mail, _: u64) -> PortResult<'a, Deposit> {
        done(Deposit::Kept)
    }

    fn page<'a>(&'a self, _: &'a Sender, _: Option<&'a MailId>, _: usize) -> PortResult<'a, MailPage> {
        done(MailPage::default())
    }

    fn remove<'a>(&'a self, _: &'a Sender, _: &'a [MailId]) -> PortResult<'a, ()> {
        done(())
    }
}

impl PrivacyRules for Still {
    fn stances<'a>(&'a self, _: &'a [UserId], _: &'a [Pair]) -> PortResult<'a, Stances> {
        done(Stances::default())
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn sleep_ms(&self, _: u64) -> BoxFuture<'_, ()> {
        Box::pin(pending())
    }

    fn random_below(&self, _: u64) -> u64 {
        0
    }
}
