//! The promises, checked after every change of the world.

use std::collections::BTreeMap;

use tidings_domain::{
    conversation::{Member, Reach, Watermark},
    ids::{ConnectionId, ConversationId, MessageId, Sender, Sequence, UserId},
    log::Entry,
    notice::Notice,
    session::Session,
};

use crate::{
    lambda::SEND_WITHIN_MS,
    promises::{Promise, Violation},
};

/// A time in which a user is a member: from the event of the joining to that of the leaving.
#[derive(Clone, Copy, Debug)]
struct Stay {
    from: Sequence,
    /// When it was seen to begin.
    from_ms: u64,
    left_at: Option<Sequence>,
}

impl Stay {
    /// Who goes is told of the going, and of nothing after it.
    fn covers(self, sequence: Sequence) -> bool {
        self.from <= sequence && self.left_at.is_none_or(|left| sequence <= left)
    }
}

/// A log as it was seen to grow.
#[derive(Debug, Default)]
struct SeenLog {
    entries: Vec<Entry>,
    /// Of the entries, in their order.
    ids: Vec<MessageId>,
    places: BTreeMap<MessageId, Sequence>,
    stays: BTreeMap<UserId, Vec<Stay>>,
}

/// The highest marks that a user's devices have asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Asked {
    delivered: Sequence,
    read: Sequence,
}

/// Checks the promises.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    logs: BTreeMap<ConversationId, SeenLog>,
    asked: BTreeMap<(ConversationId, UserId), Asked>,
    /// When a message was sent without a mark.
    unmarked: BTreeMap<MessageId, Vec<u64>>,
    /// Answers of 410 for sockets that are there: each may take a session away.
    stray_gone: u64,
    /// Sockets whose sessions such an answer has taken away, and when.
    taken: BTreeMap<ConnectionId, u64>,
}

type Check = Result<(), Violation>;

fn broken(promise: Promise, conversation: &ConversationId, what: impl Into<String>) -> Check {
    Err(Violation { promise, conversation: Some(conversation.clone()), what: what.into() })
}

impl Checker {
    /// Whether a user may see an entry: they were a member at its sequence.
    pub(crate) fn may_see(&self, conversation: &ConversationId, user: &UserId, sequence: Sequence) -> bool {
        match conversation.direct_members() {
            Some(members) => members.contains(user),
            None => self.stays(conversation, user).iter().any(|stay| stay.covers(sequence)),
        }
    }

    /// From where on a user sees a conversation that they are in now.
    pub(crate) fn sees_from(&self, conversation: &ConversationId, user: &UserId) -> Option<Sequence> {
        match conversation.direct_members() {
            Some(members) => members.contains(user).then_some(Sequence(1)),
            None => self.stays(conversation, user).last().filter(|stay| stay.left_at.is_none()).map(|stay| stay.from),
        }
    }

    fn stays(&self, conversation: &ConversationId, user: &UserId) -> &[Stay] {
        self.logs.get(conversation).and_then(|log| log.stays.get(user)).map_or(&[], Vec::as_slice)
    }

    /// The log as it was seen to grow.
    pub(crate) fn log(&self, conversation: &ConversationId) -> &[Entry] {
        self.logs.get(conversation).map_or(&[], |log| log.entries.as_slice())
    }

    fn end(&self, conversation: &ConversationId) -> Sequence {
        Sequence(self.log(conversation).len() as u64)
    }

    fn entry(&self, conversation: &ConversationId, sequence: Sequence) -> Option<&Entry> {
        let at = usize::try_from(sequence.0.checked_sub(1)?).ok()?;
        self.log(conversation).get(at)
    }

    /// A device asks for a mark; it may not be had.
    pub(crate) fn asked(&mut self, conversation: &ConversationId, user: &UserId, mark: Watermark, up_to: Sequence) {
        let asked = self.asked.entry((conversation.clone(), user.clone())).or_default();
        asked.delivered = asked.delivered.max(up_to);
        if mark == Watermark::Read {
            asked.read = asked.read.max(up_to);
        }
    }

    /// A device sends without a mark.
    pub(crate) fn sent_unmarked(&mut self, id: MessageId, now_ms: u64) {
        self.unmarked.entry(id).or_default().push(now_ms);
    }

    /// Promises 2, 3 and 7: a new entry is the next, is a new message, and its sender is in.
    pub(crate) fn appended(&mut self, entry: &Entry, now_ms: u64) -> Check {
        let (conversation, sequence) = (&entry.conversation, entry.sequence);
        let next = self.end(conversation).next();
        if sequence < next {
            return broken(Promise::Order, conversation, format!("entry {sequence} was rewritten"));
        }
        if sequence > next {
            return broken(Promise::Order, conversation, format!("entry {sequence} was appended, {next} is missing"));
        }
        let id = entry.message_id();
        let comes_in = entry.membership.as_ref().is_some_and(|event| event.arrived().contains(&entry.sender.user));
        if !comes_in && !self.is_member(conversation, &entry.sender.user) {
            let what = format!("{} appended {sequence} and is no member", entry.sender.user);
            return broken(Promise::Members, conversation, what);
        }
        let came_back_at = self.was_being_sent_across_a_joining(entry);
        let log = self.logs.entry(conversation.clone()).or_default();
        if let Some(earlier) = log.places.insert(id, sequence)
            && came_back_at.is_none_or(|joined_at| earlier >= joined_at)
        {
            let what = format!("{} of {:?} is {earlier} and {sequence}", entry.client_msg_id, entry.sender);
            return broken(Promise::Once, conversation, what);
        }
        log.note_membership(entry, now_ms);
        log.entries.push(entry.clone());
        log.ids.push(id);
        Ok(())
    }

    /// Where the sender came back, if a transmission without a mark was under way then: it may be read as
    /// that of a member who is new, who has no ring. No mark can be had for it any more.
    fn was_being_sent_across_a_joining(&self, entry: &Entry) -> Option<Sequence> {
        let stay = self.stays(&entry.conversation, &entry.sender.user).last()?;
        let sent = self.unmarked.get(&entry.message_id())?;
        let was_under_way = sent.iter().any(|at| (*at..=at + SEND_WITHIN_MS).contains(&stay.from_ms));
        was_under_way.then_some(stay.from)
    }

    fn is_member(&self, conversation: &ConversationId, user: &UserId) -> bool {
        self.sees_from(conversation, user).is_some()
    }

    /// Promise 3: no entry goes.
    pub(crate) fn erased(entry: &Entry) -> Check {
        broken(Promise::Order, &entry.conversation, format!("entry {} was removed", entry.sequence))
    }

    /// Promises 5, 6 and 7: marks rise, in their order and no further than what a device has asked
    /// for and the log holds; a row keeps pace with the log; who is out has none.
    pub(crate) fn member_changed(
        &self,
        conversation: &ConversationId,
        user: &UserId,
        before: Option<&Member>,
        after: Option<&Member>,
    ) -> Check {
        let Some(after) = after else {
            return if self.is_member(conversation, user) {
                broken(Promise::Members, conversation, format!("the row of {user}, a member, was removed"))
            } else {
                Ok(())
            };
        };
        if !self.is_member(conversation, user) {
            return broken(Promise::Members, conversation, format!("{user} has a row and is no member"));
        }
        let fresh = Member::new(user.clone());
        let before = before.unwrap_or(&fresh);
        let marks = |m: &Member| format!("delivered {} and read {}", m.delivered_up_to, m.read_up_to);
        if after.delivered_up_to < before.delivered_up_to || after.read_up_to < before.read_up_to {
            let what = format!("the marks of {user} fell from {} to {}", marks(before), marks(after));
            return broken(Promise::Marks, conversation, what);
        }
        let asked = self.asked.get(&(conversation.clone(), user.clone())).copied().unwrap_or_default();
        let end = self.end(conversation);
        // What came before the joining counts as read.
        let hidden = after.joined_at.previous();
        let limits = [
            (after.read_up_to > after.delivered_up_to, "less is delivered than read"),
            (after.delivered_up_to > end, "that is beyond the log"),
            (after.delivered_up_to > asked.delivered.max(hidden), "no device has acknowledged that"),
            (after.read_up_to > asked.read.max(hidden), "nobody has read that"),
        ];
        if let Some((_, why)) = limits.into_iter().find(|(is_broken, _)| *is_broken) {
            return broken(Promise::Marks, conversation, format!("{user} has {}: {why}", marks(after)));
        }
        if after.last_sequence < before.last_sequence {
            let what = format!("the row of {user} fell from {} to {}", before.last_sequence, after.last_sequence);
            return broken(Promise::WholeLog, conversation, what);
        }
        if after.last_sequence > end {
            let what = format!("the row of {user} is at {}, the log at {end}", after.last_sequence);
            return broken(Promise::Survives, conversation, what);
        }
        Ok(())
    }

    /// Promise 1: what a head tells of is in the log.
    pub(crate) fn reach_changed(&self, conversation: &ConversationId, after: Option<Reach>) -> Check {
        let end = self.end(conversation);
        match after.filter(|reach| reach.last_sequence > end) {
            Some(reach) => {
                let what = format!("the head is at {}, the log at {end}", reach.last_sequence);
                broken(Promise::Survives, conversation, what)
            }
            None => Ok(()),
        }
    }

    /// Promise 4: the session of a live socket stays, unless a stray 410 says that it is gone.
    pub(crate) fn session_removed(&mut self, session: &Session, is_live: bool, now_ms: u64) -> Check {
        // A call that is done twice takes away what a call that is done twice has put back.
        let is_done_twice = self.taken.get(&session.connection).is_some_and(|at| now_ms - at <= SEND_WITHIN_MS);
        if !is_live || is_done_twice {
            return Ok(());
        }
        if self.stray_gone == 0 {
            let owner = &session.owner;
            let what = format!("the session of {}/{} was removed and its socket is there", owner.user, owner.device);
            return Err(Violation { promise: Promise::AtLeastOnce, conversation: None, what });
        }
        self.stray_gone -= 1;
        self.taken.insert(session.connection.clone(), now_ms);
        Ok(())
    }

    /// The gateway answered 410 for a socket that is there.
    pub(crate) fn stray_gone(&mut self) {
        self.stray_gone += 1;
    }

    /// Promise 7: what is posted is for who was a member at that sequence; and it is what the log has.
    pub(crate) fn posted(&self, to: &Sender, notice: &Notice) -> Check {
        match notice {
            // Nobody here hides anything, or encrypts.
            Notice::Ready(_)
            | Notice::Draft(_)
            | Notice::Hidden { .. }
            | Notice::Mail(_)
            | Notice::Device { .. }
            | Notice::Slower(_)
            | Notice::Presence(_)
            | Notice::Typing { .. }
            | Notice::KeysLow { .. } => Ok(()),
            Notice::Settings(settings) if settings.member.user == to.user => Ok(()),
            Notice::Settings(settings) => {
                broken(Promise::Members, &settings.conversation, "another's settings were told")
            }
            Notice::Answer(answer) => match &answer.outcome {
                Ok(sent) if sent.entry.sender == *to => {
                    self.acknowledged(&sent.entry.conversation, sent.entry.message_id(), sent.entry.sequence)
                }
                Ok(sent) => broken(Promise::Members, &sent.entry.conversation, "another device was answered"),
                Err(_) => Ok(()),
            },
            Notice::Entry(entry) => self.shown(&entry.conversation, &to.user, entry),
            Notice::Receipt(receipt) => {
                self.told(&receipt.conversation, &to.user, receipt.up_to)?;
                let entry = self.entry(&receipt.conversation, receipt.up_to);
                if entry.is_none_or(|entry| entry.message_id() != receipt.message_id) {
                    let what = format!("a receipt of {} names another message than the log", receipt.up_to);
                    return broken(Promise::Marks, &receipt.conversation, what);
                }
                Ok(())
            }
            Notice::Updated { conversation, last_sequence } => self.told(conversation, &to.user, *last_sequence),
        }
    }

    fn told(&self, conversation: &ConversationId, user: &UserId, sequence: Sequence) -> Check {
        if !self.may_see(conversation, user, sequence) {
            let what = format!("{user} was told of {sequence} and was no member at it");
            return broken(Promise::Members, conversation, what);
        }
        if sequence > self.end(conversation) {
            return broken(
                Promise::Survives,
                conversation,
                format!("{user} was told of {sequence}, which is not there"),
            );
        }
        Ok(())
    }

    /// Promises 3 and 7: an entry that a user is shown is that of the log, and for their eyes.
    pub(crate) fn shown(&self, conversation: &ConversationId, user: &UserId, entry: &Entry) -> Check {
        let sequence = entry.sequence;
        if !self.may_see(conversation, user, sequence) {
            let what = format!("{user} was shown {sequence} and was no member at it");
            return broken(Promise::Members, conversation, what);
        }
        let in_log = self.entry(conversation, sequence);
        if in_log.is_none_or(|row| !is_same(row, entry)) {
            return broken(
                Promise::Order,
                conversation,
                format!("{user} was shown another {sequence} than the log has"),
            );
        }
        Ok(())
    }

    /// Promises 1 and 2: what is acknowledged stands in the log, at that place.
    pub(crate) fn acknowledged(&self, conversation: &ConversationId, id: MessageId, sequence: Sequence) -> Check {
        match self.entry(conversation, sequence) {
            Some(entry) if entry.message_id() == id => Ok(()),
            _ => {
                let elsewhere = self.logs.get(conversation).and_then(|log| log.places.get(&id));
                let (promise, what) = match elsewhere {
                    Some(place) => (Promise::Once, format!("acknowledged at {sequence}, it stands at {place}")),
                    None => (Promise::Survives, format!("acknowledged at {sequence}, it is not in the log")),
                };
                broken(promise, conversation, what)
            }
        }
    }

    /// Promise 3: the log is what it was seen to become.
    pub(crate) fn unchanged(&self, conversation: &ConversationId, now: &[Entry]) -> Check {
        if self.log(conversation) == now {
            return Ok(());
        }
        broken(Promise::Order, conversation, "the log is not what was appended")
    }

    /// Promise 6, and bounded staleness: a device holds all that its user may see, and nothing else.
    pub(crate) fn holds_all(
        &self,
        promise: Promise,
        conversation: &ConversationId,
        device: &Sender,
        held: &BTreeMap<Sequence, MessageId>,
    ) -> Check {
        let Some(from) = self.sees_from(conversation, &device.user) else { return Ok(()) };
        let ids = self.logs.get(conversation).map_or(&[][..], |log| &log.ids);
        let in_log = (1..).map(Sequence).zip(ids);
        let missing: Vec<String> = in_log
            .filter(|(sequence, id)| *sequence >= from && held.get(sequence) != Some(*id))
            .map(|(sequence, _)| sequence.to_string())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let what = format!("{}/{} lacks {}", device.user, device.device, missing.join(", "));
        broken(promise, conversation, what)
    }
}

impl SeenLog {
    /// Who comes and goes by an event of the group.
    fn note_membership(&mut self, entry: &Entry, now_ms: u64) {
        let Some(event) = &entry.membership else { return };
        for user in event.arrived() {
            let stay = Stay { from: entry.sequence, from_ms: now_ms, left_at: None };
            self.stays.entry(user.clone()).or_default().push(stay);
        }
        for user in event.departed() {
            if let Some(stay) = self.stays.get_mut(user).and_then(|stays| stays.last_mut()) {
                stay.left_at.get_or_insert(entry.sequence);
            }
        }
    }
}

/// Content may have expired on the way.
fn is_same(row: &Entry, shown: &Entry) -> bool {
    row.sender == shown.sender
        && row.client_msg_id == shown.client_msg_id
        && row.membership == shown.membership
        && (row.content.payload == shown.content.payload
            || (row.content.ttl_seconds.is_some() && &*shown.content.payload == "null"))
}
