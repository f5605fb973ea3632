//! What was sent and what came of it, as the devices tell.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use tidings_sdk::protocol::{MessageNew, MessageSent};
use tokio::sync::Notify;

use super::plan::Message;

/// Slow deliveries that are told of.
const SLOWEST_MAX: usize = 10;

/// A promise that did not hold, with what shows it.
pub(super) type Violation = String;

pub(super) struct Entry {
    pub(super) message: Message,
    sent_at: Instant,
    pub(super) accepted: Option<Accepted>,
}

#[derive(Clone)]
pub(super) struct Accepted {
    pub(super) sequence: u64,
    pub(super) message_id: String,
}

#[derive(Default)]
pub(super) struct Ledger {
    book: Mutex<Book>,
    changed: Notify,
}

#[derive(Default)]
pub(super) struct Book {
    /// By clientMsgId, which is unique in a run.
    pub(super) entries: HashMap<String, Entry>,
    pub(super) accepted: usize,
    pub(super) duplicates: usize,
    /// From the first sending to the acceptance.
    pub(super) to_sent: Vec<Duration>,
    /// From the first sending until a device has it that was started before.
    pub(super) to_started: Vec<Duration>,
    /// The same for devices that were started after the sending.
    pub(super) to_away: Vec<Duration>,
    /// The slowest deliveries, to whom and of what.
    pub(super) slowest: Vec<(Duration, String)>,
    pub(super) receipts: usize,
    pub(super) violations: Vec<Violation>,
}

impl Ledger {
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("a book that nobody has torn")
    }

    pub(super) fn violation(&self, what: String) {
        self.book().violations.push(what);
    }

    pub(super) fn sending(&self, message: Message) {
        let id = message.client_msg_id.clone();
        let entry = Entry { message, sent_at: Instant::now(), accepted: None };
        self.book().entries.insert(id, entry);
    }

    /// A device was told that its message was accepted.
    pub(super) fn accepted(&self, device: &str, sent: &MessageSent) {
        let mut guard = self.book();
        let book = &mut *guard;
        book.duplicates += usize::from(sent.duplicate);
        let now = Accepted { sequence: sent.sequence, message_id: sent.message_id.clone() };
        let Some(entry) = book.entries.get_mut(&sent.client_msg_id) else {
            book.violations.push(format!("{device} was told of {}, which was never sent", sent.client_msg_id));
            return;
        };
        match &entry.accepted {
            None => {
                book.to_sent.push(entry.sent_at.elapsed());
                entry.accepted = Some(now);
                book.accepted += 1;
            }
            Some(before) if before.sequence != now.sequence || before.message_id != now.message_id => {
                book.violations.push(format!(
                    "accepted twice: {} of {device}, in {}: at {} and at {}",
                    sent.client_msg_id, sent.conversation_id, before.sequence, now.sequence
                ));
            }
            Some(_) => {}
        }
        drop(guard);
        self.changed.notify_waiters();
    }

    /// A device, in a life that started then, has received a message of another.
    pub(super) fn delivered(&self, device: &str, message: &MessageNew, life_started: Instant) {
        let mut book = self.book();
        let Some(sent_at) = book.entries.get(&message.client_msg_id).map(|entry| entry.sent_at) else { return };
        let took = sent_at.elapsed();
        if life_started < sent_at {
            book.to_started.push(took);
        } else {
            book.to_away.push(took);
        }
        if book.slowest.len() < SLOWEST_MAX || took > book.slowest[SLOWEST_MAX - 1].0 {
            let what = format!(
                "{} at {} to {device}, whose client had run for {:.0} s",
                message.conversation_id,
                message.sequence,
                life_started.elapsed().as_secs_f32()
            );
            book.slowest.push((took, what));
            book.slowest.sort_by_key(|(took, _)| std::cmp::Reverse(*took));
            book.slowest.truncate(SLOWEST_MAX);
        }
    }

    /// Waits until so many messages have been accepted.
    pub(super) async fn have_accepted(&self, count: usize) {
        loop {
            let changed = self.changed.notified();
            if self.book().accepted >= count {
                return;
            }
            changed.await;
        }
    }
}
