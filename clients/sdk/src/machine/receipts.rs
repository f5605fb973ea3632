//! What this device says it has received and read.
//!
//! Marks are cumulative, so the fewer the better: an acknowledgement waits a little for the next
//! message, and for the application to say that the message was read, which says both in one
//! frame. Nothing is acknowledged beyond a gap, and marks only rise.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use super::{Moment, earliest};

/// A mark sent on a connection that is lost within this time may be lost with it.
const UNCERTAIN_FOR: Duration = Duration::from_secs(30);
/// The service shows a mark within this time, or it did not get it.
const SHOWN_AFTER: Duration = Duration::from_secs(5);
/// Unread messages told apart per conversation; beyond, the newest stands for those before it.
const UNREAD_MAX: usize = 512;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkKind {
    Ack,
    Read,
}

/// A mark to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) kind: MarkKind,
    pub(crate) conversation: String,
    pub(crate) up_to: u64,
}

#[derive(Debug, Default)]
struct Marks {
    /// Everything up to here is held.
    held: u64,
    /// The last held message of another, or that the application itself acknowledges.
    foreign: u64,
    /// Held messages of others that were not said to be read.
    unread: BTreeSet<u64>,
    /// The application wants this acknowledged; with automatic acknowledgement, what is held.
    ack_wanted: u64,
    read_wanted: u64,
    /// Said to be received, by either frame.
    acked: u64,
    /// Said to be read.
    read: u64,
    ack_due: Option<Moment>,
    read_due: Option<Moment>,
    read_sent_at: Option<Moment>,
    sent_at: Moment,
}

#[derive(Debug)]
pub(crate) struct Receipts {
    delay: Duration,
    automatic: bool,
    marks: HashMap<String, Marks>,
    /// The earliest due moment of each conversation that has one.
    due: BTreeMap<String, Moment>,
}

impl Receipts {
    /// `delay` is how long an acknowledgement waits. Unless `automatic`, only what
    /// [`Self::ack`] names is acknowledged.
    pub(crate) fn new(delay: Duration, automatic: bool) -> Self {
        Self { delay, automatic, marks: HashMap::new(), due: BTreeMap::new() }
    }

    /// The service's marks of this user, and where the conversation starts on this device.
    /// A mark that was sent and is not among them is sent again.
    pub(crate) fn known(&mut self, conversation: &str, held: u64, delivered: u64, read: u64, now: Moment) {
        let marks = self.marks.entry(conversation.to_owned()).or_insert_with(|| Marks {
            // Whose the messages before the start are is not known; they may be others'.
            foreign: held,
            unread: BTreeSet::from([held]),
            ..Marks::default()
        });
        marks.held = marks.held.max(held);
        let settled = marks.sent_at + SHOWN_AFTER <= now;
        if settled || delivered > marks.acked {
            marks.acked = delivered;
        }
        if settled || read > marks.read {
            marks.set_read(read);
        }
        if self.automatic {
            marks.ack_wanted = marks.held;
        }
        marks.plan(self.delay, now);
        self.note(conversation);
    }

    /// Everything up to `held` is held now; `foreign` are the new messages of others among it.
    pub(crate) fn received(
        &mut self,
        conversation: &str,
        held: u64,
        foreign: impl IntoIterator<Item = u64>,
        now: Moment,
    ) {
        let marks = self.marks.entry(conversation.to_owned()).or_default();
        marks.held = marks.held.max(held);
        for sequence in foreign {
            marks.received_of_another(sequence);
        }
        if self.automatic {
            marks.ack_wanted = marks.held;
        }
        marks.plan(self.delay, now);
        self.note(conversation);
    }

    /// The application has everything up to here.
    pub(crate) fn ack(&mut self, conversation: &str, up_to: u64, now: Moment) {
        let marks = self.marks.entry(conversation.to_owned()).or_default();
        marks.ack_wanted = marks.ack_wanted.max(up_to);
        marks.foreign = marks.foreign.max(up_to);
        marks.plan(self.delay, now);
        self.note(conversation);
    }

    /// The user has read everything up to here.
    pub(crate) fn read(&mut self, conversation: &str, up_to: u64, now: Moment) {
        let marks = self.marks.entry(conversation.to_owned()).or_default();
        marks.read_wanted = marks.read_wanted.max(up_to);
        marks.plan(self.delay, now);
        self.note(conversation);
    }

    /// The marks to send now.
    pub(crate) fn take(&mut self, now: Moment) -> Vec<Mark> {
        let due: Vec<String> =
            self.due.iter().filter(|(_, at)| **at <= now).map(|(conversation, _)| conversation.clone()).collect();
        let mut taken = Vec::new();
        for conversation in due {
            if let Some(marks) = self.marks.get_mut(&conversation) {
                marks.take(&conversation, self.delay, now, &mut taken);
            }
            self.note(&conversation);
        }
        taken
    }

    /// The service refused a mark. It is sent again if `retry_after` says so.
    pub(crate) fn refused(&mut self, mark: &Mark, retry_after: Option<Duration>, now: Moment) {
        let Some(marks) = self.marks.get_mut(&mark.conversation) else { return };
        let Some(retry_after) = retry_after else { return };
        // A later mark that was taken says this one too.
        if marks.acked == mark.up_to {
            marks.acked = 0;
            marks.ack_due = Some(now + retry_after);
        }
        if mark.kind == MarkKind::Read && marks.read == mark.up_to {
            marks.set_read(0);
            marks.read_due = Some(now + retry_after);
        }
        marks.plan(self.delay, now);
        self.note(&mark.conversation);
    }

    /// What was sent just before a loss may be lost with it, and is said again.
    pub(crate) fn disconnected(&mut self, now: Moment) {
        let uncertain: Vec<String> = self
            .marks
            .iter()
            .filter(|(_, marks)| marks.acked.max(marks.read) > 0 && marks.sent_at + UNCERTAIN_FOR > now)
            .filter(|(_, marks)| marks.sent_at > Moment::ZERO)
            .map(|(conversation, _)| conversation.clone())
            .collect();
        for conversation in uncertain {
            if let Some(marks) = self.marks.get_mut(&conversation) {
                marks.acked = 0;
                marks.set_read(0);
                marks.plan(self.delay, now);
            }
            self.note(&conversation);
        }
    }

    /// When to look again, if nothing else happens before.
    pub(crate) fn wake(&self) -> Option<Moment> {
        self.due.values().min().copied()
    }

    fn note(&mut self, conversation: &str) {
        match self.marks.get(conversation).and_then(|marks| earliest(marks.ack_due, marks.read_due)) {
            Some(at) => self.due.insert(conversation.to_owned(), at),
            None => self.due.remove(conversation),
        };
    }
}

impl Marks {
    /// Where a read mark would go: never beyond a gap, and at a message of another.
    fn readable(&self) -> Option<u64> {
        let up_to = self.read_wanted.min(self.held);
        (up_to > self.read && self.unread.first().is_some_and(|first| *first <= up_to)).then_some(up_to)
    }

    fn received_of_another(&mut self, sequence: u64) {
        self.foreign = self.foreign.max(sequence);
        if sequence > self.read {
            if self.unread.len() >= UNREAD_MAX {
                self.unread.pop_last();
            }
            self.unread.insert(sequence);
        }
    }

    /// What was said to be read; less than before, where that is not known to have arrived.
    fn set_read(&mut self, read: u64) {
        if read < self.read {
            self.unread.insert(self.read);
        } else {
            self.unread = self.unread.split_off(&(read + 1));
        }
        self.read = read;
    }

    fn ackable(&self) -> Option<u64> {
        let up_to = self.ack_wanted.min(self.held);
        (up_to > self.acked && self.foreign > self.acked).then_some(up_to)
    }

    fn plan(&mut self, delay: Duration, now: Moment) {
        match self.readable() {
            Some(_) if self.read_due.is_none() => {
                // The first says it at once; those that follow closely wait for one another.
                self.read_due = Some(self.read_sent_at.map_or(now, |sent| (sent + delay).max(now)));
            }
            Some(_) => {}
            None => self.read_due = None,
        }
        match self.ackable() {
            // A read mark that is about to go says this too.
            Some(up_to) if self.readable().is_some_and(|read| read >= up_to) => self.ack_due = None,
            Some(_) if self.ack_due.is_none() => self.ack_due = Some(now + delay),
            Some(_) => {}
            None => self.ack_due = None,
        }
    }

    fn take(&mut self, conversation: &str, delay: Duration, now: Moment, taken: &mut Vec<Mark>) {
        if self.read_due.is_some_and(|at| at <= now)
            && let Some(up_to) = self.readable()
        {
            self.set_read(up_to);
            self.acked = self.acked.max(up_to);
            self.read_due = None;
            self.read_sent_at = Some(now);
            self.sent_at = now;
            taken.push(Mark { kind: MarkKind::Read, conversation: conversation.to_owned(), up_to });
        }
        if self.ack_due.is_some_and(|at| at <= now)
            && let Some(up_to) = self.ackable()
        {
            self.acked = up_to;
            self.ack_due = None;
            self.sent_at = now;
            taken.push(Mark { kind: MarkKind::Ack, conversation: conversation.to_owned(), up_to });
        }
        self.plan(delay, now);
    }
}

#[cfg(test)]
mod tests;
